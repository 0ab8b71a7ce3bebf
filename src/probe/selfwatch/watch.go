// Package selfwatch reports whether the client, or the machine that it runs on, may have caused a latency. Around every
// burst, it compares two readings of the counters of the process and of the machine, and measures how late a sleeping
// thread is woken.
package selfwatch

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The rules by which a burst is suspect. All of them ask one question: could the client, or the machine it runs on,
// have made a latency of this burst?
//
// A delay of L in the client makes no latency longer by more than L. Where L is at most a twentieth of the burst's
// median, no latency at or above the median is off by more than 5 %, and the burst stays clear; the floors are what
// cannot be told from the noise of a healthy machine, however short the latencies are.
const (
	medianPart     = 20                    // of the median latency: a twentieth
	schedulerFloor = 5 * time.Millisecond  // longer than a time slice of the kernel's scheduler; half of one of Go's
	gcFloor        = time.Millisecond      // a healthy pause of Go's collector is far shorter
	clockFloor     = time.Millisecond      // clock discipline turns both clocks alike: a difference is a step
	cpuWindow      = 50 * time.Millisecond // in shorter windows a busy client is one that does its work
	cpuShare       = 0.80                  // of the cores the process may use
	queued         = time.Millisecond      // a thread that waits so long for its turn had to queue for a core
	machineIdle    = 0.05                  // of all cores: less is a busy machine
	idleGrain      = 10 * time.Millisecond // what the system rounds its count of idle time to
	againPart      = 1000                  // one segment in so many sent again is the network's everyday life
)

// tolerated is the longest delay for which a burst with this median latency is not suspect. An unknown median (0 or
// None) leaves the minimum.
func tolerated(floor, median time.Duration) time.Duration { return max(floor, median/medianPart) }

// Watch observes the probe itself. Around every burst, it compares two readings of the process's and the machine's
// counters, and the canary measures how late a thread is woken. Several bursts may be in flight at a time.
type Watch struct {
	read   func() reading
	canary *canary
	stop   func() // of the instruments

	mu      sync.Mutex // of the tally
	bursts  int
	suspect int
	tally   [wordCount]struct {
		bursts int
		worst  finding
	}
	latest time.Duration // the canary's worst, tolerated or not
}

// Mark is the moment at which a burst's window opens.
type Mark struct {
	reading
	from time.Duration // since when lateness counts: see later
}

// Start starts watching a process that may use so many processors; close ends it. What a system does not offer to be
// read is not judged, and is no error. A panic of its goroutine goes to defect.
func Start(processors int, defect func(error)) *Watch {
	m := newMeter(processors)
	return newWatch(m.read, startCanary(m.now, nap, defect), m.close)
}

func newWatch(read func() reading, c *canary, stop func()) *Watch {
	return &Watch{read: read, canary: c, stop: stop}
}

// Close ends the canary, within its beat, and gives the files back. Afterwards only worst may be asked.
func (w *Watch) Close() {
	w.canary.close()
	w.stop()
}

// Mark opens a burst's window, before its release. It allocates nothing and takes some tens of microseconds, nearly all
// of them the kernel's to write netstat: a burst that has an instant to keep is marked a moment ahead of it. Every mark
// needs its since, also where the burst is called off: the canary rests only when no window is open.
func (w *Watch) Mark() Mark {
	r := w.read()
	w.canary.openWindow()
	return Mark{reading: r, from: r.at}
}

// Later moves the beginning of the window for lateness alone (the word scheduler) by d: to when the kernel had a
// burst's last request, if no response had arrived before. While requests are written, the client's threads are busy on
// purpose, and a late canary then does not mean that a response waited.
func (m *Mark) Later(d time.Duration) { m.from += max(d, 0) }

// Away is called by an event loop that did not look at its sockets for d, when it asks the kernel again, for times of
// at least awayFrom. A response may have waited for that long.
func (w *Watch) Away(d time.Duration) {
	if d >= awayFrom {
		w.canary.away(d)
	}
}

// awayFrom is the shortest absence that an event loop should report.
const awayFrom = time.Millisecond

