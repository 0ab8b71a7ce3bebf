package selfwatch

import (
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

const ms = time.Millisecond

// sound is the report of goroutines that must not panic.
func sound(t testing.TB) func(error) {
	return func(err error) { t.Errorf("a goroutine panicked: %v", err) }
}

// quiet is the reading at the end of a window of a second in which nothing happened on a machine of two idle cores.
func quiet() (a, b reading) {
	a = reading{at: time.Hour, wall: 1e18, asleep: time.Minute, cpu: time.Second, idle: 9 * time.Hour, cores: 2,
		allowed: 2,
		pauses:  7 * ms, net: network{known: true, listen: 5, socket: 6, host: 7, again: 800, vain: 700, payload: 1e6}}
	a.waits[3] = 12
	b = a
	b.at += time.Second
	b.idle += 2 * time.Second
	b.cpu += 20 * ms
	b.net.payload += 4000
	return a, b
}

func TestJudge(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(b *reading, l *late)
		median time.Duration
		want   string
	}{
		{"quiet", func(*reading, *late) {}, 0, ""},

		{"late at the floor", func(_ *reading, l *late) { l.by = 5 * ms }, 0, ""},
		{"late", func(_ *reading, l *late) { l.by = 14 * ms }, 100 * ms, "scheduler: the canary came 14 ms late"},
		{"late, no latency known", func(_ *reading, l *late) { l.by = 6 * ms }, sample.None,
			"scheduler: the canary came 6 ms late"},
		{"late by a twentieth of the median", func(_ *reading, l *late) { l.by = 14 * ms }, 280 * ms, ""},
		{"late by more", func(_ *reading, l *late) { l.by = 15 * ms }, 280 * ms,
			"scheduler: the canary came 15 ms late"},
		{"a loop", func(_ *reading, l *late) { *l = late{by: 5300 * time.Microsecond, loop: true} }, 0,
			"scheduler: an event loop was away for 5.3 ms"},
		{"a goroutine at the floor", func(b *reading, _ *late) { b.waits[1]++ }, 0, ""},
		{"a goroutine", func(b *reading, _ *late) { b.waits[2]++; b.waits[8]++ }, 0,
			"scheduler: a goroutine waited at least 16 ms for its turn"},
		{"a goroutine, long latencies", func(b *reading, _ *late) { b.waits[8]++ }, 320 * ms, ""},

		{"pauses at the floor", func(b *reading, _ *late) { b.pauses += ms }, 0, ""},
		{"pauses", func(b *reading, _ *late) { b.pauses += 3 * ms }, 20 * ms,
			"gc: the collector stopped the program for about 3 ms"},
		{"pauses, long latencies", func(b *reading, _ *late) { b.pauses += 3 * ms }, 60 * ms, ""},

		{"the client's share", func(b *reading, _ *late) { b.cpu += 1700 * ms }, 0,
			"cpu: the client used 86 % of its 2 cores"},
		{"less than the share", func(b *reading, _ *late) { b.cpu += 1570 * ms }, 0, ""},
		{"a short window", func(b *reading,
			_ *late) {
			b.at -= 951 * ms
			b.idle -= 2 * time.Second
			b.cpu += time.Second
		}, 0, ""},
		{"a short window that counts", func(b *reading, _ *late) { b.at -= 950 * ms; b.cpu += 70 * ms }, 0,
			"cpu: the client used 90 % of its 2 cores"},
		{"the machine, and nobody waited", func(b *reading, _ *late) { b.idle -= 1950 * ms }, 0, ""},
		{"the machine", func(b *reading, l *late) { b.idle -= 1950 * ms; l.by = 2 * ms }, 0,
			"cpu: the machine's 2 cores were busy for at least 97 %"},
		{"the machine, just not", func(b *reading, l *late) { b.idle -= 1900 * ms; l.by = 2 * ms }, 0, ""},
		{"a window too short for idle time", func(b *reading, _ *late) { b.at -= 950 * ms; b.idle -= 2 * time.Second },
			0, ""},
		{"idle time unknown", func(b *reading, _ *late) { b.idle, b.cores = 0, 0 }, 0, ""},
		{"both", func(b *reading, l *late) { b.idle -= 2 * time.Second; b.cpu += 1900 * ms; l.by = 2 * ms }, 0,
			"cpu: the client used 96 % of its 2 cores, the machine's 2 cores were busy for at least 100 %"},

		{"a drift", func(b *reading, _ *late) { b.wall += ms }, 0, ""},
		{"a step", func(b *reading, _ *late) { b.wall += 40 * ms }, time.Hour,
			"clock: the wall clock stepped by +40 ms"},
		{"a step back", func(b *reading, _ *late) { b.wall -= 2500 * time.Microsecond }, 0,
			"clock: the wall clock stepped by -2.5 ms"},
		{"sleep", func(b *reading, _ *late) { b.wall += 3 * time.Second; b.asleep += 3 * time.Second }, 0,
			"clock: the machine slept for 3000 ms"},

		{"connections lost", func(b *reading, _ *late) { b.net.listen += 3 }, time.Hour,
			"backlog: a listening socket on this machine turned 3 connections away"},
		{"segments lost", func(b *reading, _ *late) { b.net.socket++; b.net.host += 2 }, 0,
			"backlog: sockets had no room for 1 segments, the input queues of this machine had no room for 2 packets"},
		{"everyday loss", func(b *reading, _ *late) { b.net.again += 4 }, 0, ""},
		{"more of it", func(b *reading, _ *late) { b.net.again += 5 }, 0, "backlog: TCP sent 5 of 4000 segments again"},
		{"in vain", func(b *reading, _ *late) { b.net.again += 50; b.net.vain += 60 }, 0, ""},
		{"nothing else sent", func(b *reading, _ *late) { b.net.again++; b.net.payload -= 4000 }, 0,
			"backlog: TCP sent 1 of 0 segments again"},
		{"counters unknown", func(b *reading, _ *late) { b.net.listen += 3; b.net.known = false }, 0, ""},
		{"counters begun anew", func(b *reading, _ *late) { b.net = network{known: true, listen: 1} }, 0, ""},

		{"everything", func(b *reading, l *late) {
			l.by, b.pauses, b.cpu, b.wall, b.net.host = time.Second, time.Second, time.Minute, 0, 9
		}, 0, "backlog+clock+cpu+gc+scheduler"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := quiet()
			var l late
			c.change(&b, &l)
			v := judge(&a, &b, l, c.median)
			got := v.Detail()
			if strings.Contains(c.want, "+") && !strings.Contains(c.want, ":") {
				got = v.String()
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			if clear := v == (Verdict{}); clear != (v.String() == "") || clear != (len(v.Words()) == 0) ||
				clear != (c.want == "") {
				t.Errorf("clear %v, words %q", clear, v.Words())
			}
		})
	}
}

