package cli

import (
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local"
	"github.com/vhive-serverless/STeLLAR/src/local/client"
)

func (c *command) localCommand() *cli.Command {
	return &cli.Command{
		Name: "local", Usage: "the local platform: a Lambda-compatible FaaS on this machine",
		Description: "A run with \"Provider\": \"local\" starts a platform of its own. These commands are for one " +
			"that stays,\nto deploy to by hand or to keep functions on.\n\n" +
			example("stellar local start", "cd my-service && stellar local plugin .serverless_plugins && osls deploy"),
		Subcommands: []*cli.Command{c.localStart(), c.localStatus(), c.localStop(), c.localLogs(), c.localPlugin(),
			c.localServe()},
		Action: func(cc *cli.Context) error {
			return unknownCommand(cc, "start, status, stop, logs or plugin")
		},
	}
}

func (c *command) localStart() *cli.Command {
	return &cli.Command{
		Name: "start", Usage: "start the platform; it stays until it is stopped",
		Description: example("stellar local start --gateway-port 8080"),
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "gateway-port", Usage: "`PORT` that functions answer on (0: any free one)"},
			&cli.IntFlag{Name: "control-port", Usage: "`PORT` of the control API (0: any free one)"},
			&cli.StringFlag{Name: "cpu", Value: local.CPUQuota,
				Usage: "`LIMIT` on CPU: quota (in proportion to memory, as Lambda) or off"},
			jsonFlag("where it is"),
		},
		Action: func(cc *cli.Context) error {
			root, err := local.StateRoot(c.Getenv)
			if err != nil {
				return err
			}
			state, started, err := local.Detach(cc.Context,
				local.SpawnOptions{Root: root, Executable: c.Executable, Options: local.Options{
					Version: Version(), GatewayPort: cc.Int("gateway-port"), ControlPort: cc.Int("control-port"),
					CPU: cc.String("cpu")}})
			if err != nil {
				return err
			}
			keys := state.Keys()
			if cc.Bool("json") {
				return c.printJSON(map[string]any{"url": state.URL, "gateway": state.Gateway, "pid": state.PID,
					"started": started, "accessKeyID": keys.ID, "secretAccessKey": keys.Secret})
			}
			word := "started"
			if !started {
				word = "runs already"
			}
			printf(c.Stdout, "the local platform %s: functions on %s, control API on %s, process %d\n", word,
				state.Gateway, state.URL, state.PID)
			printf(c.Stdout, "for boto3, the AWS CLI and other clients of AWS Lambda:\n"+
				"  export AWS_ENDPOINT_URL_LAMBDA=%s AWS_REGION=local AWS_DEFAULT_REGION=local\n"+
				"  export AWS_ACCESS_KEY_ID=%s AWS_SECRET_ACCESS_KEY=%s\n", state.Gateway, keys.ID, keys.Secret)
			return nil
		},
	}
}

// platform finds the platform that stays; nil where none runs.
func (c *command) platform(cc *cli.Context) (*local.State, error) {
	root, err := local.StateRoot(c.Getenv)
	if err != nil {
		return nil, err
	}
	return local.Running(cc.Context, root)
}

func (c *command) localStatus() *cli.Command {
	return &cli.Command{
		Name: "status", Usage: "say whether it runs, and what is deployed on it",
		Description: example("stellar local status --json"),
		Flags:       []cli.Flag{jsonFlag("the status")},
		Action: func(cc *cli.Context) error {
			state, err := c.platform(cc)
			if err != nil {
				return err
			}
			if state == nil {
				if cc.Bool("json") {
					return c.printJSON(map[string]bool{"running": false})
				}
				printf(c.Stdout, "the local platform is not running\n")
				return nil
			}
			status, err := state.Client().Status(cc.Context)
			if err != nil {
				return err
			}
			services, err := state.Client().Services(cc.Context)
			if err != nil {
				return err
			}
			if cc.Bool("json") {
				return c.printJSON(map[string]any{"running": true, "status": status, "services": services})
			}
			c.printStatus(status, services)
			return nil
		},
	}
}

