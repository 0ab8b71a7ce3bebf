package cli

import (
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/objectstore/embedded"
	"github.com/vhive-serverless/STeLLAR/src/objectstore/s3server"
)

func (c *command) storageCommand() *cli.Command {
	return &cli.Command{
		Name: "storage", Usage: "the embedded object store: S3 on this machine",
		Description: "A local run that passes payloads through storage starts a store of its own. These commands are " +
			"for one that stays,\nto look at, or to use from the AWS CLI, boto3 and other clients of S3.\n\n" +
			example("stellar storage start", "stellar storage stop"),
		Subcommands: []*cli.Command{c.storageStart(), c.storageStatus(), c.storageStop(), c.storageServe()},
		Action: func(cc *cli.Context) error {
			return unknownCommand(cc, "start, status or stop")
		},
	}
}

func (c *command) storageStart() *cli.Command {
	return &cli.Command{
		Name: "start", Usage: "start the store; it stays until it is stopped",
		Description: "It listens on the loopback address. Objects and keys are still there after the next start.\n\n" +
			example("stellar storage start --port 9000", "stellar storage start --dir /mnt/objects"),
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "port",
				Usage: "`PORT` that it answers on (0: that of the last start, else any free one)"},
			&cli.StringFlag{Name: "dir", Usage: "`DIR` for the objects (default: a folder of stellar's state)"},
			jsonFlag("where it is, and its keys"),
		},
		Action: func(cc *cli.Context) error {
			root, err := embedded.StateRoot(c.Getenv)
			if err != nil {
				return err
			}
			o := embedded.Options{Port: cc.Int("port"), Dir: cc.String("dir")}
			if o.Port < 0 || o.Port > 65535 {
				return fail.Input("--port %d: want 0 to 65535", o.Port)
			}
			if o.Dir != "" {
				if o.Dir, err = filepath.Abs(o.Dir); err != nil {
					return fail.Input("--dir: %w", err)
				}
			}
			state, keys, started, err := embedded.Start(cc.Context, root, c.Executable, o)
			if err != nil {
				return err
			}
			if cc.Bool("json") {
				return c.printJSON(storeJSON(state, keys, map[string]any{"started": started}))
			}
			word := "started"
			if !started {
				word = "runs already"
			}
			printf(c.Stdout, "the object store %s: ", word)
			c.printStore(state, keys)
			return nil
		},
	}
}

// printStore prints where a store is, and what a user pastes to use it.
func (c *command) printStore(s embedded.State, k embedded.Keys) {
	printf(c.Stdout, "S3 on %s, process %d, files in %s\n", s.URL, s.PID, s.Dir)
	printf(c.Stdout, "for the AWS CLI, boto3 and other clients of S3:\n"+
		"  export AWS_ENDPOINT_URL_S3=%s AWS_REGION=%s AWS_DEFAULT_REGION=%s\n"+
		"  export AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s\n", s.URL, embedded.Region, embedded.Region, k.ID,
		k.Secret)
}

// storeJSON is where a store is, in the form for programs.
func storeJSON(s embedded.State, k embedded.Keys, more map[string]any) map[string]any {
	out := map[string]any{"url": s.URL, "pid": s.PID, "dir": s.Dir, "region": embedded.Region, "accessKeyID": k.ID,
		"secretAccessKey": k.Secret}
	for name, value := range more {
		out[name] = value
	}
	return out
}

func (c *command) storageStatus() *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "say whether it runs, and how clients use it",
		Description: example("stellar storage status --json"),
		Flags:       []cli.Flag{jsonFlag("the status")},
		Action: func(cc *cli.Context) error {
			root, err := embedded.StateRoot(c.Getenv)
			if err != nil {
				return err
			}
			state, keys, err := embedded.Running(root)
			if err != nil {
				return err
			}
			switch {
			case state == nil && cc.Bool("json"):
				return c.printJSON(map[string]bool{"running": false})
			case state == nil:
				printf(c.Stdout, "the object store is not running\n")
			case cc.Bool("json"):
				return c.printJSON(storeJSON(*state, keys, map[string]any{"running": true}))
			default:
				printf(c.Stdout, "the object store runs: ")
				c.printStore(*state, keys)
			}
			return nil
		},
	}
}

func (c *command) storageStop() *cli.Command {
	return &cli.Command{
		Name: "stop", Usage: "stop it; its objects stay",
		Description: example("stellar storage stop", "stellar storage stop --remove"),
		Flags: []cli.Flag{&cli.BoolFlag{Name: "remove",
			Usage: "also remove all buckets and objects of the store that stays"}},
		Action: func(cc *cli.Context) error {
			root, err := embedded.StateRoot(c.Getenv)
			if err != nil {
				return err
			}
			stopped, err := embedded.Stop(cc.Context, root, cc.Bool("remove"))
			if err != nil {
				return err
			}
			text := "the object store is not running"
			if stopped {
				text = "the object store is stopped"
			}
			if cc.Bool("remove") {
				text += "; its objects are removed"
			}
			printf(c.Stdout, "%s\n", text)
			return nil
		},
	}
}

// storageServe is the store itself: what `storage start` and a run start as a child process.
func (c *command) storageServe() *cli.Command {
	return &cli.Command{
		Name: "serve", Hidden: true, SkipFlagParsing: true,
		Action: func(cc *cli.Context) error {
			return embedded.ServeCommand(cc.Context, embedded.ServeIO{Args: cc.Args().Slice(), Stdin: c.Stdin,
				Stdout: c.outside.Stdout, // the store ends if its address cannot be written
				Stderr: c.Stderr}, s3server.Serve)
		},
	}
}
