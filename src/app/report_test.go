package app_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/report/page"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// derived reports whether a file is made from other files of a run's folder.
func derived(path string) bool {
	name := filepath.Base(path)
	return filepath.Ext(name) == ".png" || name == "statistics.csv" || name == "comparison.csv" ||
		name == sample.BurstsFile || name == page.File
}

// files are the contents of a folder's files by their paths in it.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err == nil {
			all[name], err = os.ReadFile(path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// measuredRun is a run of three sub-experiments against a server: bursts of two sizes, and a sustained load of which
// requests stay unsent. The server closes idle connections early, and fails now and then.
func measuredRun(t *testing.T, w app.App, home string) *app.Outcome {
	t.Helper()
	var n atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		asked := n.Add(1)
		if asked%11 == 0 {
			rw.WriteHeader(http.StatusInternalServerError)
		}
		if r.URL.Query().Get("slow") != "" {
			time.Sleep(100 * time.Millisecond)
		}
		_, _ = fmt.Fprintf(rw, `{"RequestID":"r%d","Instance":{"ID":"i","Cold":%v,"Invocation":%d}}`, asked,
			asked%3 == 0, asked)
	}))
	server.Config.IdleTimeout = 100 * time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	loaded, err := experiment.Parse("x.json", []byte(`{"Provider":"`+server.URL+`?slow=1","Sequential":true,`+
		`"Seed":7,"SubExperiments":[
		{"Title":"bursts","Bursts":2,"IATSeconds":0.2,"IATType":"deterministic","Visualization":"all","MaxErrorRatio":1,
			"Sweep":{"BurstSizes":[[2],[5]]}},
		{"Title":"load","RatePerSecond":100,"DurationSeconds":0.3,"MaxConnections":1,"MaxErrorRatio":1,`+
		`"Thresholds":{"p50_ms":1}}]}`), vendors.Known())

	if err != nil {
		t.Fatal(err)
	}
	out, err := w.Run(t.Context(), loaded.Experiment, home)
	if out == nil || fail.Code(err) != fail.CodeThreshold {
		t.Fatal(lab.Story(err))
	}
	return out
}