func TestWaitClasses(t *testing.T) {
	for c, want := range []time.Duration{4 * ms, 5 * ms, 6 * ms, 7 * ms, 8 * ms, 10 * ms, 12 * ms, 14 * ms, 16 * ms} {
		if got := waitFrom(c); got != want {
			t.Errorf("class %d begins at %s, want %s", c, got, want)
		}
	}
	for seconds, want := range map[float64]int8{-1: -1, 0: -1, 0.00399: -1, 0.004: 0, 0.00499: 0, 0.005: 1, 0.0079: 3,
		0.0105: 5, 1e6: 39} {
		if got := waitClass(seconds); got != want {
			t.Errorf("%g s is of class %d, want %d", seconds, got, want)
		}
	}
}

// TestWatch goes through two overlapping windows with instruments of the test's own.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		base, next, sleeps, closed := time.Now(), reading{allowed: 2}, 0, false
		now := func() time.Duration { return time.Since(base) }
		c := startCanary(now, func(d time.Duration) {
			if sleeps++; sleeps == 3 { // due at 15 ms, back at 24
				d += 9 * ms
			}
			time.Sleep(d)
		}, sound(t))
		w := newWatch(func() reading { next.at = now(); return next }, c, func() { closed = true })
		first := w.Mark()
		next.waits[8]++
		time.Sleep(22 * ms)
		second := w.Mark()
		time.Sleep(20 * ms)
		next.pauses += 2 * ms
		if v := w.Since(second, 100*ms); v.String() != "" {
			t.Errorf("the second burst is suspect: %s", v.Detail())
		}
		next.pauses += 10 * ms
		if v := w.Since(first, 100*ms); v.String() != "gc+scheduler" ||
			v.Detail() != "gc: the collector stopped the program for about 12 ms; scheduler: the canary came 9 ms late" {
			t.Errorf("the first burst: %s", v.Detail())
		}
		want := "1 of 2 bursts suspect: gc in 1 (at worst the collector stopped the program for about 12 ms); " +
			"scheduler in 1 (at worst the canary came 9 ms late)"
		if got := w.Summary(); got != want {
			t.Errorf("summary %q, want %q", got, want)
		}
		third := w.Mark()
		w.Away(awayFrom - 1)
		w.Away(30 * ms)
		time.Sleep(40 * ms)
		third.Later(40 * ms)
		if v := w.Since(third, 0); v.String() != "" {
			t.Errorf("what came before all was written speaks against the burst: %s", v.Detail())
		}
		w.Close()
		if !closed {
			t.Error("the instruments are still open")
		}
	})
}

