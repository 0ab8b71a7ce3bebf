package export

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/goldentest"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// measured are the figures of simulated requests, cold and warm, failed ones and warm-up among them.
func measured(t *testing.T, as analyze.Identity, rows int) SubMetrics {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, uint64(rows)))
	counts, c := NewCounts(), analyze.NewCollector(analyze.Options{Identity: as, Unsent: 3})
	for i := range rows {
		s := sample.Empty()
		s.Burst, s.Warmup, s.Cold = i/10, i < 10, sample.No
		s.Latency = 500*time.Microsecond + time.Duration(rng.IntN(20_000_000))
		switch {
		case i%10 == 0:
			s.Cold, s.Latency, s.Cost = sample.Yes, s.Latency+200*time.Millisecond, 2.1e-7
		case i%37 == 0:
			s.Err, s.Latency, s.Cold = sample.Timeout, sample.None, sample.Unknown
		case i == 19:
			s.Latency = 20 * time.Minute // above all bounds
		}
		s.InstanceID = "i-" + strconv.Itoa(i%10)
		counts.Add(&s)
		c.Add(&s)
	}
	sum, err := c.Summary()
	if err != nil {
		t.Fatal(err)
	}
	return SubMetrics{Stats: sum.Light(), Counts: counts}
}

func metricsOf(t *testing.T) string {
	t.Helper()
	started := time.Date(2026, 3, 1, 12, 0, 0, 500_000_000, time.UTC)
	var out bytes.Buffer
	err := OpenMetrics(&out, Metrics{Run: "20260301T120000Z-local-abcd", Provider: "local", Version: "1.2.3",
		Status: "done", Seed: "42", Started: started, Finished: started.Add(90 * time.Second), Subs: []SubMetrics{
			measured(t, analyze.Identity{Index: 0, Title: "cold \"start\"\\\n\xff", Runtime: "go", MemoryMB: 128}, 400),
			measured(t, analyze.Identity{Index: 1, Title: "nothing"}, 0)}})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestOpenMetrics(t *testing.T) { goldentest.Check(t, metricsOf(t)) }

// The rules of the format (OpenMetrics 1.0, and Prometheus's own text format where it is stricter), on every line.
func TestOpenMetricsKeepsTheRules(t *testing.T) {
	text := metricsOf(t)
	if !strings.HasSuffix(text, "\n# EOF\n") || strings.Count(text, "# EOF") != 1 {
		t.Error("the text does not end with # EOF")
	}
	line := regexp.MustCompile(`^([a-z_]+)(\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\}) (\S+) (\d+)$`)
	kinds, kind, family := map[string]string{"": ""}, "", ""
	seen, last := map[string]bool{}, map[string]float64{}
	for _, l := range strings.Split(strings.TrimSuffix(text, "# EOF\n"), "\n") {
		if meta, ok := strings.CutPrefix(l, "# "); ok {
			words := strings.SplitN(meta, " ", 3)
			switch words[0] {
			case "TYPE":
				family, kind = words[1], words[2]
				if kinds[family] != "" || kind != "gauge" && kind != "histogram" {
					t.Errorf("family %s is %s and %s", family, kinds[family], kind)
				}
				kinds[family] = kind
			case "UNIT":
				if words[1] != family || !strings.HasSuffix(family, "_"+words[2]) {
					t.Errorf("%s in %s", l, family)
				}
			case "HELP":
				if words[1] != family || len(words[2]) < 10 {
					t.Errorf("%s in %s", l, family)
				}
			}
			continue
		}
		if l == "" {
			continue
		}
		m := line.FindStringSubmatch(l)
		if m == nil {
			t.Errorf("not a sample: %s", l)
			continue
		}
		suffix, ok := strings.CutPrefix(m[1], family)
		if !ok || suffix != "" && kind != "histogram" || seen[m[1]+m[2]] || m[5] != "1772366490" {
			t.Errorf("in family %s: %s", family, l)
		}
		seen[m[1]+m[2]] = true
		v, err := strconv.ParseFloat(m[4], 64)
		if err != nil {
			t.Errorf("%s: %v", l, err)
		}
		if suffix == "_bucket" {
			rest, _, _ := strings.Cut(m[2], `,le="`)
			if v < last[rest] {
				t.Errorf("a bucket has fewer than the one before: %s", l)
			}
			last[rest] = v
		}
		if suffix == "_count" && last[strings.TrimSuffix(m[2], "}")] != v {
			t.Errorf("not the last bucket: %s", l)
		}
	}
	if len(last) != 2 { // cold and warm
		t.Errorf("%d histograms", len(last))
	}
}
