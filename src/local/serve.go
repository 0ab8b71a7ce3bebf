package local

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
)

// TokenVariable carries the control API's token to the serverless plugin.
const TokenVariable = "STELLAR_LOCAL_TOKEN"

// ServeIO is the input and output of the hidden command `stellar local serve`.
type ServeIO struct {
	Args    []string // what follows `local serve`
	Stdin   io.Reader
	Stdout  io.Writer // gets one JSON line: {"url","gateway","pid","dir"}
	Stderr  io.Writer // warnings
	Getenv  func(string) string
	Version string
}

// ServeCommand runs the hidden command `stellar local serve`, which Spawn and Detach start: the watcher, which starts
// the platform, or, with --platform, the platform itself. It serves until ctx ends, its owner ends, or the control API
// is asked to stop.
func ServeCommand(ctx context.Context, s ServeIO) error {
	opts := Options{Version: s.Version}
	flags := flag.NewFlagSet("local serve", flag.ContinueOnError)
	flags.SetOutput(s.Stderr)
	inside := flags.String("platform", "", "run the platform, in namespaces of this level")
	why := flags.String("why", "", "why better namespaces do not work")
	owned := flags.Bool("stdin-owner", false, "end when standard input does")
	flags.StringVar(&opts.stateFile, "state", "", "file for the platform's address")
	opts.register(flags)
	if err := flags.Parse(s.Args); err != nil {
		return fail.Input("local serve: %w", err)
	}
	// The reader of the warnings may end first: a failed write must not end the process that cleans up.
	closedPipes := make(chan os.Signal, 1)
	signal.Notify(closedPipes, syscall.SIGPIPE)
	defer signal.Stop(closedPipes)
	if *inside == "" {
		return supervise(ctx, s, opts.namespaces)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if *owned {
		// The owner holds the other end of the pipe: however it ends, the read does too.
		fail.Go(fail.Report(ctx), func() { _, _ = io.Copy(io.Discard, s.Stdin) }, cancel)
	}
	opts.noNamespaces = *why
	opts.Warnf = func(format string, args ...any) { fmt.Fprintf(s.Stderr, "local platform: "+format+"\n", args...) }
	return servePlatform(ctx, s.Stdout, sandbox.Level(*inside), opts)
}

// servePlatform is the platform in its process. If the namespaces do not work, it reports that to its watcher, which
// starts it again without them.
func servePlatform(ctx context.Context, stdout io.Writer, l sandbox.Level, opts Options) error {
	pipe, err := inherited(watchFD)
	if err != nil {
		return fail.Input("local serve is started by stellar, not by hand: %w", err)
	}
	opts.watchPipe, opts.pid, opts.ownNumbers = pipe, sandbox.OuterPID(), l == sandbox.LevelFull
	_ = inheritAlive(platformAliveFD)
	if err := l.Enter(); err != nil {
		_, err = fmt.Fprintln(pipe, unfitMark+err.Error())
		return err
	}
	sandbox.HideMemory()
	reserveProcessor()
	secret, err := inherited(secretsFD)
	if err != nil {
		return fail.With(fail.CodeFailed, "local serve: %w", err)
	}
	told, err := readSecrets(secret)
	if err != nil {
		return fail.With(fail.CodeFailed, "local serve: %w", err)
	}
	opts.Token, opts.Getenv, opts.environ = told.Token, told.getenv, told.Environ
	sandbox.AdoptOrphans()
	orphans, stop := context.WithCancel(ctx)
	defer stop()
	fail.Go(fail.Report(ctx), func() { sandbox.ReapOrphans(orphans) })
	p, err := New(opts)
	if err != nil {
		return err
	}
	ballast := make([]byte, gcBallast)
	defer runtime.KeepAlive(ballast)
	where := State{URL: p.ControlURL(), Gateway: p.GatewayURL(), PID: opts.pid, Dir: opts.Dir}
	if err := announce(stdout, opts.stateFile, where, opts.Token); err != nil {
		return errors.Join(err, p.Close())
	}
	return errors.Join(p.Serve(ctx), dropState(opts.stateFile, opts.Dir))
}

// gcBallast is memory that is reserved and never touched, so that it is not resident: the collector counts it, and runs
// after 32 MB of new objects at the earliest, not after the runtime's 4 MB, which a hundred requests make.
const gcBallast = 32 << 20

// announce reports the address: with the token in the state file, without it on standard output.
func announce(w io.Writer, file string, s State, token string) error {
	if file != "" {
		withToken := s
		withToken.Token = token
		if err := writeState(file, withToken); err != nil {
			return fail.With(fail.CodeFailed, "local platform: write state file: %w", err)
		}
	}
	if err := json.NewEncoder(w).Encode(s); err != nil {
		return fail.With(fail.CodeFailed, "local platform: report its address: %w", err)
	}
	return nil
}

// register makes the settings flags, the form in which a child gets them.
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
	flags.StringVar((*string)(&o.namespaces), "namespaces", "", "the best namespaces to try: processes, mounts or none")
}

// args returns the settings as flags. The token is not among them: arguments can be read by every user of the machine.
func (o Options) args() []string {
	return []string{
		"--dir", o.Dir, fmt.Sprintf("--control-port=%d", o.ControlPort),
		fmt.Sprintf("--gateway-port=%d", o.GatewayPort),
		"--region", o.Region, "--cpu", o.CPU, fmt.Sprintf("--no-memory-limit=%t", o.NoMemoryLimit),
		"--init-timeout", o.InitTimeout.String(), fmt.Sprintf("--max-unpacked=%d", o.MaxUnpacked),
		fmt.Sprintf("--max-entries=%d", o.MaxEntries), fmt.Sprintf("--max-instances=%d", o.MaxInstances),
		fmt.Sprintf("--log-bytes=%d", o.LogBytes), "--namespaces", string(o.namespaces),
	}
}

// startTime is how long a platform may take until it reports its address.
const startTime = 30 * time.Second
