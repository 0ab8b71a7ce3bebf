package providerreport

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

const ms = time.Millisecond

// platform stands in for one that reports: each question gets the next batch of reports.
type platform struct {
	batches [][]provider.Report
	delay   time.Duration
	err     error
	windows []provider.ReportWindow
}

func (p *platform) ReportID(id string) string { return strings.TrimPrefix(id, "row:") }

func (p *platform) ReportDelay() time.Duration { return p.delay }

func (p *platform) Reports(_ context.Context, w provider.ReportWindow, found func(provider.Report)) error {
	p.windows = append(p.windows, w)
	if len(p.batches) > 0 {
		for _, r := range p.batches[0] {
			found(r)
		}
		p.batches = p.batches[1:]
	}
	return p.err
}

func report(id string, change func(*provider.Report)) provider.Report {
	r := provider.EmptyReport(id)
	r.Duration, r.Billed, r.MemoryMB, r.MaxMemoryMB = 2*ms, 3*ms, 128, 30
	r.Instance, r.ColdKnown = "platform's", true
	if change != nil {
		change(&r)
	}
	return r
}

// row is the nth row of a file, answered.
func row(n int, change func(*sample.Sample)) sample.Sample {
	s := sample.Empty()
	s.RequestID, s.Endpoint, s.Status, s.Slot = "r"+strconv.Itoa(n), "f", 200, n
	s.SentAt = time.Date(2026, 3, 1, 12, 0, n, 0, time.UTC)
	s.ReceivedAt, s.Latency = s.SentAt.Add(10*ms), 10*ms
	s.Cold, s.InstanceID = sample.No, "function's"
	if change != nil {
		change(&s)
	}
	return s
}

func file(t *testing.T, rows ...sample.Sample) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "latencies.csv")
	w, err := sample.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		w.AppendRow(&rows[i])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) []sample.Sample {
	t.Helper()
	rows, torn, err := sample.ReadFile(path)
	if err != nil || torn != 0 {
		t.Fatalf("torn %d, error %v", torn, err)
	}
	return rows
}

func cold(s *sample.Sample)           { s.Cold = sample.Yes }
func silent(s *sample.Sample)         { s.Cold, s.InstanceID = sample.Unknown, "" }
func coldReport(r *provider.Report)   { r.Cold, r.Init = true, 5*ms }
func failedRequest(s *sample.Sample)  { s.Err, s.Status, s.Latency = sample.HTTP5xx, 502, sample.None }
func unanswered(s *sample.Sample)     { s.Err, s.Status, s.Latency = sample.Timeout, 0, sample.None }
func namedOtherwise(s *sample.Sample) { s.RequestID = "row:" + s.RequestID }
func ofAnotherRow(s *sample.Sample)   { s.RequestID = "r0" }
func newConnection(s *sample.Sample)  { cold(s); s.NewConn = true }
func ofAnotherPlace(s *sample.Sample) { cold(s); s.Endpoint = "g" }

