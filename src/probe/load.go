package probe

import (
	"cmp"
	"context"
	"runtime"
	"slices"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/probe/selfwatch"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Load is a sustained load instead of bursts: every request has a planned time of its own, independent of all
// responses. A request that is due and finds no connection waits for one, and is late.
//
// A request that is still due at the end is sent late, for at most catchUp longer: the client itself has come late, or
// a connection is still being opened. If the load lacks connections at the end (MaxConnections are open, and a request
// waits for one), nothing is sent any more. What is left then is counted as unsent.
type Load struct {
	// Instants begins the timetable anew: offsets from the load's start in ascending order, each with the index of its
	// target, or a negative one where the targets take turns. Every thread that sends goes through a timetable of its
	// own.
	Instants func() func() (offset time.Duration, target int, ok bool)
	// Length is when the load is over: requests that are due at it or later are not sent.
	Length time.Duration
	// MaxConnections are open at once at most, over all targets; default 1000.
	MaxConnections int
	// Warm is how many connections to each target are opened beforehand, where they are reused; default 1.
	Warm int
	// Cycle is how many rounds there are that differ from each other (Query, Body, Desired); default 1.
	Cycle int
}

func (l *Load) check() error {
	switch {
	case l.Instants == nil:
		return fail.Input("a sustained load needs a timetable")
	case l.Length <= 0:
		return fail.Input("a sustained load of %s sends nothing", l.Length)
	case l.MaxConnections < 0 || l.Warm < 0 || l.Cycle < 0:
		return fail.Input("MaxConnections %d, Warm %d or Cycle %d is negative", l.MaxConnections, l.Warm, l.Cycle)
	}
	return nil
}

// windowLength is how long rows of a sustained load gather before they are written, and judged by what the watch saw.
const windowLength = 250 * time.Millisecond

// catchUp is how long after the end of a sustained load requests are still sent that were due before.
const catchUp = time.Second

// slotsMost limits the slots of a loop: those in flight and those whose rows have not been made yet.
const slotsMost = 1 << 15

// runLoad sends a sustained load. It reports whether it came to its planned end.
func (e *engine) runLoad(ctx context.Context) bool {
	load := *e.cfg.Load
	landed := make(chan []*slot, 64)
	a, _ := readAnchor(e.base)
	e.rec.wall = newWallClock(a)
	begin := e.base.Add(time.Since(e.base) + lead)
	drives := make([]*drive, len(e.loops))
	for i, l := range e.loops {
		drives[i] = e.newDrive(l, load, begin.Sub(e.base), landed)
		l.do(func() {
			l.drive = drives[i]
			l.drive.warmUp()
		})
	}
	over := make(chan struct{})
	fail.Go(e.defect, func() { e.resign(drives, over) })
	fail.Go(e.defect, func() {
		if e.awaitLoad(ctx, drives) {
			close(landed)
		}
	}, func() { close(over) })
	e.rec.drain(landed, e.broken, e.watch)
	<-over
	if e.isBroken() { // what the drives say cannot be trusted
		return false
	}
	complete := true
	for _, d := range drives {
		e.rec.out.Unsent += d.unsent
		complete = complete && !d.halted
	}
	return complete
}

// awaitLoad waits until all requests have ended. If the context ends, nothing more is sent, and requests in flight get
// the grace period. It reports false if something has panicked: then some may never end.
func (e *engine) awaitLoad(ctx context.Context, drives []*drive) bool {
	finished := make(chan struct{})
	fail.Go(e.defect, func() {
		for _, d := range drives {
			select {
			case <-d.over:
			case <-e.broken:
			}
		}
	}, func() { close(finished) })
	select {
	case <-finished:
		return !e.isBroken()
	case <-ctx.Done():
	}
	for _, d := range drives {
		d.loop.do(d.halt)
	}
	timer := time.NewTimer(e.cfg.Grace)
	defer timer.Stop()
	select {
	case <-finished:
		return !e.isBroken()
	case <-timer.C:
	}
	for _, d := range drives {
		d.loop.do(d.cut)
	}
	<-finished
	return !e.isBroken()
}

// drain makes the rows of a sustained load, and writes them window by window. After broken is closed, it accepts no
// more.
func (r *recorder) drain(landed <-chan []*slot, broken <-chan struct{}, w *selfwatch.Watch) {
	rows := r.cfg.Load.room() // before the watch looks: what this takes is not the load's
	var m selfwatch.Mark
	if w != nil {
		m = w.Mark()
	}
	window := time.NewTicker(windowLength)
	defer window.Stop()
	var order []place
	write := func() {
		order = sortByPlace(rows, order[:0])
		if w != nil {
			v := w.Since(m, r.window.value())
			m, r.window = w.Mark(), roughMedian{}
			r.suspect(rows, v)
		}
		r.writeWindow(rows)
		rows = rows[:0]
	}
	finish := func() {
		if len(rows) > 0 {
			write()
		}
		if w != nil {
			w.Since(m, 0)
		}
	}
	for {
		select {
		case <-broken:
			finish()
			return
		case slots, ok := <-landed:
			if !ok {
				finish()
				return
			}
			rows = r.rowsOf(rows, slots)
			if len(rows) >= slotsMost {
				write()
			}
		case <-window.C:
			r.readWall()
			if len(rows) > 0 {
				write()
			}
		}
	}
}

// room is memory for the rows of a window, made before the load begins: were it made while rows come, it would be
// copied, paged in and collected in the first half second, at the cost of the load.
func (l *Load) room() []sample.Sample {
	const (
		looked = 1 << 17 // of the timetable's beginning: some milliseconds
		large  = 4096    // rows of which the garbage of others would be felt
	)
	next := l.Instants()
	most, n, end := 0, 0, windowLength
	for range looked {
		at, _, ok := next()
		if !ok || most >= slotsMost {
			break
		}
		if at >= end {
			n, end = 0, at.Truncate(windowLength)+windowLength
		}
		n++
		most = max(most, n)
	}
	rows := make([]sample.Sample, min(most+most/4, slotsMost+256)) // windows are not quite even
	for i := range rows {
		rows[i] = sample.Empty() // writes to each page
	}
	if len(rows) >= large {
		runtime.GC() // the next collection is as far away as it can be
	}
	return rows[:0]
}

// readWall reads how the wall clock proceeds.
func (r *recorder) readWall() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.wall.follow(readAnchor(r.base))
}

