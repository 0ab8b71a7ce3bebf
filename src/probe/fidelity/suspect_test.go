package fidelity

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// A client whose machine is busy with something else may have made its latencies itself, and says so. The other way
// round nothing is claimed: whether the machine was idle, only the machine knows.

// occupy keeps every core that this program may use busy until it is told to stop, with two threads for each, so that
// one of them always waits for its turn, as whatever the client wants to do must.
func occupy() (stop func()) {
	var over atomic.Bool
	var busy sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) {
		busy.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for !over.Load() {
			}
		})
	}
	return func() {
		over.Store(true)
		busy.Wait()
	}
}

func suspectScenes() []scene {
	return []scene{
		{"suspect: a burst on a busy machine", busyBurst},
		{"suspect: 1 s of a load on a busy machine", busyLoad},
	}
}

func busyBurst(t *testing.T, _ *toxiproxy) []line {
	const n, size, at = 5, 4, 2
	s := play(t, script{delays: []time.Duration{100*ms + 700*time.Microsecond}})
	stop := func() {}
	defer func() { stop() }()
	rows, out := observeAll(t, s, s.addr, func(c *probe.Config) {
		bursts(n, size, probe.Reuse)(c)
		c.Watch = true
		c.Progress = func(p probe.Progress) {
			switch p.Burst {
			case at:
				stop = occupy()
			case at + 1:
				stop()
			}
		}
	})
	var busy []sample.Sample
	for _, r := range rows {
		if r.Burst == at {
			busy = append(busy, r)
		}
	}
	v := judgeSuspect(busy, size)
	if out.Watched == "" {
		v.wrongf("the outcome does not say what was watched")
	}
	if !v.good() {
		t.Error(v.String())
	}
	return suspectLine(fmt.Sprintf("a burst of %d", size), "suspect: a burst on a busy machine", rows, busy, v)
}

// busyLoad: the rows of a load are judged together with those that end in the same quarter of a second, so that nothing
// is claimed of the first and the last of the busy time.
func busyLoad(t *testing.T, _ *toxiproxy) []line {
	const edge = 300 * ms
	l := sustained{script: script{delays: steady()}, connections: probe.Reuse,
		table: schedule.Timetable{Kind: schedule.Constant, Rate: loadRate, Duration: 1500 * ms}}
	s := play(t, l.script)
	var from, to time.Time
	var busyTime sync.WaitGroup
	rows, _ := observeAll(t, s, s.addr, func(c *probe.Config) {
		l.configure(c)
		c.Watch = true
		c.Progress = func(probe.Progress) {
			if !from.IsZero() {
				return
			}
			from = time.Now()
			stop := occupy()
			busyTime.Go(func() {
				time.Sleep(time.Second)
				to = time.Now()
				stop()
			})
		}
	})
	busyTime.Wait()
	var busy []sample.Sample
	for _, r := range rows {
		if r.ReceivedAt.After(from.Add(edge)) && r.ReceivedAt.Before(to.Add(-edge)) {
			busy = append(busy, r)
		}
	}
	v := judgeSuspect(busy, len(busy))
	if len(busy) == 0 {
		v.wrongf("no row lies in the busy time")
	}
	if !v.good() {
		t.Error(v.String())
	}
	return suspectLine(
		fmt.Sprintf("%g ms of it", inMs(time.Second-2*edge)),
		"suspect: 1 s of a load on a busy machine",
		rows,
		busy,
		v,
	)
}

// judgeSuspect: rows of a busy time must say that the client was short of a processor, in one word or the other.
func judgeSuspect(busy []sample.Sample, want int) verdict {
	var v verdict
	if len(busy) != want {
		v.wrongf("%d rows of the busy time, want %d", len(busy), want)
	}
	for _, r := range busy {
		short := false
		for word := range strings.SplitSeq(r.Suspect, "+") {
			short = short || word == "cpu" || word == "scheduler"
		}
		if !short {
			v.wrongf("burst %d, slot %d: Suspect is %q on a busy machine", r.Burst, r.Slot, r.Suspect)
		}
	}
	return v
}

func suspectLine(nominal, name string, rows, busy []sample.Sample, v verdict) []line {
	of := func(rows []sample.Sample) (n int) {
		for _, r := range rows {
			n += toInt(r.Suspect != "")
		}
		return n
	}
	said := "nothing"
	if len(busy) > 0 {
		said = busy[0].Suspect
	}
	return []line{
		{name, nominal, fmt.Sprintf("%d rows busy", len(busy)), fmt.Sprintf("%d suspect (%s)", of(busy), said),
			fmt.Sprintf("all of these; of %d others %d", len(rows)-len(busy), of(rows)-of(busy)), v.good(), ""},
	}
}

func TestMissedSuspicionsAreNoticed(t *testing.T) {
	for _, c := range []struct {
		words []string
		want  int
		good  bool
	}{
		{[]string{"cpu", "scheduler", "cpu+scheduler", "backlog+cpu"}, 4, true}, {[]string{"gc+scheduler"}, 1, true},
		{[]string{"cpu", ""}, 2, false}, {[]string{"", ""}, 2, false}, {[]string{"gc"}, 1, false},
		{[]string{"backlog+clock"}, 1, false},
		{[]string{"cpu"}, 2, false}, {nil, 4, false}, {[]string{"cpuset"}, 1, false},
	} {
		var rows []sample.Sample
		for _, w := range c.words {
			rows = append(rows, sample.Sample{Suspect: w})
		}
		if v := judgeSuspect(rows, c.want); v.good() != c.good {
			t.Errorf("%q of %d rows: %q", c.words, c.want, v.String())
		}
	}
}
