package provider

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"stellar/src/fail"
	"stellar/src/shell"
)

// MainCLI is the Serverless CLI that is pinned for all providers whose plugins load in it.
const MainCLI = ""

// Serverless is the Serverless CLI at work on one service folder. The texts are what it printed.
type Serverless interface {
	// Ready finds the program and its version; it changes nothing.
	Ready(ctx context.Context) Tool
	// Command is what a verb (deploy, info, remove) runs, with its arguments.
	Command(verb string, args ...string) shell.Command
	Deploy(ctx context.Context, args ...string) (string, error)
	Info(ctx context.Context, args ...string) (string, error)
	Remove(ctx context.Context, args ...string) (string, error)
}

// service is what providers share that are deployed to with the Serverless CLI: one folder a unit, with serverless.yml in it.
type service struct {
	Options
	cli string // which Serverless CLI
}

// at is the CLI on a unit's folder.
func (s service) at(u Unit) Serverless {
	return s.Serverless(s.cli, filepath.Join(s.ServiceDir, filepath.FromSlash(u.Dir)))
}

// of is the CLI on the folder of what is to be removed.
func (s service) of(e Endpoint) Serverless {
	dir := e.Detail[DetailDir]
	if dir == "" {
		dir = s.ServiceDir
	}
	return s.Serverless(s.cli, dir)
}

// Commands are `serverless deploy` and `serverless remove` in the unit's folder.
func (s service) Commands(u Unit) (deploy, remove []shell.Command) {
	at := s.at(u)
	return []shell.Command{at.Command("deploy")}, []shell.Command{at.Command("remove")}
}

// Ready finds the Serverless CLI.
func (s service) Ready(ctx context.Context) Readiness {
	return Readiness{Tools: []Tool{s.Serverless(s.cli, s.ServiceDir).Ready(ctx)}}
}

// byFunction gives the endpoints in the functions' order; one that is missing is an error that carries the tool's text.
func byFunction(text string, fns []*Function, stand []Endpoint) ([]Endpoint, error) {
	byName := map[string]Endpoint{}
	for _, e := range stand {
		byName[e.Function] = e
	}
	out := make([]Endpoint, 0, len(fns))
	for _, f := range fns {
		e, ok := byName[f.Name]
		if !ok {
			return nil, outputError(text, "the output names no endpoint for function %s", f.Name)
		}
		e.MemoryMB, e.PackageType = f.MemoryMB, f.PackageType
		if f.Package != nil {
			e.ImageSizeMB = float64(f.Package.Bytes) / mib
		}
		out = append(out, e)
	}
	return out, nil
}

// serverlessError is where the CLI says what went wrong, before a stack that can be longer than what is shown of its output.
var serverlessError = regexp.MustCompile(`(?m)^Error:\s*\n\s*(\S.*)$`)

// explain adds to a failure of the CLI what it gave as its reason.
func explain(text string, err error) error {
	m := serverlessError.FindStringSubmatch(text)
	if err == nil || m == nil {
		return err
	}
	e := &fail.Error{Code: fail.Code(err), Err: fmt.Errorf("%w: %s", err, strings.TrimSpace(m[1])), Hint: fail.Hint(err)}
	var said *fail.Error
	if errors.As(err, &said) {
		e.Output = said.Output
	}
	return e
}
