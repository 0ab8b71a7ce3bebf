// Package deploy drives the Serverless CLI and reads its output; the stage that deploys a run's functions is here too.
package deploy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/shell"
	"github.com/vhive-serverless/STeLLAR/src/toolversion"
)

// Names are the commands that serve as the Serverless CLI, the one that is pinned first.
var names = []string{"osls", "serverless", "sls"}

// Kit is what Serverless CLIs are opened with.
type Kit struct {
	Getenv  func(string) string
	Runner  shell.Runner
	Scripts string   // folder in which `make setup` installs CLIs, each in a folder of its own
	Env     []string // KEY=value: where the platform is, credentials
	Secrets []string // values in Env that must not be shown
	Hide    bool     // the functions' environment has secrets: what the CLI puts together is not kept
	Cache   string   // folder for what the CLI keeps between runs; empty: its own choice, in the home
	Log     func(line string)
	Timeout time.Duration // of one command; default 20 minutes
	Retry   shell.Retry   // of a deployment that the vendor throttles; zero value: none
}

// Open gives a CLI on a folder; which is provider.MainCLI or another's name.
func (k Kit) Open(which, dir string) provider.Serverless {
	s := &Serverless{Dir: dir, Env: k.Env, Secrets: k.Secrets, Hide: k.Hide, Runner: k.Runner, Cache: k.Cache,
		Log:     k.Log,
		Timeout: cmp.Or(k.Timeout, commandTimeout), Retry: k.Retry}
	s.Bin, s.missing = k.find(which)
	s.flavour = which
	return s
}

func (k Kit) find(which string) (string, error) {
	if which == provider.MainCLI {
		return FindServerless(k.Getenv, filepath.Join(k.Scripts, "serverless", "node_modules", ".bin"))
	}
	return findOther(k.Getenv, which, k.Scripts)
}

// findOther finds a CLI that one provider needs for itself: named by STELLAR_SERVERLESS_<WHICH>, or installed by `make
// <which>`.
func findOther(getenv func(string) string, which, scripts string) (string, error) {
	name := "STELLAR_SERVERLESS_" + strings.ToUpper(which)
	if bin := getenv(name); bin != "" {
		if _, err := os.Stat(bin); err != nil {
			return "", fail.Input("%s: %w", name, err)
		}
		return bin, nil
	}
	dir := "serverless-" + which
	bin := filepath.Join(scripts, dir, "node_modules", ".bin", "serverless")
	if _, err := os.Stat(bin); err == nil {
		return bin, nil
	}
	return "", fail.Input("the Serverless CLI for %s is not installed", which).
		WithHint("run `make %s` in a clone of stellar, or name its program in %s", which, name)
}

// Serverless is the Serverless CLI on one service folder.
type Serverless struct {
	Bin     string
	Dir     string // folder of serverless.yml
	Env     []string
	Secrets []string
	Hide    bool
	Runner  shell.Runner
	Cache   string
	Log     func(line string)
	Timeout time.Duration
	Retry   shell.Retry // of Deploy

	flavour string
	missing error // why there is no Bin
}

var _ provider.Serverless = (*Serverless)(nil)

// Ready says which program it is and its version.
func (s *Serverless) Ready(ctx context.Context) provider.Tool {
	if s.missing != nil {
		return provider.Tool{Name: "serverless", Err: s.missing}
	}
	t := provider.Tool{Name: filepath.Base(s.Bin)}
	t.Version, t.Err = Version(ctx, s.Runner, s.Bin)
	return t
}

// quiet keeps the CLI from asking, drawing progress, warning of deprecations, sending word of its use and replacing
// itself by a newer version: a measurement run is no time for it. Serverless 3 would also start npm each time, to learn
// whether it may replace itself.
var quiet = []string{"CI=1", "NO_COLOR=1", "SLS_DEPRECATION_DISABLE=*", "SLS_NOTIFICATIONS_MODE=off",
	"SLS_TELEMETRY_DISABLED=1", "SLS_DISABLE_AUTO_UPDATE=1"}

const (
	commandTimeout = 20 * time.Minute
	versionTimeout = time.Minute
)

// FindServerless finds the Serverless CLI: in STELLAR_SERVERLESS, on the PATH, or installed by `make setup` beside the
// binary (dirs). The error says how to get it.
func FindServerless(getenv func(string) string, dirs ...string) (string, error) {
	if bin := getenv("STELLAR_SERVERLESS"); bin != "" {
		if _, err := os.Stat(bin); err != nil {
			return "", fail.Input("STELLAR_SERVERLESS: %w", err)
		}
		return bin, nil
	}
	for _, name := range names {
		if bin, err := shell.LookPath(name, dirs...); err == nil {
			return bin, nil
		}
	}
	return "", fail.Input("the Serverless CLI is not on the PATH (looked for %s)", strings.Join(names, ", ")).
		WithHint(installServerless)
}

