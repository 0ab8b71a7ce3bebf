package local

import (
	"io"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/provider"
	provided "github.com/vhive-serverless/STeLLAR/src/provider/local"
	"github.com/vhive-serverless/STeLLAR/src/providerreport"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// TestUnpackDelay: what a package takes to unpack is in the residual of a cold start, and in no other part.
func TestUnpackDelay(t *testing.T) {
	const delay, tolerance = 300 * time.Millisecond, 5 * time.Millisecond
	without, with := leastParts(t, 0), leastParts(t, delay)
	for i, name := range []string{"network", "residual", "start", "first request"} {
		want := time.Duration(0)
		if name == "residual" {
			want = delay
		}
		if more := with[i] - without[i]; more < want-tolerance || more > want+tolerance {
			t.Errorf("%s is %v longer (%v and %v), want %v", name, more, with[i], without[i], want)
		}
	}
}

// leastParts measures cold starts, each followed by a warm request, and gives the least of each part: that is what a
// machine with other work changes least.
func leastParts(t *testing.T, delay time.Duration) (least [4]time.Duration) {
	t.Helper()
	_, c := testPlatform(t, func(o *Options) { o.UnpackDelay = delay })
	url := deployTo(t, c, nil)
	path := filepath.Join(t.TempDir(), "latencies.csv")
	rows, err := sample.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	const colds = 8
	for range colds {
		if _, err := c.Retire(t.Context(), "s", "f"); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			row := timed(t, url)
			rows.AppendRow(&row)
		}
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	conn, err := provided.Provider().Open(provider.Options{FunctionLog: c.Logs})
	if err != nil {
		t.Fatal(err)
	}
	got, err := providerreport.Join(t.Context(), providerreport.Options{Path: path, Columns: true,
		Reporter: conn.(provider.Reporter), Functions: []provider.Endpoint{{Function: "f", URL: url}}})
	if err != nil || got.Joined != 2*colds || got.Divided != colds {
		t.Fatalf("%+v, %v", got, err)
	}
	all, _, err := sample.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	least = [4]time.Duration{time.Hour, time.Hour, time.Hour, time.Hour}
	for _, s := range all {
		if s.Cold != sample.Yes {
			continue
		}
		for i, d := range [4]time.Duration{s.Network, s.Residual, s.Start, s.FirstRequest} {
			least[i] = min(least[i], d)
		}
		if sum := s.Network + s.Residual + s.Start + s.FirstRequest; sum != s.Latency {
			t.Errorf("the parts' sum is %v, the latency %v", sum, s.Latency)
		}
	}
	return least
}

// timed sends a request and makes a row of it.
func timed(t *testing.T, url string) sample.Sample {
	t.Helper()
	row := sample.Empty()
	row.Endpoint, row.SentAt = "f", time.Now()
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	row.ReceivedAt = time.Now()
	row.Latency = row.ReceivedAt.Sub(row.SentAt)
	row.Status, row.RequestID = res.StatusCode, res.Header.Get("X-Amzn-Requestid")
	return row
}
