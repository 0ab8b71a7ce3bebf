package provider

import (
	"cmp"
	"context"
	"errors"
	"regexp"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/shell"
	"github.com/vhive-serverless/STeLLAR/src/toolversion"
)

// Tool is a program that a provider needs.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"` // as it says itself
	Err     error  `json:"-"`                 // why it cannot be used; says how to get it

	TimedOut bool `json:"-"` // it did not tell its version in time
}

// Readiness is what this machine has of what a provider needs.
type Readiness struct {
	Tools       []Tool
	Credentials string            // where they were found; empty: nowhere, or none are needed. Never a value
	Where       map[string]string // region, project, account: where a deployment would go
	// what is needed first, each with a hint; without what Tools have already
	Missing    []error
	Unanswered []Unanswered // questions that got no answer
}

// Unanswered is a question that was asked of a program or of the provider and got no answer, for whatever reason.
type Unanswered struct {
	Err    error // what was asked, and the true cause
	Needed bool  // a run cannot do without the answer, a plan can
}

// Err joins all that is missing; nil where a run could start.
func (r Readiness) Err() error {
	var all []error
	for _, t := range r.Tools {
		all = append(all, t.Err)
	}
	for _, u := range r.Unanswered {
		if u.Needed {
			all = append(all, u.Err)
		}
	}
	return errors.Join(append(all, r.Missing...)...)
}

// Program is a program that a provider runs, and which of its versions are known.
type Program struct {
	Name    string   // as it is called
	Args    []string // that make it print its version
	Least   [3]int   // the oldest version that takes our arguments
	Below   int      // first major version that is not known; 0: any newer one is taken
	Install string   // how to get it
	Package string   // of npm that it belongs to, which has its version; empty: none

	// Installed reads the version from the files of the program at a path, empty where something else might run and it
	// has to be asked; nil: it is always asked.
	Installed func(bin string) string

	Timeout time.Duration // to print its version; 0: VersionTimeout
}

const (
	// VersionTimeout is how long a program may take to print its version.
	VersionTimeout = time.Minute
	// AskGrace is how long a program that only prints information may take to end once it is stopped.
	AskGrace = 100 * time.Millisecond
)

var versionNumber = regexp.MustCompile(`\b\d+\.\d+\.\d+`)

// FindProgram looks for a program and asks it for its version.
func (o Options) FindProgram(ctx context.Context, w Program) Tool {
	t := Tool{Name: w.Name}
	bin, err := o.LookPath(w.Name)
	if err != nil {
		t.Err = fail.Input("%s is not on the PATH", w.Name).WithHint("%s", w.Install)
		return t
	}
	if w.Package != "" {
		if _, version, ok := InstalledPackage(ctx, o.Runner, bin, w.Package); ok {
			return w.known(t, version)
		}
	}
	if w.Installed != nil {
		if version := w.Installed(bin); versionNumber.MatchString(version) {
			return w.known(t, version)
		}
	}
	res, err := o.Runner(ctx, shell.Command{Name: bin, Args: w.Args, Timeout: cmp.Or(w.Timeout, VersionTimeout),
		Grace: AskGrace, Env: []string{"CI=1", "NO_COLOR=1"}})
	if err != nil {
		if t.Err, t.TimedOut = err, TimedOut(err); !t.TimedOut {
			t.Err = fail.OrHint(err, w.Install)
		}
		return t
	}
	text := res.Stdout + res.Stderr
	at := versionNumber.FindStringIndex(text)
	if at == nil {
		t.Err = &fail.Error{Code: fail.CodeInput, Output: text, Err: fail.Input("%s printed no version", w.Name),
			Hint: w.Install}
		return t
	}
	t.Version = text[at[0]:at[1]]
	return w.known(t, text[at[0]:])
}

// known refuses versions that are not known to work.
func (w Program) known(t Tool, version string) Tool {
	t.Version = cmp.Or(t.Version, version)
	have := toolversion.Of(version)
	if have.Older(toolversion.Version{Numbers: w.Least}) || w.Below > 0 && have.Numbers[0] >= w.Below {
		t.Err = fail.Input("%s is version %s, which is not known to work", w.Name, t.Version).WithHint("%s", w.Install)
	}
	return t
}

// TimedOut reports whether a program was stopped because it took too long.
func TimedOut(err error) bool {
	var exit *shell.ExitError
	return errors.As(err, &exit) && exit.TimedOut
}

// Variables divides environment variables into those that have a value and those that have none.
func (o Options) Variables(names ...string) (set, unset []string) {
	for _, n := range names {
		if strings.TrimSpace(o.Getenv(n)) != "" {
			set = append(set, n)
		} else {
			unset = append(unset, n)
		}
	}
	return set, unset
}

// FirstSet returns the first of some environment variables that is set, and its name.
func (o Options) FirstSet(names ...string) (value, name string) {
	for _, n := range names {
		if v := strings.TrimSpace(o.Getenv(n)); v != "" {
			return v, n
		}
	}
	return "", ""
}