func TestWorstOfNothing(t *testing.T) {
	w := &Watch{bursts: 3, latest: 340 * time.Microsecond}
	if got, want := w.Summary(), "none of 3 bursts is suspect; the canary came at most 0.3 ms late"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestWatchSeesBusyCores: with more to do than the cores can, either the canary is late or the cores are seen to be
// busy. The more others load the machine, the more so.
func TestWatchSeesBusyCores(t *testing.T) {
	w := Start(runtime.GOMAXPROCS(0), sound(t))
	defer w.Close()
	m := w.Mark()
	var busy sync.WaitGroup
	var enough atomic.Bool
	for range 3 * runtime.GOMAXPROCS(0) {
		busy.Go(func() {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			for !enough.Load() {
			}
		})
	}
	time.Sleep(300 * ms)
	v := w.Since(m, 0)
	enough.Store(true)
	busy.Wait()
	t.Log(v.Detail())
	if words := v.Words(); !slices.Contains(words, "scheduler") && !slices.Contains(words, "cpu") {
		t.Errorf("words %q", words)
	}
	if strings.Contains(v.String(), "clock") {
		t.Errorf("a busy machine is taken for a step of the clock: %s", v.Detail())
	}
}

// TestWatchSeesCollections: pauses of real collections are counted when they happen.
func TestWatchSeesCollections(t *testing.T) {
	w := Start(runtime.GOMAXPROCS(0), sound(t))
	defer w.Close()
	heap := make([][]*byte, 2000)
	for i := range heap {
		heap[i] = make([]*byte, 2000)
	}
	m := w.Mark()
	for i := 0; w.read().pauses-m.pauses <= gcFloor; i++ {
		if i == 100000 {
			t.Fatal("the pauses of 100000 collections came to less than a millisecond")
		}
		runtime.GC()
	}
	v := w.Since(m, 0)
	runtime.KeepAlive(heap)
	t.Log(v.Detail())
	if !slices.Contains(v.Words(), "gc") || !strings.Contains(w.Summary(), "gc in 1") {
		t.Errorf("words %q, summary %q", v.Words(), w.Summary())
	}
}

func TestMarkAllocatesNothing(t *testing.T) {
	w := Start(runtime.GOMAXPROCS(0), sound(t))
	defer w.Close()
	n := testing.AllocsPerRun(200, func() {
		m := w.Mark()
		m.Later(1)
		w.Away(awayFrom)
		w.canary.closeWindow()
	})
	if n > 0 {
		t.Errorf("%v allocations a mark, want 0", n)
	}
}

// TestWatchLeavesNothing: neither a goroutine nor an open file, however often it is started.
func TestWatchLeavesNothing(t *testing.T) {
	before, files := runtime.NumGoroutine(), openFiles(t)
	for range 20 {
		w := Start(runtime.GOMAXPROCS(0), sound(t))
		var bursts sync.WaitGroup
		for range 4 { // they overlap in an open schedule
			bursts.Go(func() { w.Since(w.Mark(), 0) })
		}
		bursts.Wait()
		if !strings.Contains(w.Summary(), "of 4 bursts") {
			t.Errorf("summary %q", w.Summary())
		}
		w.Close()
	}
	// A goroutine that has said it is gone may still be on its last step.
	for try := 0; runtime.NumGoroutine() > before; try++ {
		if try == 1000 {
			t.Fatalf("%d goroutines, before %d", runtime.NumGoroutine(), before)
		}
		time.Sleep(10 * ms)
	}
	if after := openFiles(t); after > files {
		t.Errorf("%d open files, before %d", after, files)
	}
}

// openFiles counts this process's open files; Linux and macOS have them under /dev/fd.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func BenchmarkWatchMark(b *testing.B) {
	w := Start(runtime.GOMAXPROCS(0), sound(b))
	defer w.Close()
	b.ReportAllocs()
	for b.Loop() {
		w.Mark()
		w.canary.closeWindow()
	}
}

func BenchmarkWatchMarkAndSince(b *testing.B) {
	w := Start(runtime.GOMAXPROCS(0), sound(b))
	defer w.Close()
	b.ReportAllocs()
	for b.Loop() {
		w.Since(w.Mark(), 0)
	}
}