func TestJoin(t *testing.T) {
	for _, c := range []struct {
		name    string
		rows    []sample.Sample
		reports []provider.Report
		o       Options
		result  Result
		want    func(rows []sample.Sample) // makes what is expected of the rows
	}{
		{"warm and cold", []sample.Sample{row(0, nil), row(1, cold)},
			[]provider.Report{report("r0", nil), report("r1", coldReport), report("another run's", nil)},
			Options{Columns: true}, Result{Rows: 2, Joined: 2, Cold: 1, Divided: 1}, func(rows []sample.Sample) {
				withReport(&rows[0])
				withReport(&rows[1])
				rows[1].ProviderInit = 5 * ms
				// A warm request takes 8 ms beside the function's 2 ms: more than what is left of the cold one.
				rows[1].Network, rows[1].Residual, rows[1].Start, rows[1].FirstRequest = 3*ms, 0, 5*ms, 2*ms
			}},
		{"a failed request has its report, a timeout has none", []sample.Sample{row(0, failedRequest),
			row(1, unanswered)}, []provider.Report{report("r0", nil), report("r1", nil)}, Options{Columns: true},
			Result{Rows: 1, Joined: 1}, func(rows []sample.Sample) { withReport(&rows[0]) }},
		{"an id of two rows is of neither", []sample.Sample{row(0, nil), row(1, ofAnotherRow), row(2, nil)},
			[]provider.Report{report("r0", nil), report("r2", nil)}, Options{Columns: true},
			Result{Rows: 3, Joined: 1, Ambiguous: 2}, func(rows []sample.Sample) { withReport(&rows[2]) }},
		{"reports that differ are not chosen from", []sample.Sample{row(0, nil), row(1, nil)},
			[]provider.Report{report("r0", nil), report("r0", coldReport), report("r1", nil), report("r1", nil)},
			Options{Columns: true}, Result{Rows: 2, Joined: 1, Ambiguous: 1},
			func(rows []sample.Sample) { withReport(&rows[1]) }},
		{"a function that says nothing of itself", []sample.Sample{row(0, silent), row(1, silent)},
			[]provider.Report{report("r0", coldReport), report("r1", nil)}, Options{},
			Result{Rows: 2, Joined: 2, Cold: 1},
			func(rows []sample.Sample) {
				rows[0].Cold, rows[0].InstanceID, rows[0].Init = sample.Yes, "platform's", 5*ms
				rows[0].ColdStart = sample.Idle
				rows[1].Cold, rows[1].InstanceID = sample.No, "platform's"
			}},
		{"likewise, made cold", []sample.Sample{row(0, silent)}, []provider.Report{report("r0", coldReport)},
			Options{Forced: true}, Result{Rows: 1, Joined: 1, Cold: 1}, func(rows []sample.Sample) {
				rows[0].Cold, rows[0].InstanceID, rows[0].Init = sample.Yes, "platform's", 5*ms
				rows[0].ColdStart = sample.Forced
			}},
		{"no warm request of the same endpoint and kind of connection", []sample.Sample{row(0, nil),
			row(1, newConnection), row(2, ofAnotherPlace)}, []provider.Report{report("r0", nil),
			report("r1", coldReport), report("r2", coldReport)}, Options{Columns: true},
			Result{Rows: 3, Joined: 3, Cold: 2}, func(rows []sample.Sample) {
				for i := range rows {
					withReport(&rows[i])
				}
				rows[1].ProviderInit, rows[2].ProviderInit = 5*ms, 5*ms
			}},
		{"a platform that does not report the start", []sample.Sample{row(0, nil), row(1, cold)},
			[]provider.Report{report("r0", nil), report("r1", nil)}, Options{Columns: true},
			Result{Rows: 2, Joined: 2, Cold: 1}, func(rows []sample.Sample) {
				withReport(&rows[0])
				withReport(&rows[1])
			}},
		{"a platform that names requests in its own way", []sample.Sample{row(0, namedOtherwise)},
			[]provider.Report{report("r0", nil)}, Options{Columns: true}, Result{Rows: 1, Joined: 1},
			func(rows []sample.Sample) { withReport(&rows[0]) }},
		{"nothing found", []sample.Sample{row(0, nil)}, nil, Options{Columns: true}, Result{Rows: 1},
			func([]sample.Sample) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Path, c.o.Reporter = file(t, c.rows...), &platform{batches: [][]provider.Report{c.reports}}
			got, err := Join(t.Context(), c.o)
			if err != nil || got != c.result {
				t.Errorf("result %+v, error %v; want %+v", got, err, c.result)
			}
			c.want(c.rows)
			for i, s := range read(t, c.o.Path) {
				if !s.Equal(c.rows[i]) {
					t.Errorf("row %d\ngot  %+v\nwant %+v", i, s, c.rows[i])
				}
			}
		})
	}
}

// withReport gives a row the cells of an ordinary report.
func withReport(s *sample.Sample) {
	s.ProviderDuration, s.Billed, s.MemorySizeMB, s.MaxMemoryMB = 2*ms, 3*ms, 128, 30
}

