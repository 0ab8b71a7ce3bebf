package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/goldentest"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

func rows(t *testing.T) []Row {
	t.Helper()
	mixed := workload{title: "quickstart-go", bursts: 20, size: 50, coldShare: .1, warmMS: 2.1, coldMS: 80,
		failShare: .01, seed: 1}.summary(t)
	silent := workload{title: "a-url-with-quite-a-long-title-that-goes-on", bursts: 40, size: 10, coldShare: .1,
		warmMS: 30, coldMS: 90, silent: true, seed: 4}.summary(t)
	wide := workload{title: "冷启动 naïve\x1b[31m", bursts: 1, size: 1, warmMS: 23456, seed: 4}.summary(t)
	failed := workload{title: "failed", bursts: 1, size: 12, failShare: 1, seed: 4}.summary(t)
	all := []analyze.Summary{mixed, silent, wide, failed}
	for i := range all {
		all[i].Index = i
	}
	analyze.Relate(all)
	out := make([]Row, len(all))
	for i, s := range all {
		out[i].Stats = s
	}
	out[0].Missed = analyze.Thresholds(map[string]float64{"p99_ms": 50}, mixed)
	out[0].Dir = "0-quickstart-go"
	out[3].Note = "stopped: 100 % of 12 requests failed, over MaxErrorRatio 0.1"
	return out
}

func TestSummary(t *testing.T) {
	for name, o := range map[string]SummaryOptions{
		"unlimited": {}, "120": {Width: 120}, "96": {Width: 96}, "80": {Width: 80}, "60": {Width: 60},
		"40": {Width: 40}, "json": {JSON: true, Width: 40},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := Summary(&out, rows(t), o); err != nil {
				t.Fatal(err)
			}
			text := out.String()
			if !utf8.ValidString(text) || strings.Contains(text, "\x1b") || strings.Contains(text, "NaN") {
				t.Errorf("not fit for a terminal: %q", text)
			}
			goldentest.Check(t, text)
			if o.JSON {
				return
			}
			for _, line := range strings.Split(text, "\n") {
				if o.Width > 0 && columnsOf(line) > max(o.Width, narrowest) {
					t.Errorf("%d columns in a terminal of %d: %s", columnsOf(line), o.Width, line)
				}
			}
		})
	}
}

// What the client did has columns only where there is something to say of it.
func TestSummaryOfTheClient(t *testing.T) {
	large := workload{title: "large", bursts: 4, size: 3, warmMS: 2, seed: 1}.samples()
	for i := range large {
		large[i].SentAt = time.Date(2026, 3, 1, 12, large[i].Burst, 0, large[i].Slot*1_500_000, time.UTC)
		if i == 5 {
			large[i].Suspect = "gc+cpu"
		}
	}
	single := workload{title: "single", bursts: 9, size: 1, warmMS: 2, seed: 1}.samples()
	var all []Row
	for i, rows := range [][]sample.Sample{large, single} {
		s, err := analyze.Summarize(analyze.Samples(rows), analyze.Options{Identity: analyze.Identity{Index: i,
			Title: []string{"large", "single"}[i], IATSeconds: analyze.Of(3),
			PayloadBytes: analyze.Of(0)}, Unsent: 7 * i})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, Row{Stats: s})
	}
	var out bytes.Buffer
	for _, o := range []SummaryOptions{{}, {Width: 40}, {JSON: true}} {
		if err := Summary(&out, all, o); err != nil {
			t.Fatal(err)
		}
	}
	goldentest.Check(t, out.String())
}

// TestSummaryOfFew: the largest of five latencies is not their p99.
func TestSummaryOfFew(t *testing.T) {
	table := summaryTable([]Row{{Stats: analyze.Summary{Count: 5, P50: analyze.Of(2), P99: analyze.Of(9),
		TMR: analyze.Of(4.5)}}})
	for _, c := range table.Columns {
		if want := map[string]string{"p50": "2.00 ms", "p99": noValue, "TMR": noValue}[c.Name]; want != "" &&
			c.Cells[0] != want {
			t.Errorf("%s: %s, want %s", c.Name, c.Cells[0], want)
		}
	}
}

func TestSummaryOfNothing(t *testing.T) {
	var out bytes.Buffer
	if err := Summary(&out, nil, SummaryOptions{JSON: true}); err != nil ||
		strings.Join(strings.Fields(out.String()), "") != `{"sub_experiments":[]}` {
		t.Errorf("%s, %v", out.String(), err)
	}
	out.Reset()
	if err := Summary(&out, []Row{{}}, SummaryOptions{}); err != nil || strings.Count(out.String(), "\n") != 3 ||
		!strings.Contains(out.String(), "0  –               0") {
		t.Errorf("%q, %v", out.String(), err)
	}
}

func TestSummaryJSONReadsBack(t *testing.T) {
	var out bytes.Buffer
	in := rows(t)
	if err := Summary(&out, in, SummaryOptions{JSON: true}); err != nil {
		t.Fatal(err)
	}
	var back SummaryJSON
	dec := json.NewDecoder(&out)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&back); err != nil {
		t.Fatal(err)
	}
	for i, s := range back.SubExperiments {
		want := in[i].Stats
		if s.Identity != want.Identity || s.Count != want.Count || s.P99 != want.P99 || s.CI99 != want.CI99 ||
			s.ColdP50 != want.Cold.P50 ||
			s.SD.OK != want.SD.OK || math.Abs(s.SD.V-want.SD.V) > 1e-6 ||
			math.Abs(s.TR.V/max(want.TR.V, 1)-want.TR.V/max(want.TR.V, 1)) > 1e-6 {
			t.Errorf("%d reads back as %+v", i, s)
		}
	}
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("pipe closed") }

func TestSummarySaysWhatFailed(t *testing.T) {
	for _, o := range []SummaryOptions{{}, {JSON: true}, {Width: 20}} {
		if err := Summary(brokenWriter{}, rows(t), o); err == nil || !strings.Contains(err.Error(), "pipe closed") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestWidths(t *testing.T) {
	for s, want := range map[string]int{"": 0, "abc": 3, "冷启动": 6, "e\u0301": 1, "한글": 4, "🚀": 2, "–…": 2, "ｆ": 2} {
		if got := columnsOf(s); got != want {
			t.Errorf("%q takes %d columns, want %d", s, got, want)
		}
	}
	for _, c := range []struct {
		in      string
		columns int
		want    string
	}{{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"ab cd", 4, "ab…"}, {"冷启动", 6, "冷启动"}, {"冷启动", 5, "冷启…"},
		{"冷启动", 4, "冷…"}} {
		if got := cut(c.in, c.columns); got != c.want || columnsOf(got) > c.columns {
			t.Errorf("%q cut to %d is %q", c.in, c.columns, got)
		}
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0: "0.000", .0004: "0.000", .1234: "0.123", .9996: "1.00", 1.234: "1.23",
		9.996: "10.0", 12.34: "12.3", 99.96: "100", 1234.5: "1234"} {
		if got := short(v); got != want {
			t.Errorf("short(%g) = %s, want %s", v, got, want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1\u00a0000", -1000: "-1\u00a0000", -100: "-100",
		1234567: "1\u00a0234\u00a0567"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %q, want %q", n, got, want)
		}
	}
	if got := duration(analyze.Of(10000)); got != "10.0 s" {
		t.Errorf("ten seconds are %q", got)
	}
}
