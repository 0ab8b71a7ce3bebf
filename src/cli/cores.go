package cli

import (
	"github.com/urfave/cli/v2"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

func clientCoresFlag() cli.Flag {
	return &cli.StringFlag{Name: "client-cores",
		Usage: "while measuring, the client runs on `CORES` (0 or 0-1,4), the local platform on all others; Linux"}
}

// clientCores are the cores that the client is to have to itself; nil: it shares all.
func clientCores(cc *cli.Context) (app.Cores, error) {
	if !cc.IsSet("client-cores") {
		return nil, nil
	}
	cores, err := app.ParseCores(cc.String("client-cores"))
	if err != nil {
		return nil, fail.Input("--client-cores: %w", err)
	}
	if cc.Bool("keep") {
		return nil, fail.Input("--client-cores and --keep: a local platform that stays uses all cores").
			WithHint("leave one of them out")
	}
	return cores, nil
}