func (c *command) printStatus(status client.Status, services []client.Service) {
	printf(c.Stdout, "the local platform runs since %s (process %d, %s): functions on %s\n",
		status.StartedAt.Format(time.RFC3339), status.PID, status.Version, status.Gateway)
	printf(c.Stdout, "%s, %s; limits: memory %t, CPU %t%s\n", counted(len(services), "service"),
		counted(status.Instances, "instance"),
		status.Limits.Memory, status.Limits.CPU, because(status.Limits.Why))
	for _, s := range services {
		printf(c.Stdout, "\n%s\n", s.Service)
		for _, f := range s.Functions {
			printf(c.Stdout, "  %-10s %-12s %5d MB  %s  %s\n", f.Name, f.Runtime, f.MemoryMB,
				counted(f.Instances, "instance"),
				f.URL)
		}
	}
}

// because is a reason in brackets, where there is one.
func because(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}

func (c *command) localStop() *cli.Command {
	return &cli.Command{
		Name: "stop", Usage: "stop it, with every function on it", Description: example("stellar local stop"),
		Action: func(cc *cli.Context) error {
			root, err := local.StateRoot(c.Getenv)
			if err != nil {
				return err
			}
			stopped, err := local.Stop(cc.Context, root)
			if err != nil {
				return err
			}
			if stopped {
				printf(c.Stdout, "the local platform is stopped\n")
			} else {
				printf(c.Stdout, "the local platform is not running\n")
			}
			return nil
		},
	}
}

func (c *command) localLogs() *cli.Command {
	return &cli.Command{
		Name: "logs", Usage: "print the log of a function",
		Description: example("stellar local logs --function f0-0 --follow"),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "function", Aliases: []string{"f"}, Usage: "`NAME` of the function"},
			&cli.StringFlag{Name: "service", Usage: "`NAME` of the service, where several have the function"},
			&cli.BoolFlag{Name: "follow", Usage: "go on with what is added"},
		},
		Action: func(cc *cli.Context) error {
			state, err := c.platform(cc)
			if err != nil {
				return err
			}
			if state == nil {
				return fail.With(fail.CodeFailed, "the local platform is not running").
					WithHint("`stellar local start` starts it")
			}
			platform := state.Client()
			service, err := findFunction(cc, platform)
			if err != nil {
				return err
			}
			return c.copyLog(cc, platform, service)
		},
	}
}

func findFunction(cc *cli.Context, platform *client.Client) (service string, err error) {
	name := cc.String("function")
	if name == "" {
		return "", fail.Input("stellar local logs needs --function").
			WithHint("`stellar local status` lists the functions")
	}
	services, err := platform.Services(cc.Context)
	if err != nil {
		return "", err
	}
	var found []string
	for _, s := range services {
		for _, f := range s.Functions {
			if f.Name == name && (cc.String("service") == "" || s.Service == cc.String("service")) {
				found = append(found, s.Service)
			}
		}
	}
	switch len(found) {
	case 0:
		return "", fail.Input("there is no function %q", name).WithHint("`stellar local status` lists the functions")
	case 1:
		return found[0], nil
	}
	return "", fail.Input("%d services have a function %q: %v", len(found), name, found).
		WithHint("name one with --service")
}

const followEvery = 300 * time.Millisecond

// copyLog prints a log. What a function printed may hold terminal escapes, which are shown, not obeyed.
func (c *command) copyLog(cc *cli.Context, platform *client.Client, service string) error {
	for offset := int64(0); ; {
		text, next, err := platform.Logs(cc.Context, service, cc.String("function"), offset)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(c.Stdout, local.Printable(string(text))); err != nil {
			return err
		}
		more := next > offset && len(text) > 0
		offset = next
		switch {
		case c.stdout.closed.Load():
			return nil
		case more:
			continue
		case !cc.Bool("follow"):
			return nil
		}
		select {
		case <-cc.Context.Done():
			return nil
		case <-time.After(followEvery):
		}
	}
}

// localServe is the platform itself: what `local start` and a run start as a child process.
func (c *command) localServe() *cli.Command {
	return &cli.Command{
		Name: "serve", Hidden: true, SkipFlagParsing: true,
		Action: func(cc *cli.Context) error {
			return local.ServeCommand(cc.Context, local.ServeIO{Args: cc.Args().Slice(), Stdin: c.Stdin,
				Stdout: c.outside.Stdout, // the platform ends if its address cannot be written
				Stderr: c.Stderr, Getenv: c.Getenv, Version: Version()})
		},
	}
}
