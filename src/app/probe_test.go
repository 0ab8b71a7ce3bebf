package app

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"stellar/src/fail"
	"stellar/src/run"
)

// keptRun is the folder of a run of three sub-experiments that left up the functions of some of them.
func keptRun(t *testing.T, subs ...int) (App, string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	j, r := testJob(t, `{"Provider":"local","SubExperiments":[{"Runtime":"go","Bursts":1,"Visualization":"none"},
		{"Runtime":"go","Bursts":1,"Visualization":"none"},{"Runtime":"go","Bursts":1,"Visualization":"none"}]}`)
	var up []*run.Function
	for _, f := range r.Functions {
		for _, sub := range subs {
			if f.Sub == sub {
				f.Endpoint = &run.Endpoint{Function: f.Name, URL: server.URL, Provider: "local", Deployed: true}
				up = append(up, f)
			}
		}
	}
	r.Functions, r.Record.Status = up, run.StatusKept
	if _, err := r.Journal.Intend("test", "kept", nil); err != nil { // what is up keeps the token
		t.Fatal(err)
	}
	for _, err := range []error{r.KeepToken(), r.WriteRecord(), r.Journal.Note(run.EventKept, "left up on purpose"),
		r.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return j.app, r.Dir
}

// TestProbeOfSomeSubExperiments holds that only functions that were deployed are probed: those of a deployment with -r,
// and that asking for others is an error with a sentence.
func TestProbeOfSomeSubExperiments(t *testing.T) {
	for name, c := range map[string]struct {
		deployed []int
		only     int
		probed   []int
		want     string
	}{
		"all":                {[]int{0, 1, 2}, -1, []int{0, 1, 2}, ""},
		"one of all":         {[]int{0, 1, 2}, 2, []int{2}, ""},
		"the one that is up": {[]int{1}, -1, []int{1}, ""},
		"that one by name":   {[]int{1}, 1, []int{1}, ""},
		"another":            {[]int{1}, 0, nil, "function f0-0 was never deployed"},
		"one is missing":     {[]int{0, 1}, -1, nil, "function f2-0 was never deployed"},
	} {
		w, dir := keptRun(t, c.deployed...)
		w.Only = c.only
		out, err := w.Probe(t.Context(), dir)
		if c.want != "" {
			if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error %v", name, err)
			}
			continue
		}
		if err != nil || len(out.Results) != len(c.probed) {
			t.Errorf("%s: %v, %+v", name, err, out)
			continue
		}
		for i, sub := range c.probed {
			if res := out.Results[i]; res.Sub != sub || res.Rows != 1 || res.Failed != 0 {
				t.Errorf("%s: result %+v", name, res)
			}
		}
	}
}
