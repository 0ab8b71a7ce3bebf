package cloud

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// row is one run of the fault table: a world of its own, with a cloud of its own.
type row struct {
	t       *testing.T
	target  target
	dir     string
	store   store
	env     map[string]string
	log     *lab.Log
	settle  time.Duration // of Patience; 0: as short as can be
	foreign []resource
	made    map[string]bool // what of ours ever stood, as far as the row has seen it
}

func (k target) stands() string {
	if k.still != "" {
		return k.still
	}
	return "still there"
}

// newRow makes a row with somebody else's resources in its cloud: no row may touch them.
func newRow(t *testing.T, k target, faults ...fault) *row {
	t.Helper()
	r := &row{t: t, target: k, dir: t.TempDir(), log: &lab.Log{}, made: map[string]bool{}}
	r.store = store{filepath.Join(r.dir, "cloud")}
	r.env = map[string]string{"HOME": r.dir, "STELLAR_CACHE_DIR": k.cache}
	maps.Copy(r.env, k.env)
	r.store.write("plan.json", plan{Persona: k.fakeCLI, Faults: faults})
	who := fakeCLIs()[k.fakeCLI]
	foreign := map[string]map[string]string{"production": nil,
		"stellar-of-somebody-else": who.tags("20261121T101010Z-x-abcd", time.Now().Add(48*time.Hour))}
	for name, tags := range foreign {
		r.foreign = append(r.foreign, who.resources(ask{unit: name, scope: k.scope, names: []string{"f0-0"},
			tags: tags})...)
	}
	r.store.add(r.foreign, 0)
	if k.images && k.file == k.small {
		r.writeImage()
	}
	switch {
	case k.shared != nil:
		k.shared.add(r.store)
		t.Cleanup(func() { k.shared.drop(r.store) })
	case k.api != nil:
		server := httptest.NewServer(k.api(func(use func([]store)) { use([]store{r.store}) }))
		t.Cleanup(server.Close)
		for _, name := range strings.Fields(k.apiEnv) {
			r.env[name] = server.URL
		}
	}
	return r
}

// imageFolder has a function with a Dockerfile, in the folder of a row.
const imageFolder = "image"

// writeImage writes a function whose image is one small layer, which all rows share. Each row's image is another one:
// it has the label of its run.
func (r *row) writeImage() {
	r.t.Helper()
	path := filepath.Join(r.dir, imageFolder, "Dockerfile")
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755),
		os.WriteFile(path, []byte("FROM "+r.target.base+"\n"), 0o644)); err != nil {
		r.t.Fatal(err)
	}
}

// app is the tool in the row's folder, with the variables changed as told.
func (r *row) app(change map[string]string) app.App {
	env := maps.Clone(r.env)
	maps.Copy(env, change)
	w := withFakes(r.dir, r.target.tools, env, r.log)
	w.Patience.Settle = cmp.Or(r.settle, w.Patience.Settle)
	return w
}

// withFakes is the tool with the fakes of a folder as vendors' CLIs.
func withFakes(dir, tools string, env map[string]string, log run.Logger) app.App {
	w := lab.App(dir, env, func(ctx context.Context, c shell.Command) (shell.Result, error) {
		name := filepath.Base(c.Name)
		if lab.IsVendorCLI(name) && filepath.Dir(c.Name) != tools && strings.Contains(c.Name, "/") {
			return shell.Result{}, fmt.Errorf("a test must not run the real %s", c.Name)
		}
		if lab.IsVendorCLI(name) {
			own := []string{fakeCloud + "=" + filepath.Join(dir, "cloud"), fakeTools + "=" + os.Getenv(fakeTools)}
			for name, value := range env {
				own = append(own, name+"="+value)
			}
			c.Env = append(own, c.Env...)
		}
		return shell.Run(ctx, c)
	}, log)
	_, err := os.Stat(filepath.Join(dir, imageFolder))
	w.Rebuild = err == nil // the Engine's cache may name an image that another row is removing
	return w
}

func (r *row) experiment() *experiment.Experiment {
	loaded, err := experiment.Parse("experiment.json", []byte(r.target.file), vendors.Known())
	if err != nil {
		r.t.Fatal(err)
	}
	return loaded.Experiment
}

// deploy deploys and tells the run's folder, empty where none was made.
func (r *row) deploy(ctx context.Context) (dir string, err error) {
	w := r.app(nil)
	w.Opened = func(made *run.Run) error { dir = made.Dir; return nil }
	_, err = w.Deploy(ctx, r.experiment(), r.dir)
	r.see()
	return dir, err
}

// see remembers what of ours stands or stood.
func (r *row) see() {
	for _, c := range r.store.calls() {
		if c.Verb == deploys {
			r.made[c.Unit] = true
		}
	}
}

