package analyze

import (
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

func TestThresholds(t *testing.T) {
	var rows []sample.Sample
	for i := range 100 {
		cold := sample.No
		if i >= 90 {
			cold = sample.Yes
		}
		rows = append(rows, row(0, float64(i+1), cold))
	}
	full := summarize(t, append(rows, failed(0, sample.Reset)), Identity{})
	warm := summarize(t, rows[:90], Identity{})
	none := summarize(t, nil, Identity{})
	late := full
	late.Client = Client{Behind: 2, Lateness99: Of(3), Unsent: 4}
	for _, c := range []struct {
		name   string
		limits map[string]float64
		s      Summary
		want   []string
	}{
		{"no limits", nil, full, nil},
		{"exactly the limit is kept", map[string]float64{"p50_ms": 50, "p90_ms": 90, "p95_ms": 95, "p99_ms": 99,
			"p999_ms": 100, "mean_ms": 50.5, "min_ms": 1, "max_ms": 100,
			"cold_p50_ms": 95, "cold_p99_ms": 100, "warm_p50_ms": 45, "warm_p99_ms": 90, "tmr": 1.98, "errors": 1,
			"error_ratio": 1.0 / 101, "late_count": 0, "unsent": 0}, full, nil},
		{"all missed", map[string]float64{"p50_ms": 49.9, "p90_ms": 89.9, "p95_ms": 94.9, "p99_ms": 98.9,
			"p999_ms": 99.9, "mean_ms": 50.4, "min_ms": .9, "max_ms": 99.9,
			"cold_p50_ms": 94.9, "cold_p99_ms": 99.9, "warm_p50_ms": 44.9, "warm_p99_ms": 89.9, "tmr": 1.97,
			"errors": 0, "error_ratio": 0.009}, full,
			[]string{"cold_p50_ms", "cold_p99_ms", "error_ratio", "errors", "max_ms", "mean_ms", "min_ms", "p50_ms",
				"p90_ms", "p95_ms", "p999_ms", "p99_ms", "tmr", "warm_p50_ms", "warm_p99_ms"}},
		{"no cold start is no data", map[string]float64{"cold_p50_ms": 1e9, "errors": 0}, warm,
			[]string{"cold_p50_ms"}},
		{"no request is no data, not zero errors", map[string]float64{"errors": 0, "error_ratio": 0, "p50_ms": 1}, none,
			[]string{"error_ratio", "errors", "p50_ms"}},
		{"late and unsent", map[string]float64{"late_count": 2, "lateness_p99_ms": 3, "unsent": 4}, late, nil},
		{"too late", map[string]float64{"late_count": 1, "lateness_p99_ms": 2.9, "unsent": 3}, late,
			[]string{"late_count", "lateness_p99_ms", "unsent"}},
		{"a limit that is no number", map[string]float64{"p50_ms": math.NaN()}, full, []string{"p50_ms"}},
		{"an unknown name", map[string]float64{"p98_ms": 1e9}, full, []string{"p98_ms"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, m := range Thresholds(c.limits, c.s) {
				got = append(got, m.Metric)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("missed %v, want %v", got, c.want)
			}
		})
	}
	if len(Metrics()) != 18 {
		t.Errorf("%d metrics: %v", len(Metrics()), Metrics())
	}
	for limit, want := range map[string]string{"p99_ms": "p99_ms is 99, over the limit of 1.5",
		"p98_ms": "use one of p50_ms, p90_ms"} {
		if got := Thresholds(map[string]float64{limit: 1.5}, full)[0].String(); !strings.Contains(got, want) {
			t.Errorf("message %q, want %q in it", got, want)
		}
	}
	if got := Thresholds(map[string]float64{"cold_p99_ms": 3}, warm)[0].String(); !strings.Contains(got,
		"cold_p99_ms has no data (limit 3)") {
		t.Errorf("message %q", got)
	}
}
