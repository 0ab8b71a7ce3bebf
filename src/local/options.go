package local

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// Values of Options.CPU.
const (
	CPUQuota = "quota" // memory/1769 of a CPU while a request is served, all of it during init, as Lambda does
	CPUOff   = "off"   // no CPU limit
)

// DefaultLogBytes is how much of a function's log is kept where nothing else is said.
const DefaultLogBytes = 10 << 20

// Options are the settings of a platform. Dir and Token must be set; the zero value of the rest is the default.
type Options struct {
	Dir           string        // state folder, absolute; made if missing, must be empty, removed by Close
	Token         string        // bearer token of the control API
	Version       string        // what /v1/status says of the program
	ControlPort   int           // 0: any free one
	GatewayPort   int           // 0: any free one
	Region        string        // AWS_REGION of functions; default local
	InitTimeout   time.Duration // process start to its first request for work; default 10 s
	MaxUnpacked   int64         // bytes of one unpacked package; default 10 GiB
	MaxEntries    int           // files and folders in one package; default 100000
	MaxInstances  int           // on the whole platform, to protect the machine; default 3000
	LogBytes      int64         // kept per function; default DefaultLogBytes
	CPU           string        // CPUQuota (default) or CPUOff
	NoMemoryLimit bool          // do not enforce the memory of functions
	// UnpackDelay makes each cold start longer before its process or container is begun, as if the package took longer
	// to fetch and to unpack. It is for tests.
	UnpackDelay time.Duration
	// Getenv is the environment in which the Engine and its registries are found; default: this process's.
	Getenv func(string) string
	Warnf  func(format string, args ...any) // gets what a person should know; default: nothing

	environ []string // for credential helpers, added to this process's
	// Leads to the watcher. Without one, instances have their parent-death signal (Linux) or end with their connection.
	watchPipe    *os.File
	ownNumbers   bool                             // it is in a namespace of its own for processes
	stateFile    string                           // removed with the platform; see ServeCommand
	pid          int                              // of the platform as others see it; 0: ask
	namespaces   sandbox.Level                    // the best to try; empty: the best of all
	noNamespaces string                           // why functions share /tmp; empty: they do not, or it is found out
	bodyIdle     time.Duration                    // longest pause in a request's body; default 30 s
	eventPauses  [eventAttempts - 1]time.Duration // before further attempts of an event; default Lambda's
	maxTmp       int64                            // bytes that an instance's /tmp may hold; default 512 MB
	tmpPeriod    time.Duration                    // how often that is looked at; default 1 s
}

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" || !filepath.IsAbs(o.Dir) {
		return o, fail.Input("local platform: state folder %q is not an absolute path", o.Dir)
	}
	if len(o.Token) < 16 {
		return o, fail.Input("local platform: the token has %d characters, it needs at least 16", len(o.Token))
	}
	o.CPU = cmp.Or(o.CPU, CPUQuota)
	if o.CPU != CPUQuota && o.CPU != CPUOff {
		return o, fail.Input("local platform: CPU limit %q: allowed are %q and %q", o.CPU, CPUQuota, CPUOff)
	}
	o.Version = cmp.Or(o.Version, "unknown")
	o.Region = cmp.Or(o.Region, "local")
	o.InitTimeout = cmp.Or(o.InitTimeout, 10*time.Second)
	o.MaxUnpacked = cmp.Or(o.MaxUnpacked, 10<<30)
	o.MaxEntries = cmp.Or(o.MaxEntries, 100_000)
	o.MaxInstances = cmp.Or(o.MaxInstances, 3000)
	o.LogBytes = cmp.Or(o.LogBytes, DefaultLogBytes)
	o.bodyIdle = cmp.Or(o.bodyIdle, bodyIdle)
	o.eventPauses = cmp.Or(o.eventPauses, eventPauses())
	o.maxTmp = cmp.Or(o.maxTmp, maxTmp)
	o.tmpPeriod = cmp.Or(o.tmpPeriod, tmpPeriod)
	o.pid = cmp.Or(o.pid, os.Getpid())
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	if o.Warnf == nil {
		o.Warnf = func(string, ...any) {}
	}
	return o, nil
}

// runHelper runs a credential helper in the environment of the user who started the platform.
func (o *Options) runHelper(ctx context.Context, c shell.Command) (shell.Result, error) {
	c.Env = slices.Concat(o.environ, c.Env)
	return shell.Run(ctx, c)
}

// StateRoot is the folder with the state of local platforms: $XDG_STATE_HOME/stellar/local, default
// ~/.local/state/stellar/local. getenv is the caller's environment.
func StateRoot(getenv func(string) string) (string, error) {
	if dir := getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "stellar", "local"), nil
	}
	if home := getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".local", "state", "stellar", "local"), nil
	}
	return "", fail.Input("local platform: no folder for its state: " +
		"neither XDG_STATE_HOME nor HOME is an absolute path").
		WithHint("set HOME or XDG_STATE_HOME")
}

// makeStateDir makes the folder, or takes an existing empty one.
func makeStateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fail.With(fail.CodeFailed, "local platform: make state folder: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fail.With(fail.CodeFailed, "local platform: read state folder: %w", err)
	}
	if len(entries) > 0 {
		return fail.Input("local platform: state folder %s is not empty (it holds %s)", dir, entries[0].Name())
	}
	return nil
}

// architecture is what this machine can run, in the experiment file's words.
const architecture = runtime.GOARCH