const (
	oslsPackage       = "osls"
	installServerless = "install it: `npm install -g osls@4.3.1`, or `make setup` in a clone of stellar"
)

var versionLine = regexp.MustCompile(`(?m)^.*\b(\d+)\.\d+\.\d+\b.*$`)

// Version finds the CLI's version and refuses those that cannot run our plugin: below 3, and serverless 4, which
// requires an account. It reads the version from the CLI's npm package if the command certainly runs that package.
// Otherwise it runs the CLI with --version.
func Version(ctx context.Context, run shell.Runner, bin string) (string, error) {
	if name, version, ok := provider.InstalledPackage(ctx, run, bin, oslsPackage, "serverless"); ok {
		text := "Framework Core: " + version // as the CLI prints it
		if name == oslsPackage {
			text = "osls version: " + version
		}
		return accepted(bin, text, name == oslsPackage, toolversion.Of(version).Numbers[0])
	}
	res, err := run(ctx, shell.Command{Name: bin, Args: []string{"--version"}, Env: quiet, Timeout: versionTimeout})
	if err != nil {
		return "", fail.OrHint(err, installServerless)
	}
	line := versionLine.FindStringSubmatch(res.Stdout)
	if line == nil {
		return "", &fail.Error{Code: fail.CodeInput, Output: res.Stdout,
			Err: fail.Input("%s --version printed no version", bin)}
	}
	text := strings.TrimSpace(line[0])
	osls := strings.Contains(strings.ToLower(res.Stdout), "osls") || filepath.Base(bin) == "osls"
	major, _ := strconv.Atoi(line[1]) // digits; of more than an int holds it is the largest
	return accepted(bin, text, osls, major)
}

// accepted is the version as it is shown, or why the CLI cannot be used.
func accepted(bin, text string, osls bool, major int) (string, error) {
	if major == 3 || osls && major > 3 {
		return text, nil
	}
	return "", fail.Input("%s is version %s; stellar needs osls, or serverless 3", bin, text).
		WithHint(installServerless)
}

// Command is what a verb runs, as a shell runs it: the program by its name where the PATH leads to it, else by its
// path.
func (s *Serverless) Command(verb string, args ...string) shell.Command {
	name := "osls"
	if s.flavour != provider.MainCLI {
		name = "serverless"
	}
	if s.Bin != "" {
		name = filepath.Base(s.Bin)
		if found, err := shell.LookPath(name); filepath.IsAbs(s.Bin) && (err != nil || found != s.Bin) {
			name = s.Bin
		}
	}
	return shell.Command{Name: name, Args: append([]string{verb}, args...), Dir: s.Dir}
}

func (s *Serverless) command(ctx context.Context, retry shell.Retry, verb string, args []string) (string, error) {
	if s.missing != nil {
		return "", s.missing
	}
	c := s.Command(verb, args...)
	c.Name, c.Timeout, c.Retry, c.Secrets, c.Line = s.Bin, s.Timeout, retry, s.Secrets, s.Log
	c.Env = slices.Concat(quiet, s.Env)
	if s.Cache != "" {
		c.Env = append(c.Env, "SLS_SCHEMA_CACHE_BASE_DIR="+s.Cache)
	}
	res, err := s.Runner(ctx, c)
	text := res.Stdout + res.Stderr
	if s.Hide {
		// The template that the CLI sends, with the values of all variables in it.
		if rerr := os.RemoveAll(filepath.Join(s.Dir, packagedFolder)); rerr != nil {
			return text, errors.Join(err, fmt.Errorf("remove what the Serverless CLI has packaged: %w", rerr))
		}
	}
	// The output is kept beside serverless.yml: a reader of the results sees what the CLI said.
	if werr := os.WriteFile(filepath.Join(s.Dir, verb+".txt"), []byte(text), 0o644); err == nil && werr != nil {
		return text, werr
	}
	return text, err
}

// packagedFolder is where the CLI puts what it has put together.
const packagedFolder = ".serverless"

// Deploy runs `serverless deploy`: again where the vendor throttles, once otherwise. A deployment that failed half-way
// is removed, not tried over.
func (s *Serverless) Deploy(ctx context.Context, args ...string) (string, error) {
	return s.command(ctx, s.Retry, "deploy", args)
}

// Info runs `serverless info`.
func (s *Serverless) Info(ctx context.Context, args ...string) (string, error) {
	return s.command(ctx, shell.Retry{}, "info", args)
}

// Remove runs `serverless remove` once; the undo repeats it.
func (s *Serverless) Remove(ctx context.Context, args ...string) (string, error) {
	return s.command(ctx, shell.Retry{}, "remove", args)
}
