package experiment

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment/trace"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// traced is what a trace comes to, DurationSeconds taken into account; zero where none was read.
type traced struct {
	requests int64
	length   time.Duration
	peak     float64 // requests a second in the busiest slot
}

// Traces reads the trace that Arrivals names: one for each endpoint where the file has as many functions as there are
// endpoints and Arrivals names none of them, else one that all endpoints share in turn. DurationSeconds is left to the
// caller. Of a sub-experiment without a trace there are none. A file that cannot be used is an error of bad input.
func (s *SubExperiment) Traces() ([]trace.Function, error) {
	if !isTrace(s.Arrivals) {
		return nil, nil
	}
	all, _, err := assign(s.Arrivals, s.Parallelism)
	if err != nil {
		return nil, fail.Input("%s: %w", s.Title, err).WithHint("Arrivals names a trace that cannot be used: " +
			"`stellar validate` says where the file is read.")
	}
	return all, nil
}

// assign reads the traces for so many endpoints. The note says what was left out.
func assign(arrivals string, endpoints int) (all []trace.Function, note string, err error) {
	path, name := trace.Split(arrivals)
	if name != "" {
		one, err := trace.Find(path, name)
		return []trace.Function{one}, "", err
	}
	all, more, err := trace.First(path, max(endpoints, 1))
	if err != nil {
		return nil, "", err
	}
	if len(all) == 1 && !more || len(all) == endpoints && !more {
		return all, "", nil
	}
	return all[:1], fmt.Sprintf("the trace has several functions, of which the first, %s, is taken; name another one "+
		"as path#name, "+
		"or set Parallelism to their number and each endpoint gets one", all[0].Name), nil
}

// traceFiles reads each trace of an experiment once, however many combinations of a sweep use it.
type traceFiles struct {
	dir  string // of the experiment file: relative paths start here
	read map[traceUse]traceFound
}

type traceUse struct {
	arrivals  string
	endpoints int
	duration  float64
}

type traceFound struct {
	traced
	note string
	err  error
}

func (f *traceFiles) find(use traceUse) traceFound {
	found, is := f.read[use]
	if !is {
		var all []trace.Function
		all, found.note, found.err = assign(use.arrivals, use.endpoints)
		for _, one := range all {
			found.add(one.Trace, toDuration(use.duration))
		}
		f.read[use] = found
	}
	return found
}

// add counts in the trace of another endpoint.
func (t *traced) add(tr trace.Trace, cut time.Duration) {
	t.requests += tr.Requests(cut)
	length := tr.Length()
	if cut > 0 && cut < length {
		length = cut
	}
	t.length = max(t.length, length)
	busiest := int64(0)
	for _, n := range tr.Counts {
		busiest = max(busiest, n)
	}
	t.peak += float64(busiest) / tr.Slot.Seconds()
}

// absolute makes the path in Arrivals one that holds wherever the experiment is read again.
func (f *traceFiles) absolute(arrivals string) string {
	path, _ := trace.Split(arrivals)
	if filepath.IsAbs(path) {
		return arrivals
	}
	return filepath.Join(f.dir, path) + arrivals[len(path):]
}

// trace reads the sub-experiment's trace, where files are read at all.
func (c combination) trace() {
	s, files := c.s, c.d.traces
	if files == nil || !isTrace(s.Arrivals) || !c.ok("Arrivals", "Parallelism", "DurationSeconds") {
		return
	}
	given := s.Arrivals
	s.Arrivals = files.absolute(given)
	found := files.find(traceUse{s.Arrivals, s.Parallelism, s.DurationSeconds})
	off, path := c.where("Arrivals")
	switch {
	case errors.Is(found.err, fs.ErrNotExist) && given != s.Arrivals:
		c.d.problem(off, path, "found %q; %s (a relative path starts at the experiment file's folder)", given,
			found.err)
	case found.err != nil:
		c.d.problem(off, path, "found %q; %s", given, found.err)
	case found.requests == 0:
		c.d.problem(off, path, "found %q, a trace without a request in %s", given, found.length)
	case found.note != "":
		c.d.note(off, path, "%s", found.note)
	}
	s.traced = found.traced
}

// PeakRate is the most requests a second that a sustained load plans, over a second or a minute of a trace.
func (s *SubExperiment) PeakRate() float64 { return max(s.RatePerSecond, s.traced.peak) }

// planned is the number of requests of a sustained load: those of a trace, exact for constant arrivals (the first
// leaves at once), expected for Poisson ones.
func (s *SubExperiment) planned() int {
	n := s.RatePerSecond * s.DurationSeconds
	switch {
	case isTrace(s.Arrivals):
		return int(s.traced.requests)
	case s.Arrivals == "poisson":
		return int(math.Round(n))
	}
	return int(math.Ceil(n - n*1e-12)) // products such as 1.1 · 10 come out a trifle over the whole number
}

// LoadText says a sustained load in words, such as "200/s poisson for 10s"; of bursts it is empty.
func (s *SubExperiment) LoadText() string {
	switch {
	case !s.Sustained():
		return ""
	case isTrace(s.Arrivals):
		return fmt.Sprintf("trace %s for %s", filepath.Base(s.Arrivals), s.traced.length)
	}
	return fmt.Sprintf("%s/s %s for %s", trimmed(s.RatePerSecond), s.Arrivals, toDuration(s.DurationSeconds))
}
