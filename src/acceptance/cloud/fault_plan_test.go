package cloud

import (
	"context"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// What `stellar plan` prints is what a run runs: every command of the plan, and no other, but those that only ask.
func TestPlanPrintsWhatRuns(t *testing.T) {
	for _, k := range targets() {
		t.Run(k.name, func(t *testing.T) {
			r := newRow(t, k.prepare(t))
			r.env["WRANGLER_TEST_WORKERS"], r.settle = r.env["CLOUDFLARE_API_BASE_URL"],
				10*time.Second // Workers that answer are deployed once more
			loaded, err := experiment.Parse("experiment.json", []byte(k.file), vendors.Known())
			if err != nil {
				t.Fatal(err)
			}
			p, err := r.app(nil).Plan(context.Background(), loaded, r.dir)
			if err != nil || p.NotReady != "" || len(p.Commands) != k.units {
				t.Fatalf("%d units, not ready: %q, %v", len(p.Commands), p.NotReady, err)
			}
			var planned []string
			for _, u := range p.Commands {
				planned = append(append(planned, u.Deploy...), u.Remove...)
			}
			dir, err := r.deploy(context.Background())
			if err != nil {
				t.Fatal(lab.Story(err))
			}
			if _, err := r.app(nil).Remove(context.Background(), dir); err != nil {
				t.Fatal(lab.Story(err))
			}
			r.compare(planned, r.ran())
		})
	}
}

// asking are the verbs of calls that find out what is here: a plan leaves them out.
var asking = []string{versions, "whoami", "auth", "config", "number"}

// methods are those of calls to a vendor's API that a plan has lines for.
var methods = []string{http.MethodGet, http.MethodPatch, http.MethodDelete}

// ran are the command lines of the row's calls, as a plan writes them.
func (r *row) ran() []string {
	var out []string
	for _, c := range r.store.calls() {
		if !lab.IsVendorCLI(c.Program) && !slices.Contains(methods, c.Program) || slices.Contains(asking, c.Verb) {
			continue
		}
		line := shell.Command{Name: c.Program, Args: c.Args, Dir: c.Dir}.CommandLine()
		out = append(out, line)
	}
	return out
}

// unknown are the words of a plan for what is known only in a run.
var unknown = regexp.MustCompile(`RUN|TIME|IMAGE|SOURCE|PROJECT_NUMBER|PACKAGE\\\.zip`)

// compare fails the row where a planned command was not run, or one was run that was not planned. Tools whose folder
// does not matter have none in the plan.
func (r *row) compare(planned, ran []string) {
	r.t.Helper()
	met := map[string]bool{}
	for _, line := range planned {
		pattern := regexp.MustCompile(`^(cd \S+ && )?` +
			unknown.ReplaceAllString(regexp.QuoteMeta(filepath.ToSlash(line)), `\S+`) + `$`)
		found := slices.DeleteFunc(slices.Clone(ran), func(l string) bool { return !pattern.MatchString(l) })
		if len(found) == 0 {
			r.t.Errorf("planned, but not run: %s\nran:\n%s", line, strings.Join(ran, "\n"))
		}
		for _, l := range found {
			met[l] = true
		}
	}
	for _, line := range ran {
		if !met[line] {
			r.t.Errorf("run, but not planned: %s\nplanned:\n%s", line, strings.Join(planned, "\n"))
		}
	}
}
