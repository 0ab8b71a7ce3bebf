package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/shell"
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

// ServerlessVendor is what providers share that are deployed to with the Serverless CLI: one folder a unit, with
// serverless.yml in it.
type ServerlessVendor struct {
	Options
	CLI string // which Serverless CLI
}

// OnUnit is the CLI on the folder of a unit that is to be deployed.
func (s ServerlessVendor) OnUnit(u Unit) Serverless { return s.Serverless(s.CLI, s.UnitFolder(u)) }

// OnFolder is the CLI on the folder of a unit that exists; without one it is that of the service.
func (s ServerlessVendor) OnFolder(u Unit) Serverless {
	return s.Serverless(s.CLI, cmp.Or(u.Folder, s.ServiceDir))
}

// Commands are `serverless deploy` and `serverless remove` in the unit's folder.
func (s ServerlessVendor) Commands(u Unit) (deploy, remove []shell.Command) {
	at := s.OnUnit(u)
	return []shell.Command{at.Command("deploy")}, []shell.Command{at.Command("remove")}
}

// Ready finds the Serverless CLI.
func (s ServerlessVendor) Ready(ctx context.Context) Readiness {
	return Readiness{Tools: []Tool{s.Serverless(s.CLI, s.ServiceDir).Ready(ctx)}}
}

// HasFolder reports whether the folder of a unit that exists is known and still has its serverless.yml.
func (u Unit) HasFolder() (bool, error) {
	if u.Folder == "" {
		return false, nil
	}
	_, err := os.Stat(filepath.Join(u.Folder, YMLName))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// InOrder gives the endpoints in the functions' order; one that is missing is an error that carries the tool's text.
func InOrder(text string, fns []*Function, found []Endpoint) ([]Endpoint, error) {
	byName := map[string]Endpoint{}
	for _, e := range found {
		byName[e.Function] = e
	}
	out := make([]Endpoint, 0, len(fns))
	for _, f := range fns {
		e, ok := byName[f.Name]
		if !ok {
			return nil, OutputError(text, "the output names no endpoint for function %s", f.Name)
		}
		out = append(out, Describe(e, f))
	}
	return out, nil
}

// serverlessError is where the CLI says what went wrong, before a stack that can be longer than what is shown of its
// output.
var serverlessError = regexp.MustCompile(`(?m)^Error:\s*\n\s*(\S.*)$`)

// Explain adds to a failure of the CLI what it gave as its reason.
func Explain(text string, err error) error {
	m := serverlessError.FindStringSubmatch(text)
	if err == nil || m == nil {
		return err
	}
	e := &fail.Error{Code: fail.Code(err), Err: fmt.Errorf("%w: %s", err, strings.TrimSpace(m[1])),
		Hint: fail.Hint(err)}
	var said *fail.Error
	if errors.As(err, &said) {
		e.Output = said.Output
	}
	return e
}