// Since closes the window, after the burst's last response, and returns the verdict on the burst. The median is that of
// the burst's latencies; 0 or None if there is none.
func (w *Watch) Since(m Mark, median time.Duration) Verdict {
	late := w.canary.worst(m.from)
	r := w.read()
	v := judge(&m.reading, &r, late, median)
	w.canary.closeWindow()

	w.mu.Lock()
	defer w.mu.Unlock()
	w.bursts++
	if !late.loop {
		w.latest = max(w.latest, late.by)
	}
	if v != (Verdict{}) {
		w.suspect++
	}
	for i, f := range v.found {
		if f.size > 0 {
			w.tally[i].bursts++
			if f.size > w.tally[i].worst.size {
				w.tally[i].worst = f
			}
		}
	}
	return v
}

// Summary describes in one line what was seen in all bursts so far.
func (w *Watch) Summary() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.suspect == 0 {
		return fmt.Sprintf("none of %d bursts is suspect; the canary came at most %s late", w.bursts, milli(w.latest))
	}
	var each []string
	for i, t := range w.tally {
		if t.bursts > 0 {
			each = append(each, fmt.Sprintf("%s in %d (at worst %s)", word(i), t.bursts, t.worst.text))
		}
	}
	return fmt.Sprintf("%d of %d bursts suspect: %s", w.suspect, w.bursts, strings.Join(each, "; "))
}

// word is a reason for which a burst is suspect. The order is alphabetical, as in rows.
type word int

const (
	wordBacklog word = iota
	wordClock
	wordCPU
	wordGC
	wordScheduler
	wordCount
)

func (w word) String() string { return [...]string{"backlog", "clock", "cpu", "gc", "scheduler"}[w] }

// finding is the reason for a word, and its size compared with other findings of the same word; size 0: the word does
// not apply.
type finding struct {
	size float64
	text string
}

// Verdict is why a burst is suspect; the zero value: it is not.
type Verdict struct{ found [wordCount]finding }

func (v Verdict) Words() []string {
	var out []string
	for i, f := range v.found {
		if f.size > 0 {
			out = append(out, word(i).String())
		}
	}
	return out
}

// String is the content of a row's Suspect: the words in fixed order, joined by "+".
func (v Verdict) String() string { return strings.Join(v.Words(), "+") }

// Detail says for the log what was seen: "gc: ...; scheduler: ...".
func (v Verdict) Detail() string {
	var out []string
	for i, f := range v.found {
		if f.size > 0 {
			out = append(out, word(i).String()+": "+f.text)
		}
	}
	return strings.Join(out, "; ")
}

// judge compares the readings at both ends of a window.
func judge(a, b *reading, l late, median time.Duration) (v Verdict) {
	v.found[wordBacklog] = judgeBacklog(&a.net, &b.net)
	v.found[wordClock] = judgeClock(a, b)
	waited := b.waits.longest(a.waits)
	v.found[wordCPU] = judgeCPU(a, b, max(l.by, waited) > queued)
	if paused := b.pauses - a.pauses; paused > tolerated(gcFloor, median) {
		v.found[wordGC] = finding{paused.Seconds(), "the collector stopped the program for about " + milli(paused)}
	}
	v.found[wordScheduler] = judgeScheduler(l, waited, tolerated(schedulerFloor, median))
	return v
}

func judgeScheduler(l late, waited, limit time.Duration) finding {
	switch {
	case l.by > limit && l.loop:
		return finding{l.by.Seconds(), "an event loop was away for " + milli(l.by)}
	case l.by > limit:
		return finding{l.by.Seconds(), "the canary came " + milli(l.by) + " late"}
	case waited > limit:
		return finding{waited.Seconds(), "a goroutine waited at least " + milli(waited) + " for its turn"}
	}
	return finding{}
}

