package cloud

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// scene is what happens in a row of the fault table.
type scene struct {
	name   string
	faults []fault
	stop   string // "Ctrl-C" or "kill -9", while a deployment hangs

	between func(r *row, dir string) // what happens between deployment and removal

	deploy, remove int            // exit codes; remove is not come to where the deployment fails
	tells          string         // which of the fake CLI's texts the user must get to see, where something fails
	says           string         // what else
	tries          map[string]int // attempts of the unit that met most, by verb
	unsettled      bool           // something is left, which `stellar clean` removes once the cause is mended
}

// scenes are the faults that every provider's connection must stand.
func scenes(k target) []scene {
	forever := func(verb, do string) []fault { return []fault{{Verb: verb, From: 1, Do: do}} }
	times := func(n int, verb, do string) []fault { return []fault{{Verb: verb, From: 1, Times: n, Do: do}} }
	one := "f0-1" // of the two units, or the only one
	if k.units == 1 {
		one = ""
	}
	second := func(do string) []fault { return []fault{{Verb: deploys, From: 1, Do: do, Unit: one}} }
	all := []scene{
		{name: "none", tries: map[string]int{deploys: 1, removes: 1}},
		{name: "deploy fails", faults: forever(deploys, doFail), deploy: 1, tells: "failed",
			tries: map[string]int{deploys: 1}},
		{name: "deploy fails half-way", faults: forever(deploys, doHalf), deploy: 1, tells: "failed",
			tries: map[string]int{deploys: 1}},
		{name: "one of two fails", faults: second(doHalf), deploy: 1, tells: "failed"},
		{name: "deploy hangs", faults: forever(deploys, doHang), deploy: 1, says: "timed out",
			tries: map[string]int{deploys: 1}},
		{name: "deploy hangs, appears late", faults: forever(deploys, doLate), deploy: 1, says: "timed out",
			tries: map[string]int{deploys: 1}},
		{name: "no address in the output", faults: forever(deploys, doGarbage), deploy: 1,
			tells: "made-no-address", tries: map[string]int{deploys: 1}},
		{name: "an address too few", faults: second(doTooFew), deploy: 1, tells: "made-too-few"},
		{name: "throttled twice", faults: times(2, deploys, doThrottle), tries: map[string]int{deploys: 3, removes: 1}},
		{name: "throttled for ever", faults: forever(deploys, doThrottle), deploy: 1, tells: "throttled",
			tries: map[string]int{deploys: 4}},
		{name: "Ctrl-C in mid-deploy", faults: forever(deploys, doHang), stop: "Ctrl-C", deploy: 130,
			tries: map[string]int{deploys: 1}},
		{name: "kill -9 in mid-deploy", faults: forever(deploys, doHang), stop: "kill -9", deploy: -1},
		{name: "remove fails once", faults: times(1, removes, doFail), tries: map[string]int{deploys: 1, removes: 2}},
		{name: "remove throttled twice", faults: times(2, removes, doThrottle), tries: map[string]int{deploys: 1,
			removes: 3}},
		{name: "remove fails for ever", faults: forever(removes, doFail), remove: 4, tells: "remove-failed",
			unsettled: true},
		{name: "remove says done, it stays", faults: forever(removes, doStay), remove: 4, says: k.stands(),
			unsettled: true},
		{name: "nobody says whether it is gone", faults: []fault{{Verb: looks, From: 1 + k.looks,
			Do: doNoAnswer}}, remove: 4, tells: "no-answer", unsettled: true},
		{name: "removed by hand before", between: func(r *row, _ string) { r.vanish() }},
		{name: "deploy and remove fail", faults: append(forever(deploys, doGarbage), forever(removes, doFail)...),
			deploy: 4, tells: "remove-failed", unsettled: true},
	}
	return slices.DeleteFunc(all, func(s scene) bool { return s.name == "one of two fails" && k.units == 1 })
}

// table collects the lines of the fault table, by provider and fault.
type table struct {
	mu    sync.Mutex
	lines map[string]string
}

func (t *table) add(cells ...string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lines == nil {
		t.lines = map[string]string{}
	}
	t.lines[cells[0]+cells[1]] = "| " + strings.Join(cells, " | ") + " |"
}

// print shows the table in the order of the providers and scenes.
func (t *table) print(w io.Writer, vendors []target, scenes []scene) {
	fmt.Fprintln(w, "| provider | fault | retried | undone | exit code | left |")
	for _, k := range vendors {
		for _, s := range scenes {
			if line := t.lines[k.name+s.name]; line != "" {
				fmt.Fprintln(w, line)
			}
		}
	}
}

// TestFaults runs every scene with every provider that can deploy. Deployment, undo and removal are the real ones; the
// vendor's CLI is a fake that knows the tool's documented command lines and speaks its words.
func TestFaults(t *testing.T) {
	all := table{}
	t.Cleanup(func() { all.print(t.Output(), targets(), scenes(target{})) })
	for _, k := range targets() {
		t.Run(k.name, func(t *testing.T) {
			k := k.prepare(t)
			for i, s := range scenes(k) {
				t.Run(s.name, func(t *testing.T) {
					k := k
					if i > 0 { // the first one builds what the others find in the cache
						t.Parallel()
						k.file = cmp.Or(k.small, k.file)
					}
					r := newRow(t, k, s.faults...)
					exits := r.play(s)
					all.add(k.name, s.name, r.retried(), r.undone(), exits, left(r.left()))
				})
			}
		})
	}

}

func left(all []resource) string {
	if len(all) == 0 {
		return "nothing"
	}
	return fmt.Sprint(len(all))
}

