// Package deploy drives the Serverless CLI and reads its output; the stage that deploys a run's functions is here too.
package deploy

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"stellar/src/fail"
	"stellar/src/provider"
	"stellar/src/shell"
)

// Names are the commands that serve as the Serverless CLI, the one that is pinned first.
var names = []string{"osls", "serverless", "sls"}

// Serverless is the Serverless CLI on one service folder.
type Serverless struct {
	Bin     string
	Dir     string   // folder of serverless.yml
	Env     []string // KEY=value: where the platform is, credentials
	Secrets []string // values in Env that must not be shown
	Runner  shell.Runner
	Cache   string // folder for what the CLI keeps between runs; empty: its own choice, in the home
	Log     func(line string)
}

var _ provider.Serverless = (*Serverless)(nil)

// quiet keeps the CLI from asking, drawing progress and warning of deprecations: a measurement run is no time for it.
var quiet = []string{"CI=1", "NO_COLOR=1", "SLS_DEPRECATION_DISABLE=*"}

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
		WithHint("install it: `npm install -g osls@4.3.1`, or `make setup` in a clone of stellar")
}

var versionLine = regexp.MustCompile(`(?m)^.*\b(\d+)\.\d+\.\d+\b.*$`)

// Version asks the CLI for its version and refuses those that cannot run our plugin: below 3, and serverless 4, which
// wants an account.
func Version(ctx context.Context, run shell.Runner, bin string) (string, error) {
	res, err := run(ctx, shell.Command{Name: bin, Args: []string{"--version"}, Env: quiet, Timeout: versionTimeout})
	if err != nil {
		return "", err
	}
	line := versionLine.FindStringSubmatch(res.Stdout)
	if line == nil {
		return "", &fail.Error{Code: fail.CodeInput, Output: res.Stdout, Err: fail.Input("%s --version printed no version", bin)}
	}
	text := strings.TrimSpace(line[0])
	osls := strings.Contains(strings.ToLower(res.Stdout), "osls") || filepath.Base(bin) == "osls"
	if line[1] == "3" || (osls && line[1] >= "3") {
		return text, nil
	}
	return "", fail.Input("%s is version %s; stellar needs osls, or serverless 3", bin, text).
		WithHint("install it: `npm install -g osls@4.3.1`, or `make setup` in a clone of stellar")
}

func (s *Serverless) command(ctx context.Context, verb string, retry shell.Retry) (string, error) {
	env := slices.Concat(quiet, s.Env)
	if s.Cache != "" {
		env = append(env, "SLS_SCHEMA_CACHE_BASE_DIR="+s.Cache)
	}
	res, err := s.Runner(ctx, shell.Command{Name: s.Bin, Args: []string{verb}, Dir: s.Dir, Env: env,
		Timeout: commandTimeout, Retry: retry, Secrets: s.Secrets, Line: s.Log})
	text := res.Stdout + res.Stderr
	// The output is kept beside serverless.yml: a reader of the results sees what the CLI said.
	if werr := os.WriteFile(filepath.Join(s.Dir, verb+".txt"), []byte(text), 0o644); err == nil && werr != nil {
		return text, werr
	}
	return text, err
}

// Deploy runs `serverless deploy` once: a deployment that failed half-way is removed, not tried over.
func (s *Serverless) Deploy(ctx context.Context) (string, error) {
	return s.command(ctx, "deploy", shell.Retry{})
}

// Info runs `serverless info`.
func (s *Serverless) Info(ctx context.Context) (string, error) {
	return s.command(ctx, "info", shell.Retry{})
}

// Remove runs `serverless remove`; whoever undoes tries again.
func (s *Serverless) Remove(ctx context.Context) (string, error) {
	return s.command(ctx, "remove", shell.Retry{})
}
