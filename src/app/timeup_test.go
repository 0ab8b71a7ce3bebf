package app_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
)

// TestMaxDuration: when the time for measuring is over, what was measured is kept, and nothing has failed.
func TestMaxDuration(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	loaded, err := experiment.Parse("x.json", []byte(`{"Provider":"`+server.URL+`","Sequential":true,"Seed":7,`+
		`"SubExperiments":[{"Title":"long","Bursts":5,"IATSeconds":3600,"Connections":"reuse"},`+
		`{"Title":"never","Bursts":1}]}`), vendors.Known())
	if err != nil {
		t.Fatal(err)
	}
	var log lab.Log
	w, home, _ := homeApp(t, &log)
	w.MaxDuration = 300 * time.Millisecond
	out, err := w.Run(t.Context(), loaded.Experiment, home)
	if err != nil {
		t.Fatal(err)
	}
	check := func(out *app.Outcome) {
		t.Helper()
		first, second := out.Results[0], out.Results[1]
		if first.Rows != 1 || first.Stopped != nil || first.Cut != "--max-duration 300ms: 1 of 5 bursts" ||
			second.Rows != 0 || second.Stopped != nil || !strings.HasSuffix(second.Cut, "was over before it began") {
			t.Errorf("%+v\n%+v", first, second)
		}
		if len(out.Rows) != 2 || out.Rows[0].Note != first.Cut || out.Rows[0].Stats.Count != 1 {
			t.Errorf("%+v", out.Rows)
		}
	}
	check(out)
	again, err := w.Report(t.Context(), out.Dir)
	if err != nil {
		t.Fatal(err)
	}
	check(again)
}
