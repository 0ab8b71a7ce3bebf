package local

import (
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
)

func TestRetire(t *testing.T) {
	_, c := testPlatform(t, nil)
	url := deployTo(t, c, nil)
	idle := getOK(t, url)
	busy := make(chan reply, 1)
	g := newGate(t)
	go func() {
		r, _ := send(http.MethodGet, url+"?"+g.query(), nil)
		busy <- r
	}()
	eventually(t, "the request has started", func() bool { return strings.Count(logOf(t, c), "START ") == 2 })
	other := getOK(t, url) // the first is busy: another instance
	n, err := c.Retire(t.Context(), "s", "f")
	if err != nil || n != 2 {
		t.Fatalf("retired %d, %v", n, err)
	}
	if r := getOK(t, url); !r.Cold {
		t.Errorf("after retire: %+v", r)
	}
	g.open()
	if r := <-busy; r.status != http.StatusOK || r.ID != idle.ID {
		t.Errorf("the busy one's request: %d %+v", r.status, r)
	}
	eventually(t, "both instances end", func() bool { return !alive(idle.PID) && !alive(other.PID) })
}

func TestRetireAndWait(t *testing.T) {
	p, c := testPlatform(t, nil)
	url := deployTo(t, c, nil)
	idle := getOK(t, url)
	busy := make(chan reply, 1)
	go func() {
		r, _ := send(http.MethodGet, url+"?sleep=300", nil)
		busy <- r
	}()
	eventually(t, "the request has started", func() bool { return strings.Count(logOf(t, c), "START ") == 2 })
	n, err := c.RetireAndWait(t.Context(), "s", "f")
	if err != nil || n != 1 || alive(idle.PID) {
		t.Errorf("retired %d, %v: alive %v", n, err, alive(idle.PID))
	}
	eventually(t, "no instance is counted", func() bool { return p.Status().Instances == 0 })
	if r := <-busy; r.status != http.StatusOK {
		t.Errorf("the busy one's request: %d %+v", r.status, r)
	}
	if n, err := c.RetireAndWait(t.Context(), "s", "f"); err != nil || n != 0 {
		t.Errorf("nobody is there: retired %d, %v", n, err)
	}
	if r := getOK(t, url); !r.Cold {
		t.Errorf("after retire: %+v", r)
	}
}

func TestReplaceDrainsTheOldVersion(t *testing.T) {
	p, c := testPlatform(t, nil)
	version := func(v string) func(*client.FunctionSpec) {
		return func(f *client.FunctionSpec) {
			f.Environment, f.Queueing, f.MaxInstances = map[string]string{"VERSION": v}, client.QueueingQueue, 1
		}
	}
	url := deployTo(t, c, version("1"))
	first := getOK(t, url)
	g := newGate(t)
	wait, old := start(t, url+"?"+g.query(), 3, new(atomic.Int32))
	eventually(t, "one is served, two wait", func() bool { return g.seen.Load() == 1 && queued(p) == 2 })
	deployTo(t, c, version("2"))
	if r := getOK(t, url); r.Ver != "2" || !r.Cold {
		t.Errorf("after the replacement: %+v", r)
	}
	g.open()
	wait()
	for _, r := range old {
		if r.status != http.StatusOK || r.Ver != "1" {
			t.Errorf("a request of the old version: %d %s", r.status, r.body)
		}
	}
	eventually(t, "the old version's instance ends", func() bool { return !alive(first.PID) })
	eventually(t, "one instance stands", func() bool { return p.Status().Instances == 1 })
}

func TestDelete(t *testing.T) {
	p, c := testPlatform(t, nil)
	url := deployTo(t, c, nil)
	idle := getOK(t, url+"?do=fill&kb=1") // its /tmp is not empty
	held := make(chan reply, 1)
	go func() {
		r, _ := send(http.MethodGet, url+"?do=hang", nil)
		held <- r
	}()
	eventually(t, "the request has started", func() bool { return strings.Count(logOf(t, c), "START ") == 2 })
	var folders []string
	for _, in := range p.everyInstance() {
		folders = append(folders, in.tmpDir())
	}
	if len(folders) == 0 || slices.ContainsFunc(folders, absent) {
		t.Errorf("folders of the instances: %v", folders)
	}
	if err := c.Delete(t.Context(), "s"); err != nil {
		t.Fatal(err)
	}
	for _, folder := range folders {
		if !absent(folder) {
			t.Errorf("%s is left", folder)
		}
	}
	if alive(idle.PID) || p.Status().Instances != 0 || len(p.packages.all) != 0 {
		t.Error("something is left after delete")
	}
	for _, sub := range []string{"packages", "logs"} {
		if left := entriesOf(t, p.opts.Dir, sub); len(left) > 0 {
			t.Errorf("left in %s: %v", sub, left)
		}
	}
	if r := <-held; r.status != http.StatusServiceUnavailable || r.header.Get("X-Stellar-Error") != kindRemoved {
		t.Errorf("the held request: %d %s", r.status, r.body)
	}
	wantFailure(t, url, 404, kindNoRoute, "no function")
	if left := groupsOf(p.id); p.Limits().Memory && len(left) > 2*(1+sandbox.SpareCells) {
		t.Errorf("control groups: %v", left)
	}
}