// moveWithoutDerived moves a run's folder to another place, without the files that a report makes.
func moveWithoutDerived(t *testing.T, from string, all map[string][]byte) (to string) {
	t.Helper()
	to = filepath.Join(t.TempDir(), "from another machine")
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(from); err != nil {
		t.Fatal(err)
	}
	removed := 0
	for name := range all {
		if derived(name) {
			removed++
			if err := os.Remove(filepath.Join(to, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if removed < 10 {
		t.Fatalf("only %d files are derived: %v", removed, all)
	}
	return to
}

// TestReportOfACopiedFolder holds that statistics, plots and comparisons follow from the folder alone: made again from
// a copy without them, they are the same to the byte.
func TestReportOfACopiedFolder(t *testing.T) {
	var log lab.Log
	w, home, _ := homeApp(t, &log)
	out := measuredRun(t, w, home)
	before := files(t, out.Dir)

	elsewhere := moveWithoutDerived(t, out.Dir, before)
	again, err := w.Report(context.Background(), elsewhere)
	if again == nil || fail.Code(err) != fail.CodeThreshold {
		t.Fatal(lab.Story(err))
	}
	after := files(t, elsewhere)
	for name, text := range before {
		if !bytes.Equal(after[name], text) {
			t.Errorf("%s: %d bytes, was %d\n%s\nwas\n%s", name, len(after[name]), len(text), excerpt(after[name]),
				excerpt(text))
		}
	}
	if len(after) != len(before) {
		t.Errorf("%d files, were %d", len(after), len(before))
	}

	// The values that no row has came back, too.
	rec, err := run.ReadRecord(elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	checkExports(t, w, elsewhere, rec.Results[0].Rows+rec.Results[1].Rows+rec.Results[2].Rows)
	if rec.Results[0].IdleClose <= 0 || rec.Results[2].Unsent == 0 {
		t.Errorf("the run is not one that tests this: %+v", rec.Results)
	}
	if !strings.Contains(string(after["statistics.csv"]), fmt.Sprint(rec.Results[2].Unsent)) {
		t.Errorf("%d unsent requests are not in\n%s", rec.Results[2].Unsent, after["statistics.csv"])
	}
	var first, second bytes.Buffer
	out.Dir, again.Dir = "", ""
	for i := range out.Rows {
		out.Rows[i].Dir, again.Rows[i].Dir = "", ""
	}
	if a, err := out.MarshalJSON(); err == nil {
		first.Write(a)
	}
	if b, err := again.MarshalJSON(); err == nil {
		second.Write(b)
	}
	if first.Len() == 0 || first.String() != second.String() || len(again.Comparisons) != len(out.Comparisons) {
		t.Errorf("the outcome is\n%s\nwas\n%s", &second, &first)
	}
}

func excerpt(text []byte) []byte { return text[:min(len(text), 400)] }

// TestReportOfAllRuns: a folder of runs in place of one run's is refused with the newest of them.
func TestReportOfAllRuns(t *testing.T) {
	var log lab.Log
	w, _, _ := homeApp(t, &log)
	runs := t.TempDir()
	newest := filepath.Join(runs, run.LatestLink)
	if err := errors.Join(os.Mkdir(newest, 0o700),
		os.WriteFile(filepath.Join(newest, run.RecordFile), []byte("{}"), 0o600)); err != nil {
		t.Fatal(err)
	}
	_, err := w.Report(t.Context(), runs)
	if want := "name the folder of one run, such as " + newest; fail.Hint(err) != want {
		t.Errorf("hint %q, want %q", fail.Hint(err), want)
	}
}

// TestReportRefuses holds that a record cannot lead out of the run's folder.
func TestReportRefuses(t *testing.T) {
	var log lab.Log
	w, _, _ := homeApp(t, &log)
	const exp = `"experiment":{"Provider":"h.org","Seed":1,"SubExperiments":[{"Title":"t","Type":"burst"}]}`
	for name, c := range map[string]struct{ record, want string }{
		"no record":     {"", "is not a run's folder"},
		"no results":    {`{` + exp + `}`, "has no results"},
		"no experiment": {`{"results":[{"folder":"0-t"}]}`, "has no experiment"},
		"no seed":       {`{"results":[{"folder":"0-t"}],"experiment":{"Provider":"h.org"}}`, "has no experiment"},
		"beyond":        {`{"results":[{"folder":"0-t","subExperiment":1}],` + exp + `}`, "sub-experiment 1"},
		"negative":      {`{"results":[{"folder":"0-t","subExperiment":-1}],` + exp + `}`, "sub-experiment -1"},
		"above":         {`{"results":[{"folder":"../x"}],` + exp + `}`, `"../x"`},
		"absolute":      {`{"results":[{"folder":"/x"}],` + exp + `}`, `"/x"`},
		"below":         {`{"results":[{"folder":"a/b"}],` + exp + `}`, `"a/b"`},
		"itself":        {`{"results":[{"folder":"."}],` + exp + `}`, `"."`},
		"empty":         {`{"results":[{"folder":""}],` + exp + `}`, `""`},
	} {
		dir := t.TempDir()
		var err error
		if c.record != "" {
			err = os.WriteFile(filepath.Join(dir, run.RecordFile), []byte(c.record), 0o600)
		}
		_, rerr := w.Report(t.Context(), dir)
		if err != nil || rerr == nil || fail.Code(rerr) != fail.CodeInput || !strings.Contains(rerr.Error(), c.want) {
			t.Errorf("%s: %v; %v", name, err, rerr)
		}
		if made, err := os.ReadDir(dir); err != nil || len(made) > 1 {
			t.Errorf("%s: the folder has %v, %v", name, made, err)
		}
	}
}

// TestReportWithPrices refuses prices that cannot be read, and a run that has no reports to price, before it writes.
func TestReportWithPrices(t *testing.T) {
	var log lab.Log
	w, home, _ := homeApp(t, &log)
	dir := t.TempDir()
	const record = `{"results":[{"folder":"0-t","rows":1}],"experiment":{"Provider":"aws","Seed":1,` +
		`"SubExperiments":[{"Title":"t","Type":"burst"}]}}`
	bad, good := filepath.Join(home, "bad.csv"), filepath.Join(home, "good.csv")
	const columns = "provider,region,architecture,item,unit,usd,source,date\n"
	for file, text := range map[string]string{filepath.Join(dir, run.RecordFile): record, bad: columns + "aws\n",
		good: columns + "aws,*,*,request,1M requests,1,https://example.com,2026-01-02\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for prices, want := range map[string]string{bad: "bad.csv:2: found 1 cells; want 8", good: "cannot be priced"} {
		w.Prices = prices
		if _, err := w.Report(t.Context(), dir); fail.Code(err) != fail.CodeInput ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v; want %q", prices, err, want)
		}
	}
	if made, err := os.ReadDir(dir); err != nil || len(made) != 1 {
		t.Errorf("the folder has %v, %v", made, err)
	}
}

// TestReportTellsOfSubExperimentsThatFailed holds that the outcome of a folder is that of its run.
func TestReportTellsOfSubExperimentsThatFailed(t *testing.T) {
	var log lab.Log
	w, home, _ := homeApp(t, &log)
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	loaded, err := experiment.Parse("x.json", []byte(`{"Provider":"`+server.URL+`","SubExperiments":[{"Bursts":20,"Visualization":"none"}]}`), vendors.Known())

	if err != nil {
		t.Fatal(err)
	}
	out, err := w.Run(t.Context(), loaded.Experiment, home)
	if out == nil || fail.Code(err) != fail.CodePartial {
		t.Fatal(lab.Story(err))
	}
	again, rerr := w.Report(t.Context(), out.Dir)
	if again == nil || fail.Code(rerr) != fail.CodePartial || rerr.Error() != err.Error() ||
		again.Rows[0].Note != out.Rows[0].Note {
		t.Errorf("got  %s\nwant %s", lab.Story(rerr), lab.Story(err))
	}
	if rerr == nil || errors.Is(rerr, fs.ErrNotExist) {
		t.Error(rerr)
	}
}

// TestReportOfARunThatDied: what was complete is reported, and of the sub-experiment that was measured the rows so far.
// The folder is copied in the middle of the run, which is how kill -9 would leave it.
func TestReportOfARunThatDied(t *testing.T) {
	var log lab.Log
	w, home, _ := homeApp(t, &log)
	reached, free := make(chan struct{}), make(chan struct{})
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		if requests.Add(1) == 6 {
			close(reached)
			<-free
		}
	}))
	defer server.Close()
	loaded, err := experiment.Parse("x.json", []byte(`{"Provider":"`+server.URL+`","Sequential":true,
		"SubExperiments":[{"Title":"a","Bursts":3,"IATSeconds":0.01,"WarmupBursts":0,"Visualization":"none"},
		{"Title":"b","Bursts":4,"IATSeconds":0.01,"WarmupBursts":0,"Visualization":"none"},{"Title":"c","Bursts":1,"IATSeconds":0.01,"WarmupBursts":0,"Visualization":"none"}]}`),
		vendors.Known())
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := w.Run(t.Context(), loaded.Experiment, home)
		ended <- err
	}()
	<-reached
	runs, err := filepath.Glob(filepath.Join(w.Output, "2*", run.RecordFile))
	copied := filepath.Join(t.TempDir(), "copy")
	if err == nil && len(runs) == 1 {
		err = os.CopyFS(copied, os.DirFS(filepath.Dir(runs[0])))
	}
	close(free)
	if end := <-ended; err != nil || end != nil || len(runs) != 1 {
		t.Fatal(err, end, runs)
	}
	out, err := w.Report(t.Context(), copied)
	if fail.Code(err) != fail.CodePartial || !strings.Contains(err.Error(), "2 of 3 sub-experiments failed") {
		t.Fatal(lab.Story(err))
	}
	for i, want := range []struct {
		rows int
		note string
	}{{3, ""}, {2, run.ErrUnfinished.Error()}, {0, run.ErrUnfinished.Error()}} {
		if got := out.Rows[i]; got.Stats.Rows() != want.rows || got.Note != want.note {
			t.Errorf("sub-experiment %d: %d rows, %q; want %+v", i, got.Stats.Rows(), got.Note, want)
		}
	}
}
