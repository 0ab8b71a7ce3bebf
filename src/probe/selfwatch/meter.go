package selfwatch

import (
	"math"
	"runtime"
	"runtime/metrics"
	"slices"
	"sync"
	"syscall"
	"time"
)

// reading is what the instruments show at one time. Counters count from an unknown start: only differences have a
// meaning.
type reading struct {
	at      time.Duration // on the monotonic clock, from the watch's start
	wall    time.Duration // wall clock less monotonic clock
	asleep  time.Duration // how long the machine has been suspended; 0 where that cannot be asked
	cpu     time.Duration // this process's, user and system, all threads
	allowed int           // cores that the process may use at once
	idle    time.Duration // of all cores together
	cores   int           // that idle is the sum over; 0: not known
	pauses  time.Duration // in which the collector stopped the world
	waits   waits
	net     network
}

// network has the kernel's counters of lost and resent segments, in this network namespace.
type network struct {
	listen  uint64 // TcpExt ListenDrops: connections asked for that a listening socket had no room for
	socket  uint64 // TcpExt TCPBacklogDrop and TCPRcvQDrop: segments for which a socket had no room
	host    uint64 // softnet_stat dropped: packets for which a core's input queue had no room (all namespaces)
	again   uint64 // segments sent again
	vain    uint64 // TcpExt TCPDSACKRecv: those of them that had arrived after all and cost nothing
	payload uint64 // TcpExt TCPOrigDataSent: segments with data, each counted once
	known   bool   // false where the system keeps no such counters: nothing is said then
}

// meter reads the real instruments.
type meter struct {
	mu         sync.Mutex // of the fields below; marks of overlapping bursts may coincide
	base       time.Time
	system     system
	processors int // that the process may use
	samples    []metrics.Sample
	class      []int8 // of each bucket of waiting times: its class, or -1 for a wait too short to matter
}

// The names of what is asked of the Go runtime (package runtime/metrics). The pauses are counted as they happen;
// debug.ReadGCStats learns of them only when the collection is over, which may be after the burst.
const (
	metricWaits  = "/sched/latencies:seconds"
	metricPauses = "/sched/pauses/total/gc:seconds"
)

func newMeter(processors int) *meter {
	m := &meter{base: time.Now(), processors: processors,
		samples: []metrics.Sample{{Name: metricWaits}, {Name: metricPauses}}}
	m.system.open()
	m.askRuntime()
	if h := histogram(m.samples[0]); h != nil {
		for i := range h.Counts {
			m.class = append(m.class, waitClass(h.Buckets[i]))
		}
	}
	return m
}

func (m *meter) now() time.Duration { return time.Since(m.base) }

func (m *meter) close() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.system.close()
}

// read takes a whole reading. It allocates nothing.
func (m *meter) read() reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	var r reading
	m.system.read(&r)
	m.askRuntime()
	r.waits = m.countWaits()
	r.pauses = m.sumPauses()
	r.cpu = processTime()
	r.allowed = min(m.processors, runtime.NumCPU())
	m.clocks(&r)
	return r
}

// clocks compares the clocks with each other. An interruption between two of them would look like a step, so the
// reading that took the least time is kept, and a fast one is enough.
func (m *meter) clocks(r *reading) {
	const tries, enough = 5, 50 * time.Microsecond
	least := time.Duration(math.MaxInt64)
	for range tries {
		before := time.Now()
		t := time.Now()
		asleep := suspended()
		took := time.Since(before)
		if took < least {
			least = took
			r.at = t.Sub(m.base)
			r.wall = time.Duration(t.UnixNano()) - r.at
			r.asleep = asleep
		}
		if took < enough {
			return
		}
	}
}

// askRuntime fills the samples, into the histograms of the last time.
func (m *meter) askRuntime() { metrics.Read(m.samples) }

// histogram is nil if this version of Go has no such metric.
func histogram(s metrics.Sample) *metrics.Float64Histogram {
	if s.Value.Kind() != metrics.KindFloat64Histogram {
		return nil
	}
	return s.Value.Float64Histogram()
}

// sumPauses is the length of all pauses so far, each taken as the middle of its bucket (off by an eighth at most).
func (m *meter) sumPauses() time.Duration {
	h := histogram(m.samples[1])
	if h == nil {
		return 0
	}
	var sum float64
	for i, n := range h.Counts {
		if n > 0 && h.Buckets[i] >= 0 {
			top := h.Buckets[i+1]
			if math.IsInf(top, 1) {
				top = h.Buckets[i]
			}
			sum += float64(n) * (h.Buckets[i] + top) / 2
		}
	}
	return time.Duration(sum * float64(time.Second))
}

func (m *meter) countWaits() (w waits) {
	if h := histogram(m.samples[0]); h != nil {
		for i, n := range h.Counts {
			if c := m.class[i]; c >= 0 {
				w[c] += n
			}
		}
	}
	return w
}

// waits counts goroutines by how long they were ready before they ran: class i from waitFrom(i). The runtime samples
// about every eighth wait, so a count of zero proves nothing.
type waits [40]uint64

// waitFrom is the lower bound of a class: 4, 5, 6, 7, 8, 10, 12, 14, 16, 20 ... ms.
func waitFrom(class int) time.Duration {
	return time.Duration(4+class%4) * time.Millisecond << (class / 4)
}

// waitClass is the class of a wait of at least so many seconds; -1 below the first.
func waitClass(seconds float64) int8 {
	class := int8(-1)
	for c := range len(waits{}) {
		if seconds >= waitFrom(c).Seconds() {
			class = int8(c)
		}
	}
	return class
}

// longest is how long a goroutine waited at least between two readings; 0: no long wait was seen.
func (w waits) longest(before waits) time.Duration {
	for c := range slices.Backward(w[:]) {
		if w[c] > before[c] {
			return waitFrom(c)
		}
	}
	return 0
}

// processTime is the processor time of all threads of this process (getrusage).
func processTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