// left is what is left of our resources in the cloud. The row fails where somebody else's are not as they were.
func (r *row) left() []resource {
	r.t.Helper()
	var ours []resource
	foreign := 0
	unlock := r.store.lock()
	stand := r.store.resources("")
	unlock()
	for _, one := range stand {
		if slices.ContainsFunc(r.foreign, func(f resource) bool { return f.file() == one.file() }) {
			foreign++
			continue
		}
		ours = append(ours, one)
	}
	if foreign != len(r.foreign) {
		r.t.Errorf("of %d things of somebody else's %d are left", len(r.foreign), foreign)
	}
	return ours
}

// pending is what the journal still holds.
func (r *row) pending(dir string) []run.Resource {
	r.t.Helper()
	j, err := run.OpenJournal(dir)
	if err != nil {
		r.t.Fatal(err)
	}
	defer j.Close()
	return j.Pending()
}

// settled fails the row where anything is left: in the cloud, in the journal, in the index of unfinished runs.
func (r *row) settled(dir string) {
	r.t.Helper()
	if left := r.left(); len(left) > 0 {
		r.t.Errorf("left in the cloud: %+v", left)
	}
	if left := r.pending(dir); len(left) > 0 {
		r.t.Errorf("left in the journal: %v", left)
	}
	if dirs, err := run.Unfinished(func(name string) string { return r.env[name] }); err != nil || len(dirs) > 0 {
		r.t.Errorf("left in the index: %v, %v", dirs, err)
	}
}

// secrets fails the row where a credential, or the run's token, shows in an argument, the log, or a file of the run.
func (r *row) secrets(dir, token string) {
	r.t.Helper()
	var secrets []string
	for _, value := range r.env {
		if strings.HasPrefix(value, "secret") {
			secrets = append(secrets, value)
		}
	}
	if token != "" {
		secrets = append(secrets, token)
	}
	shows := func(where, text string) {
		for _, s := range secrets {
			if strings.Contains(text, s) {
				r.t.Errorf("%s shows a secret", where)
			}
		}
	}
	for _, c := range r.store.calls() {
		shows("a command line", strings.Join(c.Args, " "))
	}
	shows("the log", r.log.String())
	if dir == "" {
		return
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() == ".token" || strings.Contains(path, "packages") {
			return err
		}
		text, err := os.ReadFile(path)
		shows(d.Name(), string(text))
		return err
	})
	if err != nil {
		r.t.Error(err)
	}
}

// documented fails the row where a tool was called in a way that its documentation does not know.
func (r *row) documented() {
	r.t.Helper()
	for _, c := range r.store.calls() {
		if c.Verb == "undocumented" {
			r.t.Errorf("called in a way that is not documented: %s %q", c.Program, c.Args)
		}
	}
}

// verified fails the row where the last that was asked about a unit is not whether it is gone.
func (r *row) verified() {
	r.t.Helper()
	last := map[string]string{}
	for _, c := range r.store.calls() {
		if slices.Contains([]string{deploys, removes, looks}, c.Verb) {
			last[c.Unit] = c.Verb
		}
	}
	for unit, verb := range last {
		if verb != looks {
			r.t.Errorf("the last call for %s is %s: nobody looked whether it is gone", unit, verb)
		}
	}
}

// attempts is how often the most troubled unit met a verb.
func (r *row) attempts(verb string) int {
	count := map[string]int{}
	most := 0
	for _, c := range r.store.calls() {
		if c.Verb == verb {
			count[c.Unit]++
			most = max(most, count[c.Unit])
		}
	}
	return most
}

func (r *row) token(dir string) string {
	token, err := run.ReadToken(dir)
	if err != nil {
		return ""
	}
	return token
}

// undone is how many of the units that a run began with were removed, in words.
func (r *row) undone() string {
	gone := len(r.made)
	for unit := range r.made {
		if slices.ContainsFunc(r.left(), func(one resource) bool { return one.Unit == unit }) {
			gone--
		}
	}
	return fmt.Sprintf("%d of %d", gone, len(r.made))
}

// retried is what was tried more than once, in words.
func (r *row) retried() string {
	var out []string
	for _, verb := range []string{deploys, removes} {
		if n := r.attempts(verb); n > 1 {
			out = append(out, fmt.Sprintf("%s %d×", verb, n))
		}
	}
	if len(out) == 0 {
		return "-"
	}
	return strings.Join(out, ", ")
}

// own is a process that owns a row's run: it is there to be killed.
func own(dir string) int {
	text, err := os.ReadFile(filepath.Join(dir, "owner.json"))
	must(err)
	var o owner
	must(json.Unmarshal(text, &o))
	loaded, err := experiment.Parse("experiment.json", []byte(o.File), vendors.Known())
	must(err)
	_, err = withFakes(dir, o.Tools, o.Env, &lab.Log{}).Deploy(context.Background(), loaded.Experiment, dir)
	fmt.Fprintln(os.Stderr, "the run ended before it was killed:", err)
	return 1
}

// owner is what such a process needs to know.
type owner struct {
	Tools, File string
	Env         map[string]string
}