// TestParts: whatever the numbers, the parts of a cold row sum up to its latency in the file, and none is negative.
func TestParts(t *testing.T) {
	us := time.Microsecond
	for _, c := range []struct {
		name                              string
		latency, duration, init, restore  time.Duration
		warm                              time.Duration // latency of the warm request, whose function took 2 ms
		network, residual, start, request time.Duration
	}{
		{"all parts", 400 * ms, 20 * ms, 70 * ms, 0, 12 * ms, 10 * ms, 300 * ms, 70 * ms, 20 * ms},
		{"a snapshot", 400 * ms, 20 * ms, -1, 250 * ms, 12 * ms, 10 * ms, 120 * ms, 250 * ms, 20 * ms},
		{"fractions of a µs", 400*ms + 1499, 20*ms + 777, 70*ms + 501, 0, 12*ms + 333, 10 * ms,
			300*ms - us, 70*ms + us, 20*ms + us},
		{"the instance was started ahead", 30 * ms, 20 * ms, 70 * ms, 0, 12 * ms, 0, 0, 10 * ms, 20 * ms},
		{"the clock of the platform is coarse", 19 * ms, 20 * ms, 70 * ms, 0, 12 * ms, 0, 0, 0, 19 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := file(t, row(0, func(s *sample.Sample) { s.Latency = c.warm }),
				row(1, func(s *sample.Sample) { s.Cold, s.Latency = sample.Yes, c.latency }))
			_, err := Join(t.Context(), Options{Path: path, Columns: true, Reporter: &platform{
				batches: [][]provider.Report{{report("r0", nil), report("r1", func(r *provider.Report) {
					r.Cold, r.Duration, r.Init, r.Restore = true, c.duration, c.init, c.restore
				})}}}})
			s := read(t, path)[1]
			if err != nil || s.Network != c.network || s.Residual != c.residual || s.Start != c.start ||
				s.FirstRequest != c.request {
				t.Errorf("network %v, residual %v, start %v, first request %v, error %v; want %v, %v, %v, %v", s.Network,
					s.Residual, s.Start, s.FirstRequest, err, c.network, c.residual, c.start, c.request)
			}
			if sum := s.Network + s.Residual + s.Start + s.FirstRequest; sum != s.Latency {
				t.Errorf("the sum is %v, the latency %v", sum, s.Latency)
			}
		})
	}
}

// TestReportsAreWaitedFor asks again for what is missing, and for nothing before it.
func TestReportsAreWaitedFor(t *testing.T) {
	path := file(t, row(0, nil), row(5, nil), row(9, nil))
	p := &platform{delay: time.Second, batches: [][]provider.Report{{report("r0", nil)}, {}, {report("r9", nil)}}}
	got, err := Join(t.Context(), Options{Path: path, Columns: true, Reporter: p, Wait: 50 * ms, Pause: ms})
	if err != nil || got.Joined != 2 || len(p.windows) < 4 {
		t.Fatalf("result %+v, error %v, asked %d times", got, err, len(p.windows))
	}
	first, last := p.windows[0], p.windows[len(p.windows)-1]
	if first.From.Second() != 0 || first.To.Sub(first.From) != 9*time.Second+10*ms {
		t.Errorf("the first question is from %v to %v", first.From, first.To)
	}
	if last.From.Second() != 5 || last.To.Sub(last.From) != 10*ms {
		t.Errorf("the last question is from %v to %v", last.From, last.To)
	}
	once := &platform{} // a platform whose reports are there at once is asked once
	if _, err := Join(t.Context(), Options{Path: path, Reporter: once}); err != nil || len(once.windows) != 1 {
		t.Errorf("asked %d times, error %v", len(once.windows), err)
	}
}

// TestInterruptedJoin keeps what was found when the run is interrupted.
func TestInterruptedJoin(t *testing.T) {
	path := file(t, row(0, nil), row(1, nil))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := &platform{delay: time.Second, batches: [][]provider.Report{{report("r0", nil)}}}
	got, err := Join(ctx, Options{Path: path, Columns: true, Reporter: p})
	if err != nil || got.Joined != 1 || read(t, path)[0].Billed != 3*ms {
		t.Errorf("result %+v, error %v", got, err)
	}
}

func TestJoinFails(t *testing.T) {
	path := file(t, row(0, nil))
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	broken := errors.New("access denied")
	_, err = Join(t.Context(), Options{Path: path, Reporter: &platform{err: broken}})
	if !errors.Is(err, broken) || !strings.Contains(err.Error(), "the platform's reports") {
		t.Errorf("error %v", err)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the file was changed: %v", err)
	}
	_, err = Join(t.Context(), Options{Path: filepath.Join(t.TempDir(), "none"), Reporter: &platform{}})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	foreign := filepath.Join(t.TempDir(), "latencies.csv")
	if err := os.WriteFile(foreign, []byte("a,b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Silent(foreign); fail.Code(err) != fail.CodeInput {
		t.Errorf("error %v", err)
	}
}

func TestSilent(t *testing.T) {
	for name, c := range map[string]struct {
		rows []sample.Sample
		want bool
	}{
		"the measurement function":        {[]sample.Sample{row(0, nil)}, false},
		"a function of the user's own":    {[]sample.Sample{row(0, silent)}, true},
		"the first answer is a failure's": {[]sample.Sample{row(0, failedRequest), row(1, nil)}, false},
		"no answer at all":                {[]sample.Sample{row(0, unanswered)}, false},
		"no rows":                         {nil, false},
	} {
		if got, err := Silent(file(t, c.rows...)); got != c.want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