// judgeClock: latencies run on the monotonic clock and are right over a step, but the row's instants are not, and with
// them whatever is compared with a function's own clock. The monotonic clock stands still while the machine sleeps;
// CLOCK_BOOTTIME does not (clock_gettime(2)). Where that cannot be asked, sleep shows as a step.
func judgeClock(a, b *reading) finding {
	slept, step := b.asleep-a.asleep, b.wall-a.wall
	if slept > clockFloor {
		return finding{slept.Seconds(), "the machine slept for " + milli(slept)}
	}
	if step.Abs() > clockFloor {
		sign := ""
		if step > 0 {
			sign = "+"
		}
		return finding{step.Abs().Seconds(), "the wall clock stepped by " + sign + milli(step)}
	}
	return finding{}
}

// judgeCPU asks for the process's share of its cores and for the machine's. The system reports idle time in steps of
// idleGrain, so that as much may be missing from a difference: the machine is called busy only where it was even so. A
// busy machine on which no thread of ours waited for its turn made no latency, and is passed over: behind is that one
// did.
func judgeCPU(a, b *reading, behind bool) (f finding) {
	window := (b.at - a.at).Seconds()
	if window < cpuWindow.Seconds() {
		return f
	}
	var texts []string
	if b.allowed > 0 {
		share := (b.cpu - a.cpu).Seconds() / (window * float64(b.allowed))
		if share > cpuShare {
			f.size = share
			texts = append(texts, fmt.Sprintf("the client used %.0f %% of its %d cores", 100*share, b.allowed))
		}
	}
	if behind && b.cores > 0 && a.cores == b.cores && b.idle >= a.idle {
		idle := (b.idle - a.idle + idleGrain).Seconds() / (window * float64(b.cores))
		if idle < machineIdle {
			f.size = max(f.size, 1-idle)
			texts = append(texts, fmt.Sprintf("the machine's %d cores were busy for at least %.0f %%", b.cores,
				100*(1-idle)))
		}
	}
	f.text = strings.Join(texts, ", ")
	return f
}

// judgeBacklog: a lost packet costs its request the time until it is sent again, about 200 ms (TCP_RTO_MIN) or, for the
// first one of a connection, 1 s (RFC 6298), so one is enough. Segments are sent again more often because of the
// network than of the client, so one in againPart is tolerated, and those that had arrived nevertheless do not count.
//
// The counters are those of Documentation/networking/snmp_counter.rst and net/core/net-procfs.c in the kernel. They
// count for all programs of the machine, so a burst may be suspect because of another program's loss. Three counters
// are left out: time_squeeze of softnet_stat, which counts a softirq that used up its time and continued in the next
// one without a loss; ListenOverflows, whose cases are all in ListenDrops; and UDP's RcvbufErrors, because bursts are
// TCP.
func judgeBacklog(a, b *network) finding {
	if !a.known || !b.known {
		return finding{}
	}
	var size uint64
	var texts []string
	lost := func(n uint64, format string) {
		if n > 0 {
			size += n
			texts = append(texts, fmt.Sprintf(format, n))
		}
	}
	lost(rise(a.listen, b.listen), "a listening socket on this machine turned %d connections away")
	lost(rise(a.socket, b.socket), "sockets had no room for %d segments")
	lost(rise(a.host, b.host), "the input queues of this machine had no room for %d packets")
	again, sent := rise(a.again, b.again), rise(a.payload, b.payload)
	again -= min(again, rise(a.vain, b.vain))
	if again*againPart > sent {
		lost(again, "TCP sent %d of "+strconv.FormatUint(sent, 10)+" segments again")
	}
	return finding{float64(size), strings.Join(texts, ", ")}
}

// rise is how far a counter rose; a counter that fell has been reset and says nothing.
func rise(a, b uint64) uint64 {
	if b < a {
		return 0
	}
	return b - a
}

// milli writes a duration in milliseconds: "0.3 ms", "14 ms".
func milli(d time.Duration) string {
	x := float64(d) / float64(time.Millisecond)
	digits := 0
	if d.Abs() < 10*time.Millisecond {
		digits = 1
	}
	return strings.TrimSuffix(strconv.FormatFloat(x, 'f', digits, 64), ".0") + " ms"
}
