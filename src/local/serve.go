package local

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"stellar/src/fail"
)

// TokenVariable carries the control API's token to a platform and to the serverless plugin.
const TokenVariable = "STELLAR_LOCAL_TOKEN"

// ServeIO is what the hidden command `stellar local serve` gives its body.
type ServeIO struct {
	Args    []string // what follows `local serve`
	Stdin   io.Reader
	Stdout  io.Writer // gets one JSON line: {"url","gateway","pid","dir"}
	Stderr  io.Writer // warnings
	Getenv  func(string) string
	Version string
}

// ServeCommand is the body of the hidden command `stellar local serve`, which Spawn and Detach start: it serves a
// platform until ctx ends, its owner goes, or the control API is told to stop.
func ServeCommand(ctx context.Context, s ServeIO) error {
	opts := Options{Version: s.Version, Token: s.Getenv(TokenVariable)}
	flags := flag.NewFlagSet("local serve", flag.ContinueOnError)
	flags.SetOutput(s.Stderr)
	watcher := flags.Bool("watch", false, "be the watcher of a platform")
	owned := flags.Bool("stdin-owner", false, "end when standard input does")
	state := flags.String("state", "", "file that tells others where the platform is")
	opts.register(flags)
	if err := flags.Parse(s.Args); err != nil {
		return fail.Input("local serve: %w", err)
	}
	if *watcher {
		return Watch(s.Stdin)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if *owned {
		// The owner holds the other end of the pipe: however it ends, the read does too.
		fail.Go(fail.Report(ctx), func() { _, _ = io.Copy(io.Discard, s.Stdin) }, cancel)
	}
	program, err := os.Executable()
	if err != nil {
		return fail.With(fail.CodeFailed, "local serve: %w", err)
	}
	opts.Watcher = []string{program, "local", "serve", "--watch"}
	opts.stateFile = *state
	opts.Warnf = func(format string, args ...any) { fmt.Fprintf(s.Stderr, "local platform: "+format+"\n", args...) }
	p, err := New(opts)
	if err != nil {
		return err
	}
	told := State{URL: p.ControlURL(), Gateway: p.GatewayURL(), PID: os.Getpid(), Dir: opts.Dir}
	if err := announce(s.Stdout, *state, told, opts.Token); err != nil {
		return errors.Join(err, p.Close())
	}
	return errors.Join(p.Serve(ctx), dropState(*state, opts.Dir))
}

// announce tells where the platform is: with its token in the state file, without it on standard output.
func announce(w io.Writer, file string, s State, token string) error {
	if file != "" {
		withToken := s
		withToken.Token = token
		if err := writeState(file, withToken); err != nil {
			return fail.With(fail.CodeFailed, "local platform: write state file: %w", err)
		}
	}
	if err := json.NewEncoder(w).Encode(s); err != nil {
		return fail.With(fail.CodeFailed, "local platform: tell where it is: %w", err)
	}
	return nil
}

// register makes the settings flags, the form in which they travel to a child.
func (o *Options) register(flags *flag.FlagSet) {
	flags.StringVar(&o.Dir, "dir", "", "state folder")
	flags.IntVar(&o.ControlPort, "control-port", 0, "port of the control API")
	flags.IntVar(&o.GatewayPort, "gateway-port", 0, "port of the gateway")
	flags.StringVar(&o.Region, "region", "", "AWS_REGION of functions")
	flags.StringVar(&o.CPU, "cpu", "", "quota or off")
	flags.BoolVar(&o.NoMemoryLimit, "no-memory-limit", false, "do not enforce memory")
	flags.DurationVar(&o.InitTimeout, "init-timeout", 0, "longest start of an instance")
	flags.Int64Var(&o.MaxUnpacked, "max-unpacked", 0, "bytes of one unpacked package")
	flags.IntVar(&o.MaxEntries, "max-entries", 0, "entries of one package")
	flags.IntVar(&o.MaxInstances, "max-instances", 0, "instances on the whole platform")
	flags.Int64Var(&o.LogBytes, "log-bytes", 0, "log kept per function")
}

// args gives the settings as flags. The token is not among them: arguments can be read by every user of the machine.
func (o Options) args() []string {
	return []string{
		"--dir", o.Dir, fmt.Sprintf("--control-port=%d", o.ControlPort), fmt.Sprintf("--gateway-port=%d", o.GatewayPort),
		"--region", o.Region, "--cpu", o.CPU, fmt.Sprintf("--no-memory-limit=%t", o.NoMemoryLimit),
		"--init-timeout", o.InitTimeout.String(), fmt.Sprintf("--max-unpacked=%d", o.MaxUnpacked),
		fmt.Sprintf("--max-entries=%d", o.MaxEntries), fmt.Sprintf("--max-instances=%d", o.MaxInstances),
		fmt.Sprintf("--log-bytes=%d", o.LogBytes),
	}
}

// startTime is how long a platform may take until it has told where it is.
const startTime = 30 * time.Second
