// Package lab runs the stellar binary for end-to-end tests: each test has a home, a scratch folder and an output folder
// of its own.
package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Account is a vendor's account that a lab's binary deploys into.
type Account interface {
	Environment(dir string) []string // variables that lead to it; dir is the lab's folder
	Prefixes() []string              // variables of the caller that begin so are dropped
	Secret() string                  // a credential that no output may show
	Calls() []string                 // what it was asked, for messages about a failure
	Left() []string                  // names of all that is there of runs
}

// Lab is a folder for runs of the binary: exp.json, and the folders home and tmp.
type Lab struct {
	*testing.T
	Bin, Dir string
	account  Account
	cache    string
	extra    []string // variables
}

// New makes a lab with an experiment in exp.json.
func New(t *testing.T, experiment string) *Lab {
	t.Helper()
	l := &Lab{T: t, Bin: Binary(t), Dir: t.TempDir(), cache: Cache()}
	for _, d := range []string{"home", "tmp"} {
		if err := os.Mkdir(filepath.Join(l.Dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	l.Write("exp.json", experiment)
	return l
}

// In makes a lab whose runs deploy into an account.
func In(t *testing.T, account Account, experiment string) *Lab {
	t.Helper()
	l := New(t, experiment)
	l.account = account
	return l
}

// As gives the same lab with credentials of another account.
func (l *Lab) As(account Account) *Lab {
	other := *l
	other.account = account
	return &other
}

// Set sets a variable (NAME=value) for the lab's runs, in place of the account's.
func (l *Lab) Set(variable string) { l.extra = append(l.extra, variable) }

// OwnCache gives the lab a build cache that it shares with no other.
func (l *Lab) OwnCache() *Lab {
	l.cache = filepath.Join(l.Dir, "cache")
	return l
}

// Write writes a file into the lab's folder and makes the folders above it.
func (l *Lab) Write(name, text string) {
	l.Helper()
	path := filepath.Join(l.Dir, filepath.FromSlash(name))
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		l.Fatal(err)
	}
}

// Command is the binary with arguments, in the lab's folder and environment.
func (l *Lab) Command(args ...string) *exec.Cmd {
	l.Helper()
	c := exec.Command(l.Bin, args...)
	c.Dir = l.Dir
	c.Env = append(os.Environ(), "HOME="+filepath.Join(l.Dir, "home"), "XDG_STATE_HOME=",
		"TMPDIR="+filepath.Join(l.Dir, "tmp"), "STELLAR_CACHE_DIR="+l.cache, "PATH="+Path())
	c.Env = append(c.Env, Toolchains(l.T)...)
	if l.account != nil {
		c.Env = append(slices.DeleteFunc(c.Env, l.foreign), l.account.Environment(l.Dir)...)
	}
	c.Env = append(c.Env, l.extra...)
	return c
}

// foreign reports whether a variable of the caller might lead to another account.
func (l *Lab) foreign(variable string) bool {
	return slices.ContainsFunc(l.account.Prefixes(), func(p string) bool { return strings.HasPrefix(variable, p) })
}

// Stellar runs the binary, which must end with an exit code, and gives what it printed.
func (l *Lab) Stellar(code int, args ...string) (stdout, stderr string) {
	l.Helper()
	c := l.Command(args...)
	var out, errs strings.Builder
	c.Stdout, c.Stderr = &out, &errs
	_ = c.Run()
	if got := c.ProcessState.ExitCode(); got != code {
		l.Fatalf(
			"stellar %s: exit code %d, want %d\n%s%s\n%s",
			strings.Join(args, " "),
			got,
			code,
			&out,
			&errs,
			l.asked(),
		)
	}
	if text := out.String() + errs.String(); l.account != nil && strings.Contains(text, l.account.Secret()) {
		l.Errorf("stellar %s shows the secret:\n%s", strings.Join(args, " "), text)
	}
	return out.String(), errs.String()
}

// Output runs the binary, which must succeed, and gives its standard output.
func (l *Lab) Output(args ...string) string {
	l.Helper()
	out, _ := l.Stellar(0, args...)
	return out
}

// Life deploys exp.json, does something with what is deployed, probes it and removes it. Nothing is there before, and
// nothing is left.
func (l *Lab) Life(during func(Deployed)) {
	l.Helper()
	if left := l.account.Left(); len(left) > 0 {
		l.Fatalf("before: %v", left)
	}
	d := l.Deploy()
	during(d)
	l.Stellar(0, "probe", "-o", "out", d.Dir)
	l.Stellar(0, "remove", d.Dir)
	if left := l.account.Left(); len(left) > 0 {
		l.Errorf("after: %v", left)
	}
	l.Stellar(0, "remove", d.Dir) // twice is no error
}

func (l *Lab) asked() string {
	if l.account == nil {
		return ""
	}
	return fmt.Sprintf("the account was asked:\n%s", strings.Join(l.account.Calls(), "\n"))
}