// place is where a row belongs among those of a window: by its second, and its place in it.
type place struct {
	second, slot, at int32
}

// sortByPlace sorts rows by their planned times. A row is large: the places are sorted, and then each row is moved at
// most once. It returns the space that it has used.
func sortByPlace(rows []sample.Sample, order []place) []place {
	for i := range rows {
		order = append(order, place{int32(rows[i].Burst), int32(rows[i].Slot), int32(i)})
	}
	slices.SortFunc(order, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.second, b.second), cmp.Compare(a.slot, b.slot))
	})
	for i := range order {
		if int(order[i].at) == i {
			continue
		}
		moved := rows[i] // its place is free now; what belongs there comes, and so on, until its own is free
		for at := i; ; {
			from := int(order[at].at)
			order[at].at = int32(at)
			if from == i {
				rows[at] = moved
				break
			}
			rows[at] = rows[from]
			at = from
		}
	}
	return order
}

// rowsOf makes the rows of slots and returns the slots to their drive.
func (r *recorder) rowsOf(rows []sample.Sample, slots []*slot) []sample.Sample {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range slots {
		rows = slices.Grow(rows, 1)[:len(rows)+1] // the row sets all of it
		row := &rows[len(rows)-1]
		r.row(s, row)
		r.count(s, row)
		if row.Latency >= 0 {
			r.window.add(row.Latency)
		}
		markIdle(row)
	}
	d := slots[0].b.load
	select {
	case d.returned <- slots:
	default: // it has more than it needs
		d.dropped.Add(int64(len(slots)))
	}
	return rows
}

// writeWindow passes a window's rows to the sink, reports the progress and judges the error ratio.
func (r *recorder) writeWindow(rows []sample.Sample) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return
	}
	if err := r.cfg.Sink(rows); err != nil {
		r.over = true
		r.stop(err)
		return
	}
	last := rows[len(rows)-1].Burst + 1
	seconds := int((r.cfg.Load.Length + time.Second - 1) / time.Second)
	r.out.Bursts = max(r.out.Bursts, last)
	if r.cfg.Progress != nil {
		p := r.progress(last, max(seconds, last), max(r.cfg.Load.Length-time.Duration(last)*time.Second, 0))
		p.Rate = float64(p.Requests) / float64(last)
		r.cfg.Progress(p)
	}
	if err := r.judge(); err != nil && !r.judged {
		r.judged = true // what is in flight still comes, and is written
		r.stop(err)
	}
}
