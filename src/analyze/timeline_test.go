package analyze

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

var timelineBegan = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// timelineRows are so many requests, 3 ms apart, not quite in order.
func timelineRows(n int) []sample.Sample {
	rng := rand.New(rand.NewPCG(1, uint64(n)))
	rows := make([]sample.Sample, n)
	for i := range rows {
		r := sample.Empty()
		r.Burst, r.SentAt = i/10, timelineBegan.Add(time.Duration(i^1)*3*time.Millisecond)
		r.Latency = time.Duration(1e6 * math.Exp(rng.NormFloat64())).Round(time.Microsecond)
		r.Cold, r.Warmup = sample.Tri(1+i%2), i < 20
		switch {
		case i%50 == 7:
			r.Err, r.Latency = sample.Timeout, sample.None
		case i%50 == 9:
			r.Suspect = "gc"
		}
		rows[i] = r
	}
	return rows
}

func timelineOf(t *testing.T, rows []sample.Sample) *Timeline {
	t.Helper()
	s, err := Summarize(Samples(rows), Options{})
	if err != nil || s.Timeline == nil {
		t.Fatal(err, s.Timeline)
	}
	return s.Light().Timeline
}

// TestTimelineOfFewRequests has every request as it was, and bins that agree with them.
func TestTimelineOfFewRequests(t *testing.T) {
	rows := timelineRows(2000)
	line := timelineOf(t, rows)
	if len(line.Moments) != len(rows) || !line.Began.Equal(timelineBegan) || line.Span != 1999*3*time.Millisecond {
		t.Fatalf("%d moments from %v for %v", len(line.Moments), line.Began, line.Span)
	}
	for i, m := range line.Moments {
		r := rows[i]
		if !line.Began.Add(m.At).Equal(r.SentAt) || m.Latency != r.Latency || int(m.Burst) != r.Burst ||
			m.Cold != r.Cold || m.Warmup != r.Warmup || line.Classes[m.Class] != string(r.Err) ||
			line.Suspects[m.Suspect] != r.Suspect {
			t.Fatalf("row %d is %+v; want %+v", i, m, r)
		}
	}
	checkBins(t, rows, line, line.Fine)
	checkBins(t, rows, line, line.Coarse)
}

// TestTimelineOfManyRequests has bins alone, which agree with the requests.
func TestTimelineOfManyRequests(t *testing.T) {
	rows := timelineRows(MaxMoments + 5000)
	line := timelineOf(t, rows)
	if line.Moments != nil {
		t.Errorf("%d moments", len(line.Moments))
	}
	checkBins(t, rows, line, line.Fine)
	checkBins(t, rows, line, line.Coarse)
	if len(line.Fine.List) < maxBins/2 || len(line.Coarse.List) > maxBins/8+1 {
		t.Errorf("%d and %d bins", len(line.Fine.List), len(line.Coarse.List))
	}
}

func checkBins(t *testing.T, rows []sample.Sample, line *Timeline, bins TimeBins) {
	t.Helper()
	if len(bins.List) > maxBins || bins.Start <= -bins.Width {
		t.Fatalf("%d bins from %v, %v wide", len(bins.List), bins.Start, bins.Width)
	}
	within := map[int][]sample.Sample{}
	for _, r := range rows {
		if !r.Warmup {
			at := int(r.SentAt.Sub(line.Began.Add(bins.Start)) / bins.Width)
			within[at] = append(within[at], r)
		}
	}
	counted := 0
	for i, b := range bins.List {
		var want Bin
		var ms []float64
		for _, r := range within[i] {
			if r.Suspect != "" {
				want.Suspects++
			}
			if r.Err != sample.OK {
				want.Errors++
				continue
			}
			ms = append(ms, float64(r.Latency)/1e6)
			want.Count++
			if r.Cold == sample.Yes {
				want.Cold++
			} else {
				want.Warm++
			}
		}
		counted += want.Count + want.Errors
		if b.Count != want.Count || b.Cold != want.Cold || b.Warm != want.Warm || b.Errors != want.Errors ||
			b.Suspects != want.Suspects {
			t.Fatalf("bin %d is %+v; want %+v", i, b, want)
		}
		if want.Count == 0 {
			continue
		}
		slices.Sort(ms)
		if b.Min.V != ms[0] || b.Max.V != ms[len(ms)-1] || !near(b.P50.V, Median.Of(ms).V) ||
			!near(b.P99.V, P99.Of(ms).V) {
			t.Fatalf("bin %d: %v … %v … %v … %v of %v", i, b.Min, b.P50, b.P99, b.Max, ms)
		}
	}
	if counted != len(rows)-20 {
		t.Errorf("bins have %d rows of %d", counted, len(rows)-20)
	}
}

