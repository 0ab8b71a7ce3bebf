// Package providerreport joins what a platform reports of single requests to the rows of latencies.csv, by request id,
// and divides the latency of cold rows into its parts.
package providerreport

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// Options say which rows get which reports.
type Options struct {
	Path      string              // latencies.csv of one sub-experiment
	Reporter  provider.Reporter   // where the reports are
	Functions []provider.Endpoint // that answered
	// Columns says that the columns of the report are filled. Without it, only what a function of the user's own does
	// not say of itself is taken: whether it was cold, its init, its instance.
	Columns bool
	// Forced says that cold rows were made cold on purpose.
	Forced bool
	// Events says that rows are of events, which are answered before the function has them: reports are waited for on
	// every platform, and sample.EventsFile beside Path gets the functions' ends.
	Events bool
	// Wait is how long reports are waited for that are not there yet; 0: DefaultWait. Where the platform says that
	// they are there at once, nothing is waited for.
	Wait time.Duration
	// Pause is the time between two questions; 0: DefaultPause.
	Pause time.Duration
}

// Reports of AWS and Google are there within seconds, as a rule, and within minutes at the latest.
const (
	DefaultWait  = 3 * time.Minute
	DefaultPause = 5 * time.Second
)

// eventPause is the time between two questions about events on a platform whose reports are there at once.
const eventPause = 200 * time.Millisecond

// Result is what was joined.
type Result struct {
	Rows      int // with an answer, warm-up included
	Joined    int // of them, those that have their report
	Ambiguous int // rows whose id is also that of another row, or whose reports contradict each other: they have none
	Cold      int // cold rows
	Divided   int // of them, those whose latency is divided into its parts
}

// Join completes the rows of one sub-experiment. Rows without a report stay as they are. The file is replaced as a
// whole, once; where nothing was found it is not touched.
func Join(ctx context.Context, o Options) (Result, error) {
	j := &join{Options: o, rows: map[string]*entry{}}
	if err := j.each(j.note); err != nil {
		return Result{}, err
	}
	if err := j.collect(ctx); err != nil {
		return j.out, fmt.Errorf("the platform's reports: %w", err)
	}
	if j.found > 0 {
		if err := j.each(j.learn); err != nil {
			return j.out, err
		}
		if err := sample.Rewrite(o.Path, j.complete); err != nil {
			return j.out, err
		}
	}
	if j.Events {
		return j.out, j.writeEvents(filepath.Join(filepath.Dir(o.Path), sample.EventsFile))
	}
	return j.out, nil
}

// writeEvents writes a row for each event.
func (j *join) writeEvents(path string) error {
	out, err := sample.CreateEvents(path)
	if err != nil {
		return err
	}
	err = j.each(func(s *sample.Sample) {
		ended := time.Time{}
		if r := j.report(s); r != nil {
			ended = r.EndedAt
		}
		out.AppendRow(s, ended)
	})
	return errors.Join(err, out.Close())
}

// Silent says whether a file is of functions that do not say whether they were cold: their first answer decides.
func Silent(path string) (bool, error) {
	silent, decided := false, false
	err := eachRow(path, func(s *sample.Sample) bool {
		if s.Err == sample.OK {
			silent, decided = s.Cold == sample.Unknown, true
		}
		return !decided
	})
	return silent, err
}

// join is one joining.
type join struct {
	Options
	rows     map[string]*entry // by the id that reports have
	missing  int               // ids that have no report yet
	found    int               // ids that have one
	networks networks
	out      Result
}

// entry is what is known of a request id.
type entry struct {
	sent, received time.Time // of its row
	rows           int       // that have this id
	report         provider.Report
	state          state
}

type state int8

const (
	waiting       state = iota // no report yet
	reported                   // report is the row's
	contradictory              // reports of this id differ
)

func (j *join) each(do func(*sample.Sample)) error {
	return eachRow(j.Path, func(s *sample.Sample) bool { do(s); return true })
}

