package local

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	provided "github.com/vhive-serverless/STeLLAR/src/provider/local"
	"github.com/vhive-serverless/STeLLAR/src/providerreport"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// TestUnpackDelay: what a package takes to unpack is in the residual of a cold start, and in no other part. Cold starts
// with and without the delay take turns, and the shortest of each side are compared: other work on the machine only
// makes them longer. While they still differ by other work, more are measured.
func TestUnpackDelay(t *testing.T) {
	const delay, tolerance, within = 300 * time.Millisecond, 5 * time.Millisecond, time.Minute
	without, with := newColdStarts(t, 0), newColdStarts(t, delay)
	deadline := time.Now().Add(within)
	for {
		for range shortest {
			without.measure(t)
			with.measure(t)
		}
		wrong := differences(without.least(t), with.least(t), delay, tolerance)
		if len(wrong) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the shortest %d of %d cold starts each: %s", shortest, len(with.pairs), strings.Join(wrong, "; "))
		}
	}
}

// shortest is how many cold starts of a platform are compared.
const shortest = 4

// parts are the parts of a cold start.
type parts [4]time.Duration

// differences says which parts are not longer by what the delay should add to each.
func differences(without, with parts, delay, tolerance time.Duration) (wrong []string) {
	for i, name := range []string{"network", "residual", "start", "first request"} {
		want := time.Duration(0)
		if name == "residual" {
			want = delay
		}
		if more := with[i] - without[i]; more < want-tolerance || more > want+tolerance {
			wrong = append(wrong, fmt.Sprintf("%s is %v longer (%v and %v), want %v", name, more, with[i], without[i],
				want))
		}
	}
	return wrong
}

// coldStarts measures cold starts of a platform's function.
type coldStarts struct {
	c     *client.Client
	url   string
	pairs [][2]sample.Sample // a cold start, and a warm request after it, from which the network's part is known
}

// newColdStarts deploys a function to a platform with this delay.
func newColdStarts(t *testing.T, delay time.Duration) *coldStarts {
	t.Helper()
	_, c := testPlatform(t, func(o *Options) { o.UnpackDelay = delay })
	return &coldStarts{c: c, url: deployTo(t, c, nil)}
}

// measure takes a cold start and a warm request.
func (m *coldStarts) measure(t *testing.T) {
	t.Helper()
	if _, err := m.c.Retire(t.Context(), "s", "f"); err != nil {
		t.Fatal(err)
	}
	m.pairs = append(m.pairs, [2]sample.Sample{timed(t, m.url), timed(t, m.url)})
}

// least joins what the platform reports and gives the least of each part of the shortest cold starts.
func (m *coldStarts) least(t *testing.T) (least parts) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "latencies.csv")
	rows, err := sample.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(m.pairs, func(a, b [2]sample.Sample) int {
		return cmp.Compare(a[0].Latency+a[1].Latency, b[0].Latency+b[1].Latency)
	})
	for _, pair := range m.pairs[:shortest] {
		rows.AppendRow(&pair[0])
		rows.AppendRow(&pair[1])
	}
	if err := rows.Close(); err != nil {
		t.Fatal(err)
	}
	conn, err := provided.Provider().Open(provider.Options{FunctionLog: m.c.Logs})
	if err != nil {
		t.Fatal(err)
	}
	got, err := providerreport.Join(t.Context(), providerreport.Options{Path: path, Columns: true,
		Reporter: conn.(provider.Reporter), Functions: []provider.Endpoint{{Function: "f", URL: m.url}}})
	if err != nil || got.Joined != 2*shortest || got.Divided != shortest {
		t.Fatalf("%+v, %v", got, err)
	}
	all, _, err := sample.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	least = parts{time.Hour, time.Hour, time.Hour, time.Hour}
	for _, s := range all {
		if s.Cold != sample.Yes {
			continue
		}
		for i, d := range []time.Duration{s.Network, s.Residual, s.Start, s.FirstRequest} {
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
