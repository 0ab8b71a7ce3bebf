package cli_test

import (
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
)

// step is a step of a job or of a composite action.
type step struct {
	Name, ID, Uses, Run, If string
	Env, With               map[string]string
}

type job struct {
	Needs       string
	If          string
	Permissions map[string]string
	Steps       []step
}

type workflow struct {
	On          map[string]any
	Permissions map[string]string
	Jobs        map[string]job
}

type action struct {
	Runs struct{ Steps []step }
}

// read reads a YAML file of docs/actions.
func read(t *testing.T, into any, name ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{lab.Repo(), "docs", "actions"}, name...)...))
	if err == nil {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func actions(t *testing.T) (w workflow, a action, text string) {
	t.Helper()
	text = read(t, &w, "workflows", "stellar.yml") + read(t, &a, "actions", "stellar", "action.yml")
	return w, a, text
}

// TestActionsAreSafe holds what keeps a pull request's code away from what may write.
func TestActionsAreSafe(t *testing.T) {
	w, a, text := actions(t)
	steps := slices.Clone(a.Runs.Steps)
	for _, j := range w.Jobs {
		steps = append(steps, j.Steps...)
	}
	pinned := regexp.MustCompile(`^[\w-]+/[\w-]+@[0-9a-f]{40}$`)
	for _, s := range steps {
		if s.Uses != "" && s.Uses != "./.github/actions/stellar" && !pinned.MatchString(s.Uses) {
			t.Errorf("%s is not pinned by a commit", s.Uses)
		}
		if s.Uses != "" && s.Uses[0] != '.' && !regexp.MustCompile(regexp.QuoteMeta(s.Uses)+` # v\d+\.\d+\.\d+\n`).
			MatchString(text) {
			t.Errorf("%s does not say its version", s.Uses)
		}
		if strings.Contains(s.Run, "${{") {
			t.Errorf("%s: an expression becomes a part of the script:\n%s", s.Name, s.Run)
		}
	}
	if len(w.On) != 3 || w.On["pull_request_target"] != nil || w.On["workflow_run"] != nil || len(w.Permissions) > 0 {
		t.Errorf("on %v, permissions %v", w.On, w.Permissions)
	}
	// The two checkouts of what is measured: the pull request as it is merged, which needs no ref, and its base.
	var refs []string
	for _, s := range w.Jobs["measure"].Steps {
		if strings.HasPrefix(s.Uses, "actions/checkout@") {
			refs = append(refs, s.With["ref"]+" in "+s.With["path"])
		}
	}
	if !slices.Equal(refs, []string{" in ", "${{ github.event.pull_request.base.sha }} in base"}) {
		t.Errorf("what is measured is %q", refs)
	}
	for name, want := range map[string]map[string]string{"measure": {"contents": "read"},
		"history": {"contents": "write"}, "comment": {"pull-requests": "write"}} {
		j := w.Jobs[name]
		if !maps.Equal(j.Permissions, want) {
			t.Errorf("%s: permissions %v", name, j.Permissions)
		}
		for _, s := range j.Steps {
			checkout := strings.HasPrefix(s.Uses, "actions/checkout@")
			switch {
			case name == "measure" && checkout && s.With["persist-credentials"] != "false":
				t.Errorf("the code that is measured gets the token: %v", s)
			case name != "measure" && (strings.HasPrefix(s.Uses, "./") || checkout && s.With["ref"] != ""):
				t.Errorf("%s runs code of the repository, with a right to write: %v", name, s)
			case name == "comment" && checkout:
				t.Errorf("the job that comments has a checkout")
			}
		}
	}
	if !strings.Contains(w.Jobs["history"].If, "github.event_name != 'pull_request'") ||
		!strings.Contains(w.Jobs["comment"].If, "head.repo.full_name == github.repository") {
		t.Error("a pull request reaches the history, or a fork the comment")
	}
	if len(w.Jobs) != 3 {
		t.Errorf("%d jobs", len(w.Jobs))
	}
}

// runner runs the scripts of steps as GitHub's runner does, in a folder with stand-ins for gh, go and npm.
type runner struct {
	*lab.Lab
	path string
}

func (r runner) file(name string) string {
	text, err := os.ReadFile(filepath.Join(r.Dir, name))
	if err != nil {
		r.Fatal(err)
	}
	return string(text)
}

// script runs a step's script, which must end with an exit code. The variables must be those that the step has.
func (r runner) script(steps []step, name string, code int, env map[string]string) string {
	r.Helper()
	i := slices.IndexFunc(steps, func(s step) bool { return s.Name == name })
	if i < 0 {
		r.Fatalf("there is no step %q", name)
	}
	s := steps[i]
	if got, want := slices.Sorted(maps.Keys(s.Env)), slices.Sorted(maps.Keys(env)); !slices.Equal(got, want) {
		r.Fatalf("%s has the variables %v, the test %v", name, got, want)
	}
	cmd := r.Command()
	cmd.Path, cmd.Args = "/bin/bash", []string{"bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", s.Run}
	if strings.Contains(s.Run, "../results") || name == "Check the history" {
		cmd.Dir = filepath.Join(r.Dir, "history") // working-directory
	}
	temp := filepath.Join(r.Dir, "tmp")
	cmd.Env = append(cmd.Env, "PATH="+r.path, "RUNNER_TEMP="+temp, "GITHUB_REPOSITORY=owner/name", "GITHUB_SHA=abc",
		"HISTORY=stellar-history", "STELLAR_VERSION=v9", "STANDINS="+r.Dir)
	for _, file := range []string{"OUTPUT", "STEP_SUMMARY", "PATH"} {
		cmd.Env = append(cmd.Env, "GITHUB_"+file+"="+filepath.Join(temp, strings.ToLower(file)))
	}
	for key, value := range env {
		cmd.Env = append(cmd.Env, key+"="+value)
	}
	out, _ := cmd.CombinedOutput()
	if got := cmd.ProcessState.ExitCode(); got != code {
		r.Fatalf("%s: exit code %d, want %d\n%s", name, got, code, out)
	}
	return string(out)
}

// newRunner makes a runner whose programs write down what they were asked. The binary is one of them.
func newRunner(t *testing.T) runner {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, "hello")
	}))
	t.Cleanup(server.Close)
	r := runner{Lab: lab.New(t, `{"Provider": "`+server.URL+`", "SubExperiments": [{"Title": "a", "Bursts": 2,
		"BurstSizes": [3], "IATSeconds": 0, "Visualization": "none"}]}`)}
	for _, name := range []string{"gh", "go", "npm"} {
		r.Write("bin/"+name, "#!/bin/sh\necho \""+name+" $*\" >> \"$STANDINS/asked\"\n"+
			"case \"$*\" in *--paginate*) cat \"$STANDINS/comments\" ;; esac\n")
		if err := os.Chmod(filepath.Join(r.Dir, "bin", name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r.path = filepath.Join(r.Dir, "bin") + ":/usr/bin:/bin"
	return r
}

// TestActionsRun runs the scripts of the workflow and of its action, two runs one after the other: what they measure is
// compared, commented, and kept on the branch of a repository.
func TestActionsRun(t *testing.T) {
	w, a, _ := actions(t)
	r := newRunner(t)
	const install = "Install what is not there"
	r.script(a.Runs.Steps, install, 0, map[string]string{"VERSION": "v9", "SERVERLESS": "4.3.1"})
	if got := r.file("asked"); !strings.Contains(got, "go install github.com/vhive-serverless/STeLLAR/src/stellar@v9\n") ||
		!strings.Contains(got, "npm install --global --ignore-scripts --no-audit --no-fund osls@4.3.1\n") {
		t.Errorf("installed:\n%s", got)
	}
	if err := os.Symlink(r.Bin, filepath.Join(r.Dir, "bin", "stellar")); err != nil {
		t.Fatal(err)
	}
	r.Write("asked", "")
	r.script(a.Runs.Steps, install, 0, map[string]string{"VERSION": "v9", "SERVERLESS": ""})
	if got := r.file("asked"); got != "" {
		t.Errorf("installed although it is there:\n%s", got)
	}

	measure := func(results string) string {
		r.script(a.Runs.Steps, "Measure", 0, map[string]string{"EXPERIMENT": "exp.json", "FOLDER": ".",
			"RESULTS": results})
		_, run, _ := strings.Cut(r.file("tmp/output"), "code=0\nrun=")
		r.Write("tmp/output", "")
		return strings.TrimSpace(run)
	}
	head, base := measure("results"), measure("results-of-base")
	if !strings.Contains(r.file("tmp/step_summary"), "Exit code of `stellar -c`: 0\n\n    ") {
		t.Errorf("summary:\n%s", r.file("tmp/step_summary"))
	}
	steps := w.Jobs["measure"].Steps
	r.script(steps, "Compare", 0, map[string]string{"BASE": base, "HEAD": head})
	got := r.file("comparison.md")
	if !strings.Contains(got, "p50") || !strings.Contains(r.file("tmp/step_summary"), got) {
		t.Errorf("comparison:\n%s", got)
	}
	r.script(steps, "Say how the run ended", 3, map[string]string{"CODE": "3"})
	r.script(steps, "Say how the run ended", 1, map[string]string{"CODE": ""})

	r.comment(w)
	r.keep(w, filepath.Base(head))

	r.Write("comparison.md", "")
	r.script(steps, "Compare", 0, map[string]string{"BASE": "", "HEAD": head})
	if got := r.file("comparison.md"); !strings.Contains(got, "nothing to compare") {
		t.Errorf("of a run that failed:\n%s", got)
	}
	r.script(a.Runs.Steps, "Measure", 0, map[string]string{"EXPERIMENT": "no.json", "FOLDER": ".", "RESULTS": "none"})
	if got := r.file("tmp/output"); got != "code=2\nrun=\n" {
		t.Errorf("outputs of a run that failed: %q", got)
	}
}

// comment writes a comment, and the same one anew.
func (r runner) comment(w workflow) {
	r.Helper()
	const name = "Write the comment, or the one before anew"
	env := map[string]string{"GH_TOKEN": "secret-token", "NUMBER": "12"}
	for comments, want := range map[string]string{
		"":         "gh api --silent --method POST repos/owner/name/issues/12/comments --field body=@comment.md\n",
		"77\n78\n": "gh api --silent --method PATCH repos/owner/name/issues/comments/77 --field body=@comment.md\n"} {
		r.Write("asked", "")
		r.Write("comments", comments)
		out := r.script(w.Jobs["comment"].Steps, name, 0, env)
		if got := r.file("asked"); !strings.HasSuffix(got, want) || strings.Contains(got+out, "secret-token") {
			r.Errorf("asked:\n%s\nwant\n%s", got, want)
		}
	}
	if got := r.file("comment.md"); got != "<!-- stellar: comparison -->\n"+r.file("comparison.md") {
		r.Errorf("comment:\n%s", got)
	}
}

// keep keeps two runs on a branch that is not there at first.
func (r runner) keep(w workflow, first string) {
	r.Helper()
	git := func(args ...string) string {
		cmd := exec.Command("git", args...)
		cmd.Dir = r.Dir
		cmd.Env = append(os.Environ(), "HOME="+filepath.Join(r.Dir, "home"), "GIT_CONFIG_NOSYSTEM=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			r.Fatalf("git %v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	git("init", "--quiet", "--bare", "origin")
	clone := func() {
		if err := os.RemoveAll(filepath.Join(r.Dir, "history")); err != nil {
			r.Fatal(err)
		}
		git("clone", "--quiet", "origin", "history")
	}
	clone()
	r.Write("history/code.txt", "no part of the history")
	git("-C", "history", "add", ".")
	git("-C", "history", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "-m", "code")
	git("-C", "history", "push", "--quiet", "origin", "HEAD")
	second := strings.Replace(first, first[:4], "2001", 1)
	for _, run := range []string{first, second} {
		clone()
		r.script(w.Jobs["history"].Steps, "Keep the run", 0, nil)
		text := r.file("results/" + run + "/run.json")
		old := filepath.Join(r.Dir, "results", run)
		if run == first { // a second one, a quarter of a century before
			if err := os.Rename(old, filepath.Join(r.Dir, "results", second)); err != nil {
				r.Fatal(err)
			}
			r.Write("results/"+second+"/run.json", regexp.MustCompile(`(?m)^(  "(?:id|started)": ")\d{4}`).
				ReplaceAllString(text, "${1}2001"))
		}
	}
	kept := strings.Fields(git("-C", "origin", "ls-tree", "-r", "--name-only", "stellar-history"))
	var want []string
	for _, run := range []string{second, first} {
		for _, file := range []string{"report.html", "run.json", "statistics.csv"} {
			want = append(want, "runs/"+run+"/"+file)
		}
	}
	if want = append([]string{"index.html"}, want...); !slices.Equal(kept, want) {
		r.Errorf("kept: %v, want %v", kept, want)
	}
	r.Write("tmp/step_summary", "")
	r.script(w.Jobs["history"].Steps, "Check the history", 0, nil)
	if got := r.file("tmp/step_summary"); !strings.Contains(got, "    runs        2, 0 failed; 2001-") ||
		!strings.Contains(got, "    too few runs: ") {
		r.Errorf("summary:\n%s", got)
	}
}