// eachRow goes through a file's rows until do answers false.
func eachRow(path string, do func(*sample.Sample) bool) error {
	f, err := wholefile.Open(path)
	if err != nil {
		return fmt.Errorf("read the recorded rows: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	rows, err := sample.NewReader(f, path)
	if err != nil {
		return err
	}
	for {
		var s sample.Sample
		switch err := rows.Read(&s); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case !do(&s):
			return nil
		}
	}
}

// answered says whether a row can have a report: something answered, and gave the request an id.
func answered(s *sample.Sample) bool { return s.Status != 0 && s.RequestID != "" }

// note enters a row's id.
func (j *join) note(s *sample.Sample) {
	if !answered(s) {
		return
	}
	j.out.Rows++
	id := j.Reporter.ReportID(s.RequestID)
	e := j.rows[id]
	if e == nil {
		received := s.ReceivedAt
		if received.IsZero() {
			received = s.SentAt.Add(max(s.FirstByte, 0))
		}
		e = &entry{sent: s.SentAt, received: received}
		j.rows[id] = e
		j.missing++
	}
	e.rows++
}

// collect asks for reports until all are there, or the time for waiting is over.
func (j *join) collect(ctx context.Context) error {
	wait, pause := cmp.Or(j.Wait, DefaultWait), cmp.Or(j.Pause, DefaultPause)
	if j.Reporter.ReportDelay() == 0 {
		if pause = min(pause, eventPause); !j.Events {
			wait = 0
		}
	}
	for end := time.Now().Add(wait); j.missing > 0; {
		w := provider.ReportWindow{Functions: j.Functions, IDs: j.waiting}
		if w.From, w.To = j.window(); j.Events {
			w.To = time.Now()
		}
		if err := j.Reporter.Reports(ctx, w, j.addReport); err != nil {
			return err
		}
		if j.missing == 0 || time.Now().Add(pause).After(end) {
			return nil
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil // what was found so far is joined
		}
	}
	return nil
}

// waiting gives the ids that have no report yet.
func (j *join) waiting(yield func(string) bool) {
	for id, e := range j.rows {
		if e.state == waiting && !yield(id) {
			return
		}
	}
}

// window is the time of the requests that have no report yet.
func (j *join) window() (from, to time.Time) {
	for _, e := range j.rows {
		if e.state != waiting {
			continue
		}
		if from.IsZero() || e.sent.Before(from) {
			from = e.sent
		}
		if e.received.After(to) {
			to = e.received
		}
	}
	return from, to
}

// addReport adds a report to its row. If two reports of one id differ, the row gets neither.
func (j *join) addReport(r provider.Report) {
	e := j.rows[r.RequestID]
	if e == nil {
		return
	}
	switch {
	case e.state == waiting:
		e.report, e.state = r, reported
		j.missing--
		j.found++
	case e.state == reported && j.Events: // another attempt of an event whose function failed
		if r.EndedAt.After(e.report.EndedAt) {
			e.report = r
		}
	case e.state == reported && e.report != r:
		e.state = contradictory
		j.found--
	}
}

// report is that of a row, nil where it has none.
func (j *join) report(s *sample.Sample) *provider.Report {
	if !answered(s) {
		return nil
	}
	if e := j.rows[j.Reporter.ReportID(s.RequestID)]; e.state == reported && e.rows == 1 {
		return &e.report
	}
	return nil
}

// learn counts what a row gets, and what it says of the network.
func (j *join) learn(s *sample.Sample) {
	if !answered(s) {
		return
	}
	r := j.report(s)
	if r == nil {
		if e := j.rows[j.Reporter.ReportID(s.RequestID)]; e.rows > 1 || e.state == contradictory {
			j.out.Ambiguous++
		}
		return
	}
	j.out.Joined++
	j.fill(s, r)
	j.networks.add(s)
}

// complete gives a row its cells.
func (j *join) complete(s *sample.Sample) {
	r := j.report(s)
	if r != nil {
		j.fill(s, r)
	}
	if s.Cold == sample.Yes && s.Err == sample.OK {
		j.out.Cold++
	}
	if r != nil && j.Columns && !j.Events && divide(s, &j.networks) {
		j.out.Divided++
	}
}

// fill copies a report into its row. What the function said of itself stays.
func (j *join) fill(s *sample.Sample, r *provider.Report) {
	if j.Columns {
		s.ProviderDuration, s.Billed = none(r.Duration), none(r.Billed)
		s.ProviderInit, s.Restore = none(r.Init), none(r.Restore)
		s.MemorySizeMB, s.MaxMemoryMB = r.MemoryMB, r.MaxMemoryMB
	}
	s.InstanceID = cmp.Or(s.InstanceID, r.Instance)
	if s.Cold != sample.Unknown || !r.ColdKnown {
		return
	}
	s.Cold = sample.No
	if r.Cold {
		s.Cold, s.Init = sample.Yes, none(r.Init)
		s.ColdStart = sample.Idle
		if j.Forced {
			s.ColdStart = sample.Forced
		}
	}
}

// none is a duration of a report in a row's terms.
func none(d time.Duration) time.Duration {
	if d < 0 {
		return sample.None
	}
	return d
}
