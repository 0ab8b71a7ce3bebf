package cloud

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// What is missing on this machine is said before anything is built or made: exit code 2, and not even a folder for the
// run.
func TestFaultsBeforeAnythingIsMade(t *testing.T) {
	var all table
	missing := []scene{{name: "CLI missing", says: "not on the PATH"}, {name: "CLI too old",
		faults: []fault{{Verb: versions, From: 1, Do: doOld}}},
		{name: "no credentials"}}
	for _, k := range targets() {
		t.Run(k.name, func(t *testing.T) {
			tools := k.prepareAlone(t)
			for _, s := range missing {
				t.Run(s.name, func(t *testing.T) {
					r := newRow(t, tools, s.faults...)
					switch s.name {
					case "CLI missing":
						t.Setenv("PATH", t.TempDir())
						delete(r.env, k.cliEnv)
						r.says(k.missing)
					case "CLI too old":
						r.says(k.old)
					case "no credentials":
						maps.Copy(r.env, k.anonymous)
						for name := range k.anonymous {
							if k.process {
								t.Setenv(name, "")
							}
						}
						r.store.write("plan.json", plan{Persona: k.fakeCLI, Faults: []fault{{Verb: "auth",
							From: 1, Do: "none"}}})
						r.says(k.noCredentials)
					}
					all.add(k.name, s.name, "-", "-", "deploy 2", left(r.left()))
				})
			}
		})
	}
	all.print(t.Output(), targets(), missing)
}

// says deploys in vain, and fails the row where the user does not hear what is missing, or anything was made.
func (r *row) says(want string) {
	r.t.Helper()
	if want == "" {
		r.t.Fatal("the kit does not tell what the user is to hear")
	}
	dir, err := r.deploy(context.Background())
	if fail.Code(err) != fail.CodeInput || !strings.Contains(lab.Story(err), want) || fail.Hint(err) == "" {
		r.t.Errorf("exit code %d, hint %q; want %q to be heard: %s", fail.Code(err), fail.Hint(err), want,
			lab.Story(err))
	}
	if dir != "" {
		r.t.Errorf("a run was begun: %s", dir)
	}
	if made, err := os.ReadDir(filepath.Join(r.dir, "results")); !errors.Is(err, fs.ErrNotExist) {
		r.t.Errorf("made: %v, %v", made, err)
	}
	for _, c := range r.store.calls() {
		if slices.Contains([]string{deploys, removes, "undocumented"}, c.Verb) {
			r.t.Errorf("ran %s %q", c.Program, c.Args)
		}
	}
	if dirs, err := run.Unfinished(func(name string) string { return r.env[name] }); err != nil || len(dirs) > 0 {
		r.t.Errorf("in the index: %v, %v", dirs, err)
	}
	r.left() // checks somebody else's resources
	r.secrets("", "")
}
