package analyze

import (
	"slices"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// openBurst is the burst whose rows are being added.
type openBurst struct {
	any     bool
	line    sample.BurstLine
	base    time.Time // what first and last count from
	first   time.Duration
	last    time.Duration
	begun   int // rows of which the instant of the first byte is known
	words   []string
	suspect string   // the Suspect whose words were entered last
	all     []uint32 // latencies of all successful rows in µs, warm-up too
	longest time.Duration
	scratch []uint32

	// Of the rows that are not warm-up:
	of      kinds
	counted int  // rows
	each    bool // its requests have an instant each: it is a second of a sustained load
	late    int  // those of a sustained load that were late
	errors  int
}

func (b *openBurst) is(r *sample.Sample) bool { return b.any && r.Burst == b.line.Burst }

func (b *openBurst) begin(r *sample.Sample) {
	kept := openBurst{any: true, each: sustained(r), words: b.words[:0], all: b.all[:0], scratch: b.scratch,
		longest: sample.None, base: r.SentAt}
	for k := range b.of {
		kept.of[k] = b.of[k][:0]
	}
	kept.line = sample.BurstLine{Burst: r.Burst, Endpoint: r.Endpoint, Round: r.Round, BurstSize: r.BurstSize,
		Warmup:    r.Warmup,
		PlannedAt: r.PlannedAt, ReleasedAt: r.ReleasedAt, Lateness: sample.None, Spread: sample.None,
		Median: sample.None, Max: sample.None}
	*b = kept
}

func (b *openBurst) add(r *sample.Sample, class sample.Class) {
	switch {
	case r.Lateness < 0:
	case sustained(r): //, whose requests have an instant each: the worst of them
		b.line.Lateness = max(b.line.Lateness, r.Lateness)
		if r.Lateness > LateFrom && !r.Warmup {
			b.late++
		}
	case b.line.Lateness < 0 || r.Lateness < b.line.Lateness:
		b.line.Lateness = r.Lateness // all share the planned instant, so the least late is the first
	}
	if !r.SentAt.IsZero() && r.WriteBegan >= 0 && !sustained(r) {
		b.began(r.SentAt.Sub(b.base) + r.WriteBegan)
	}
	if r.Suspect != "" && r.Suspect != b.suspect {
		b.suspect = r.Suspect
		for word := range strings.SplitSeq(r.Suspect, "+") {
			if !slices.Contains(b.words, word) {
				b.words = append(b.words, word)
			}
		}
	}
	if opensAnew(r) {
		b.line.NewConns++
	}
	us := toMicros(r.Latency)
	if class != sample.OK {
		b.line.Errors++
	} else {
		b.longest = max(b.longest, r.Latency)
		b.all = append(b.all, uint32(min(us, tooLong)))
	}
	if r.Warmup {
		return
	}
	b.counted++
	switch {
	case class != sample.OK:
		b.errors++
	case r.Cold == sample.Yes:
		b.of[0] = append(b.of[0], us)
	case r.Cold == sample.No:
		b.of[1] = append(b.of[1], us)
	default:
		b.of[2] = append(b.of[2], us)
	}
}

// began records the time at which a request's first byte was sent.
func (b *openBurst) began(at time.Duration) {
	if b.begun == 0 {
		b.first, b.last = at, at
	}
	b.first, b.last = min(b.first, at), max(b.last, at)
	b.begun++
}

// spread is the time between the first and the last request's first byte, None with fewer than two.
func (b *openBurst) spread() time.Duration {
	if b.begun < 2 {
		return sample.None
	}
	return max(b.last-b.first, 0)
}

// finish completes the burst's line.
func (b *openBurst) finish() *sample.BurstLine {
	b.line.Spread = b.spread()
	slices.Sort(b.words)
	b.line.Suspect = strings.Join(b.words, "+")
	if n := len(b.all); n > 0 {
		b.scratch = slices.Grow(b.scratch[:0], n)[:n]
		sortMicros(b.all, b.scratch)
		b.line.Median = time.Duration(b.all[Median.Rank(n)-1]) * time.Microsecond
		b.line.Max = b.longest
	}
	return &b.line
}
