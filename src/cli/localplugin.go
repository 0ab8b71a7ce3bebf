package cli

import (
	"path"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/plugin"
)

// localPlugin writes the Serverless plugin into a folder, for a service of the user's own.
func (c *command) localPlugin() *cli.Command {
	return &cli.Command{
		Name: "plugin", Usage: "install the Serverless plugin that deploys to the platform", ArgsUsage: "DIR",
		Description: "Writes it into DIR, which a serverless.yml names by its path. It replaces an older one.\n\n" +
			example("stellar local plugin .serverless_plugins"),
		Action: func(cc *cli.Context) error {
			if cc.Args().Len() != 1 {
				return fail.Input("stellar local plugin needs one folder, got %d arguments", cc.Args().Len()).
					WithHint("`stellar local plugin .serverless_plugins` installs it beside a serverless.yml")
			}
			dir := cc.Args().First()
			if err := plugin.Install(dir); err != nil {
				return fail.Input("installing the plugin: %w", err)
			}
			printf(c.Stdout, "the plugin is in %s; in serverless.yml:\n", dir)
			printf(c.Stdout, "  provider: { name: stellar-local }\n  plugins: [%s]\n", pluginPath(dir))
			return nil
		},
	}
}

// pluginPath is how a serverless.yml in the current folder names the plugin in a folder.
func pluginPath(dir string) string {
	file := path.Join(filepath.ToSlash(dir), plugin.Name)
	if filepath.IsAbs(dir) {
		return file
	}
	return "./" + file
}