// play plays a scene to its end and tells the exit codes.
func (r *row) play(s scene) (exits string) {
	r.t.Helper()
	dir, err := r.begin(s)
	exits = fmt.Sprintf("deploy %d", fail.Code(err))
	token := r.token(dir)
	switch {
	case s.stop == "kill -9":
		exits = "deploy killed"
	case fail.Code(err) != s.deploy:
		r.t.Errorf("deploy: exit code %d, want %d: %v", fail.Code(err), s.deploy, lab.Story(err))
	}
	if err == nil && s.stop == "" {
		if token == "" {
			r.t.Error("a run that was kept has no token: nobody could look for it")
		}
		if s.between != nil {
			s.between(r, dir)
		}
		_, err = r.app(r.target.later).Remove(context.Background(), dir)
		exits += fmt.Sprintf(", remove %d", fail.Code(err))
		if fail.Code(err) != s.remove {
			r.t.Errorf("remove: exit code %d, want %d: %v", fail.Code(err), s.remove, lab.Story(err))
		}
	}
	r.hears(s, err)
	for verb, want := range s.tries {
		if got := r.attempts(verb); got != want {
			r.t.Errorf("%s was tried %d times, want %d", verb, got, want)
		}
	}
	if s.unsettled || s.stop == "kill -9" {
		exits += r.clean(s, dir)
	}
	r.settled(dir)
	if n, err := r.app(nil).Remove(context.Background(), dir); err != nil || n != 0 {
		r.t.Errorf("removed once more: %d resources, %v", n, err)
	}
	r.documented()
	r.verified()
	r.secrets(dir, token)
	return exits
}

// vanish removes by hand what of ours stands.
func (r *row) vanish() {
	ours := r.left()
	defer r.store.lock()()
	r.store.drop(ours)
}

// hears fails the row where the user does not get to see what matters.
func (r *row) hears(s scene, err error) {
	r.t.Helper()
	want := []string{s.says}
	if s.tells != "" {
		want = append(want, fakeCLIs()[r.target.fakeCLI].tells[s.tells])
		if want[1] == "" {
			r.t.Fatalf("the persona has no %q to tell", s.tells)
		}
	}
	for _, part := range want {
		if !strings.Contains(lab.Story(err), part) {
			r.t.Errorf("the user does not hear %q but: %s", part, lab.Story(err))
		}
	}
}

// clean is `stellar clean`, once the cause of the trouble is mended, in another environment than the run's.
func (r *row) clean(s scene, dir string) string {
	r.t.Helper()
	if len(r.pending(dir)) == 0 {
		r.t.Errorf("nothing is left to clean: the scene did not happen; left %v", r.left())
	}
	unlock := r.store.lock()
	r.store.write("plan.json", plan{Persona: r.target.fakeCLI})
	unlock()
	_, err := r.app(r.target.later).Clean(context.Background(), false)
	if err != nil {
		r.t.Errorf("clean: %v", lab.Story(err))
	}
	return fmt.Sprintf(", clean %d", fail.Code(err))
}

// begin deploys, and stops it where the scene says so.
func (r *row) begin(s scene) (dir string, err error) {
	r.t.Helper()
	switch s.stop {
	case "":
		return r.deploy(context.Background())
	case "kill -9":
		return r.killed(), nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		r.hanging()
		cancel()
	}()
	return r.deploy(ctx)
}

// hanging waits until the deployment of every unit hangs.
func (r *row) hanging() bool {
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		unlock := r.store.lock()
		hang := 0
		for _, c := range r.store.calls() {
			if c.Fault == doHang {
				hang++
			}
		}
		unlock()
		if hang == r.target.units {
			return true
		}
	}
	return false
}

// killed runs the deployment in a process of its own and kills that in the middle.
func (r *row) killed() (dir string) {
	r.t.Helper()
	(store{r.dir}).write("owner.json", owner{Tools: r.target.tools, File: r.target.file, Env: r.env})
	cmd := exec.Command(testBinary())
	cmd.Env = append(os.Environ(), fakeOwner+"="+r.dir)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	seen := r.hanging()
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if !seen {
		r.t.Fatal("the deployment never came to the point at which it is killed")
	}
	r.see()
	dirs, err := run.Unfinished(func(name string) string { return r.env[name] })
	if err != nil || len(dirs) != 1 {
		r.t.Fatalf("unfinished runs: %v, %v", dirs, err)
	}
	return dirs[0]
}

// prepare makes what the rows of a provider share. A provider that reads the process's own environment is tested by
// itself, all others side by side.
func (k target) prepare(t *testing.T) target {
	if !k.process {
		t.Parallel()
	}
	return k.prepareAlone(t)
}

// prepareAlone is prepare for tests that change the process's environment.
func (k target) prepareAlone(t *testing.T) target {
	k.cache, k.tools = lab.Cache(), os.Getenv(fakeTools)
	k.env = maps.Clone(k.env)
	if k.cliEnv != "" {
		k.env[k.cliEnv] = filepath.Join(k.tools, fakeCLIs()[k.fakeCLI].programs[0])
	}
	if k.images {
		k.env["STELLAR_REGISTRY"], k.base = startRegistry(t), importBase(t)
	}
	if k.process {
		k.shared = &stores{}
		server := httptest.NewServer(k.api(k.shared.use))
		t.Cleanup(server.Close)
		t.Setenv(k.apiEnv, server.URL)
		for name, value := range k.env {
			t.Setenv(name, value)
		}
	}
	return k
}

// A provider that deploys has rows in the fault table; local is proven on the real platform (src/acceptance/local).
func TestEveryProviderHasRows(t *testing.T) {
	for _, row := range vendors.All() {
		has := slices.ContainsFunc(targets(), func(k target) bool { return k.name == row.Name })
		if row.CanDeploy() && !row.Standing && !row.Local && !has {
			t.Errorf("provider %s has no kit for the fault table", row.Name)
		}
	}
}