// near says whether a value is within 1 % of another.
func near(got, want float64) bool { return math.Abs(got-want) <= 0.01*want }

// TestStepsOfSpectra holds that steps ascend without gaps and that their middles are within 1 %.
func TestStepsOfSpectra(t *testing.T) {
	last := -1
	for us := int64(0); us < 1<<42; us += 1 + us/997 {
		at := step(us)
		if at < last || at > last+1 && us < 1000 {
			t.Fatalf("%d µs has step %d after %d", us, at, last)
		}
		last = at
		if m := middle(at); math.Abs(float64(m-us)) > 0.01*float64(us) || step(m) != at {
			t.Fatalf("%d µs has step %d with middle %d, which has step %d", us, at, m, step(m))
		}
	}
}

// TestTimelineWithManyNames keeps what a foreign file may say within bounds.
func TestTimelineWithManyNames(t *testing.T) {
	rows := timelineRows(600)
	for i := range rows {
		rows[i].Suspect = time.Duration(i + 1).String()
	}
	line := timelineOf(t, rows)
	if n := len(line.Suspects); n != maxNames+1 || line.Suspects[n-1] != "other" ||
		int(line.Moments[599].Suspect) != maxNames {
		t.Errorf("%d names", n)
	}
}

func TestGrouped(t *testing.T) {
	list := []Burst{{Number: 0, Latencies: []float64{5, 1, 9}, Cold: 1, Warm: 1, Unknown: 1}, {Number: 1, Errors: 2},
		{Number: 2, Latencies: []float64{4}, Warm: 1}}
	each := MakeBursts(list).Grouped(3)
	if len(each) != 3 || each[0] != (BurstGroup{Cold: 1, Warm: 1, Unknown: 1, Median: Of(5), Max: Of(9)}) ||
		each[1] != (BurstGroup{First: 1, Last: 1, Errors: 2}) {
		t.Errorf("each: %+v", each)
	}
	two := MakeBursts(list).Grouped(2)
	want := []BurstGroup{{Last: 1, Cold: 1, Warm: 1, Unknown: 1, Errors: 2, Median: Of(5), Max: Of(9)},
		{First: 2, Last: 2, Warm: 1, Median: Of(4), Max: Of(4)}}
	if !slices.Equal(two, want) {
		t.Errorf("got  %+v\nwant %+v", two, want)
	}
	if none := (Bursts{}).Grouped(5); none != nil {
		t.Errorf("none: %+v", none)
	}
}

func TestLevels(t *testing.T) {
	at := func(s float64) time.Time { return timelineBegan.Add(time.Duration(s * float64(time.Second))) }
	life := func(from, to float64) Life { return Life{First: at(from), Last: at(to)} }
	second := time.Second
	for name, c := range map[string]struct {
		lives []Life
		parts int
		want  []Level
	}{
		"none": {nil, 10, nil},
		"one":  {[]Life{life(0, 2)}, 10, []Level{{0, 1}, {2 * second, 0}}},
		"overlap": {[]Life{life(0, 2), life(1, 3)}, 100,
			[]Level{{0, 1}, {second, 2}, {2 * second, 1}, {3 * second, 0}}},
		"hand over": {[]Life{life(0, 1), life(1, 2)}, 100,
			[]Level{{0, 1}, {second, 2}, {second, 1}, {2 * second, 0}}},
		"a short peak": {[]Life{life(0, 10), life(4.125, 4.25), life(4.25, 4.5)}, 10,
			[]Level{{0, 1}, {4125 * time.Millisecond, 3}, {4500 * time.Millisecond, 1}, {10 * second, 0}}},
		"at an instant": {[]Life{life(0, 0)}, 10, []Level{{0, 1}, {0, 0}}},
	} {
		if got := Levels(c.lives, c.parts); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v; want %v", name, got, c.want)
		}
	}
}

func TestCheckThresholds(t *testing.T) {
	s := Summary{Count: 1, P50: Of(5), Errors: 2}
	got := CheckThresholds(map[string]float64{"p50_ms": 5, "errors": 1, "p99_ms": 3, "speed": 1}, s)
	var met []string
	for _, c := range got {
		if c.Met {
			met = append(met, c.Reason)
		}
	}
	if len(got) != 4 || len(met) != 1 || met[0] != "p50_ms is 5, within the limit of 5" || len(Thresholds(
		map[string]float64{"p50_ms": 5, "errors": 1}, s)) != 1 {
		t.Errorf("%+v", got)
	}
}
