package page_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"html"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/report/page"
	"github.com/vhive-serverless/STeLLAR/src/report/page/pagetest"
)

func written(t *testing.T, p page.Page) string {
	t.Helper()
	var out bytes.Buffer
	if err := p.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func onePage(shapes ...pagetest.Shape) page.Page {
	return page.Page{Version: "test", Runs: []page.Run{pagetest.Run("20260102T150405Z-local-abcd", shapes...)}}
}

// TestPageEscapes holds that texts of servers, titles and errors reach the page as text alone, and that nothing in the
// page can be fetched.
func TestPageEscapes(t *testing.T) {
	text := written(t, onePage(pagetest.Shapes()...))
	if n := strings.Count(text, "</script>"); n != 2 {
		t.Errorf("%d script elements end; want the data's and the script's", n)
	}
	if strings.Contains(text, "<img") {
		t.Error("an element of a title is in the page")
	}
	for _, want := range []string{html.EscapeString("1 of 3 failed: "), html.EscapeString(pagetest.Hostile)[:40]} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in the page", want)
		}
	}
	fetches := regexp.MustCompile(`(?i)<(script|link|img|iframe|source|video|audio|object|embed)[^>]*(src|href)="[^"]*"`)
	for _, found := range fetches.FindAllString(text, -1) {
		if found != `<link rel="icon" href="data:,"` {
			t.Errorf("the page fetches %s", found)
		}
	}
	if !strings.Contains(text, `content="default-src &#39;none&#39;;`) {
		t.Error("there is no policy that forbids requests")
	}
	if !strings.Contains(text, `href="./0-a:b%20%231/latencies.csv"`) {
		t.Error("the link to a file of a folder with a colon and a # is not there")
	}
}

// TestSummaryOfMixedRequests has no percentile of cold and warm requests together.
func TestSummaryOfMixedRequests(t *testing.T) {
	text := written(t, onePage(pagetest.Shapes()...))
	head, rows := tableOf(t, text, "summary")
	at := func(name string) int { return slices.Index(head, name) }
	for row, want := range []map[string]bool{
		{"cold p50 (ms)": true, "warm p50 (ms)": true, "p50 (ms)": false, "p99 (ms)": false, "TMR": false},
		{"cold p50 (ms)": true, "warm p50 (ms)": false, "p50 (ms)": true, "p99 (ms)": true, "TMR": true},
		{"cold p50 (ms)": false, "warm p50 (ms)": true, "p50 (ms)": true, "p99 (ms)": true, "TMR": true},
	} {
		for name, there := range want {
			if got := rows[row][at(name)]; (got != "–") != there {
				t.Errorf("row %d, %s: %q", row, name, got)
			}
		}
	}
	if slices.Contains(head, "USD/1M") || slices.Contains(head, "new") {
		t.Errorf("columns without a value: %v", head)
	}
	_, rows = tableOf(t, text, "thresholds")
	var results []string
	for _, row := range rows {
		results = append(results, row[1]+" "+row[4][:3])
	}
	want := []string{"errors met", "p50_ms met", "errors mis", "p50_ms mis", "errors mis", "p50_ms met"}
	if !slices.Equal(results, want) {
		t.Errorf("thresholds: %q; want %q", results, want)
	}
}

// TestTailOfFew: of a few requests there is no p99, and no point of a comparison, as on the terminal.
func TestTailOfFew(t *testing.T) {
	few := pagetest.Shape{Title: "warm", Rows: 100, Burst: 10, Cold: 0.02, Scale: 1}
	p := onePage(few, few)
	cold := p.Runs[0].Subs[0].Stats.Cold.Count
	if cold < 1 || cold > 5 {
		t.Fatalf("%d cold requests", cold)
	}
	p.Runs[0].Comparisons = []page.Comparison{{Comparison: analyze.Comparison{Axis: analyze.Axis{Key: "Runtime"},
		Part: "all", Lines: []analyze.Line{{Points: []analyze.Point{{Label: "go", N: 5,
			MainP50: analyze.Estimate{Value: analyze.Of(7)}, MainP99: analyze.Estimate{Value: analyze.Of(8)}}}}}}}}
	text := written(t, p)
	head, rows := tableOf(t, text, "summary")
	at := func(name string) string { return rows[0][slices.Index(head, name)] }
	if slices.Contains(head, "cold p99 (ms)") || at("cold p50 (ms)") == "–" || at("warm p99 (ms)") == "–" {
		t.Errorf("%v: %v", head, rows[0])
	}
	want := []string{"go", "5", "–", "–", "–", "–"} // one line has no name
	if _, rows := tableOf(t, text, "latency by Runtime"); !slices.Equal(rows[0], want) {
		t.Errorf("comparison: %v", rows)
	}
}

// tableOf reads a table of the page.
func tableOf(t *testing.T, text, name string) (head []string, rows [][]string) {
	t.Helper()
	_, rest, found := strings.Cut(text, `<table data-name="`+name+`">`)
	body, _, _ := strings.Cut(rest, "</table>")
	if !found {
		t.Fatalf("there is no table %s", name)
	}
	cells := regexp.MustCompile(`<t[hd][^>]*>([^<]*)<`)
	for i, row := range strings.Split(body, "<tr>")[1:] {
		var line []string
		for _, cell := range cells.FindAllStringSubmatch(row, -1) {
			line = append(line, html.UnescapeString(cell[1]))
		}
		if i == 0 {
			head = line
			continue
		}
		rows = append(rows, line)
	}
	return head, rows
}

// numbers are the page's, as its script reads them.
type numbers struct {
	Subs []struct {
		Curves []struct {
			Part string
			X    []float64
			N    []int
		}
		Time *struct {
			Span            float64
			Moments         string
			TickAt, TickFor int64
			Classes         []string
			Suspects        []string
			Bins            *struct {
				Start, Width float64
				List         [][9]*float64
			}
		}
		Bursts [][8]*float64
		Levels [][2]float64
		Parts  *struct{ MS []float64 }
	}
	Comparisons []struct {
		Lines []struct{ Points []struct{ P50 [3]*float64 } }
	}
}

func numbersOf(t *testing.T, text string) (n numbers) {
	t.Helper()
	_, rest, _ := strings.Cut(text, `id="charts">`)
	data, _, _ := strings.Cut(rest, "</script>")
	if err := json.Unmarshal([]byte(data), &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestChartsShowTheSummaries holds the numbers of the charts against the summaries that they are made of.
func TestChartsShowTheSummaries(t *testing.T) {
	p := onePage(pagetest.Shapes()...)
	n := numbersOf(t, written(t, p))
	for i, sub := range p.Runs[0].Subs {
		got, s := n.Subs[i], sub.Stats
		parts := map[string]analyze.CDF{"cold": s.Cold.CDF, "warm": s.Warm.CDF}
		for _, c := range got.Curves {
			of := parts[c.Part]
			last := len(c.X) - 1
			if len(c.X) > 500 || c.X[0] != of.X[0] || c.X[last] != of.X[len(of.X)-1] || c.N[last] != of.Len() {
				t.Errorf("%d, %s: %d points to %v", i, c.Part, len(c.X), c.N[last])
			}
			for k, x := range c.X {
				at := slices.Index(of.X, x)
				if at < 0 || of.N[at] != c.N[k] {
					t.Fatalf("%d, %s: %d requests up to %v ms are not so", i, c.Part, c.N[k], x)
				}
			}
			if gap := widest(c.N); gap > 0.01*float64(of.Len())+1 {
				t.Errorf("%d, %s: between two points are %v of %d requests", i, c.Part, gap, of.Len())
			}
		}
		checkMoments(t, *s.Timeline, got.Time.Moments, got.Time.TickAt, got.Time.TickFor)
		if (got.Time.Bins != nil) != s.Timeline.Sustained || len(got.Bursts) != len(sub.Bursts) ||
			(got.Parts != nil) != (s.ColdParts.Count > 0) {
			t.Errorf("%d: bins %v, %d bursts, parts %v", i, got.Time.Bins != nil, len(got.Bursts), got.Parts)
		}
	}
	checkComparisons(t, p.Runs[0].Comparisons, n)
}

// checkComparisons holds that points are drawn where there are enough requests, and only there.
func checkComparisons(t *testing.T, all []page.Comparison, n numbers) {
	t.Helper()
	drawn, left := 0, 0
	for i, c := range all {
		for k, l := range c.Lines {
			at := 0
			for _, p := range l.Points {
				if !p.Enough {
					left++
					continue
				}
				if got := n.Comparisons[i].Lines[k].Points[at].P50[0]; got == nil || *got != p.MainP50.Value.V {
					t.Errorf("comparison %d, line %d, point %d is at %v; want %v", i, k, at, got, p.MainP50)
				}
				at++
				drawn++
			}
		}
	}
	if len(all) != len(n.Comparisons) || drawn < 2 || left == 0 {
		t.Errorf("%d comparisons of %d, %d points, %d left out", len(n.Comparisons), len(all), drawn, left)
	}
}

func widest(n []int) (gap float64) {
	for i := 1; i < len(n); i++ {
		gap = max(gap, float64(n[i]-n[i-1]))
	}
	return gap
}

// checkMoments unpacks the requests as the script does.
func checkMoments(t *testing.T, of analyze.Timeline, packed string, tickAt, tickFor int64) {
	t.Helper()
	raw, err := base64.StdEncoding.DecodeString(packed)
	if err != nil || len(raw) != 15*len(of.Moments) {
		t.Fatalf("%d bytes for %d requests: %v", len(raw), len(of.Moments), err)
	}
	for i, m := range of.Moments {
		r := raw[15*i:]
		at, latency := binary.LittleEndian.Uint32(r), binary.LittleEndian.Uint32(r[4:])
		want := uint32(math.MaxUint32)
		if m.Latency >= 0 {
			want = uint32(m.Latency.Microseconds() / tickFor)
		}
		kind := byte(m.Cold)
		if m.Warmup {
			kind += 4
		}
		if int64(at)*tickAt != m.At.Microseconds() || latency != want || r[12] != kind || r[13] != m.Class ||
			r[14] != m.Suspect || binary.LittleEndian.Uint32(r[8:]) != uint32(m.Burst) {
			t.Fatalf("request %d is %v; want %+v", i, r[:15], m)
		}
	}
}

// TestPageStaysSmall holds the page under its bound: with many requests, with many sub-experiments, with many runs.
func TestPageStaysSmall(t *testing.T) {
	many := page.NewSub(pagetest.Shape{Title: "many", Rows: analyze.MaxMoments + 20_000, Cold: 0.1, Fails: 0.01,
		Scale: 1, Instances: 2000}.Summary(0))
	single := page.NewSub(pagetest.Shape{Title: "single", Rows: 15_000, Burst: 10, Cold: 0.1, Scale: 1, Parts: true,
		Instances: 900}.Summary(0))
	r := pagetest.Run("small", pagetest.Shapes()[:1]...)
	r.Experiment = strings.Repeat("x", 1_000_000)
	for name, c := range map[string]struct{ runs, many, single int }{
		"many requests":        {1, 12, 3},
		"many sub-experiments": {1, 1500, 1500},
		"many runs":            {8, 20, 20},
	} {
		p := page.Page{Version: "test"}
		for i := range c.runs {
			one := r
			one.Name = fmt.Sprintf("run %d", i)
			one.Subs = append(slices.Repeat([]page.Sub{many}, c.many), slices.Repeat([]page.Sub{single}, c.single)...)
			p.Runs = append(p.Runs, one)
		}
		if n := len(written(t, p)); n > page.MaxBytes || n < 100_000 {
			t.Errorf("%s: %d bytes", name, n)
		} else {
			t.Logf("%s: %d bytes", name, n)
		}
	}
}

// TestMissedThresholdsWithoutRoom: thresholds of sub-experiments that there is no room for are counted, too.
func TestMissedThresholdsWithoutRoom(t *testing.T) {
	r := pagetest.Run("many", pagetest.Shapes()[2])
	r.Subs = slices.Repeat(r.Subs, 500)
	if text := written(t, page.Page{Runs: []page.Run{r}}); !strings.Contains(text, ">500 thresholds missed") {
		t.Error("the page does not say that 500 thresholds were missed")
	}
}

// TestTablesSayWhatTheyLeaveOut: a table that is cut says so, and where the rest is.
func TestTablesSayWhatTheyLeaveOut(t *testing.T) {
	r := pagetest.Run("many", pagetest.Shapes()[:1]...)
	c := analyze.Comparison{Axis: analyze.Axis{Key: "FunctionMemoryMB"}, Lines: []analyze.Line{{}}}
	for n, want := range map[int][]string{200: nil, 201: {"One more row is in run.json.",
		"One more row is in comparison.csv."}, 250: {"50 more rows are in run.json.",
		"50 more rows are in comparison.csv."}} {
		r.Functions = slices.Repeat([]page.Function{{Name: "f", Package: "Zip"}}, n)
		c.Lines[0].Points = slices.Repeat([]analyze.Point{{Label: "128", N: 10}}, n)
		r.Comparisons = []page.Comparison{{Comparison: c}}
		text := written(t, page.Page{Runs: []page.Run{r}})
		for _, sentence := range want {
			if !strings.Contains(text, "<p>"+sentence+"</p>") {
				t.Errorf("of %d rows the page does not say %q", n, sentence)
			}
		}
		if want == nil && strings.Contains(text, " more row") {
			t.Errorf("of %d rows the page says that there are more", n)
		}
	}
}

// TestPageOfServer: where nobody says which requests are cold, the page has no words of functions; and no curve or p99
// of under six requests, but a line that says so.
func TestPageOfServer(t *testing.T) {
	r := page.Run{Name: "x", Status: "partial", StatusText: "done; thresholds missed",
		Functions: []page.Function{{Name: "f0-0", URL: "http://h.org/"}}}
	silent := pagetest.Shape{Title: "server", Rows: 30, Burst: 10, Silent: true, Scale: 1}
	r.Subs = []page.Sub{page.NewSub(silent.Summary(0))}
	text := written(t, page.Page{Runs: []page.Run{r}})
	body, _, _ := strings.Cut(text, "<script>")
	for _, word := range []string{"Functions as deployed", "memory (MB)", "Cold", "Not drawn"} {
		if strings.Contains(body, word) {
			t.Errorf("the page of a server has the words %q", word)
		}
	}
	if !strings.Contains(body, ">done; thresholds missed<") || !strings.Contains(body, "<summary>Addresses") {
		t.Errorf("no status in words, or no addresses")
	}
	few := page.NewSub(pagetest.Shape{Title: "few", Rows: 5, Burst: 1, Scale: 1}.Summary(1))
	silent.Rows = 5
	r.Subs = append(r.Subs, few, page.NewSub(silent.Summary(2)))
	text = written(t, page.Page{Runs: []page.Run{r}})
	if n := numbersOf(t, text); len(n.Subs[0].Curves) != 1 || len(n.Subs[1].Curves) != 0 ||
		!strings.Contains(text, "Not drawn, because of under six requests: few, warm (5); server (5).") {
		t.Errorf("curves: %v", n.Subs)
	}
	head, rows := tableOf(t, text, "summary")
	if at := slices.Index(head, "warm p99 (ms)"); at >= 0 && rows[1][at] != "–" {
		t.Errorf("the p99 of 5 warm requests is %s", rows[1][at])
	}
	if at := slices.Index(head, "p99 (ms)"); rows[0][at] == "–" || rows[2][at] != "–" {
		t.Errorf("the p99 of 30 and of 5 requests: %s, %s", rows[0][at], rows[2][at])
	}
}

// TestPageWithoutAnything is that of a run whose requests all failed, and of one without any.
func TestPageWithoutAnything(t *testing.T) {
	failed := pagetest.Shape{Title: "down", Rows: 30, Burst: 10, Fails: 1, Scale: 1}
	for name, p := range map[string]page.Page{
		"all failed": onePage(failed),
		"no row":     {Runs: []page.Run{{Name: "x", Subs: []page.Sub{page.NewSub(pagetest.Shape{}.Summary(0))}}}},
		"foreign":    {Runs: []page.Run{{Name: "only rows", Subs: onePage(pagetest.Shapes()[0]).Runs[0].Subs}}},
		"no result":  {Runs: []page.Run{{Name: "x"}}},
	} {
		text := written(t, p)
		if n := numbersOf(t, text); len(n.Subs) != len(p.Runs[0].Subs) {
			t.Errorf("%s: %d sub-experiments", name, len(n.Subs))
		}
		for _, list := range []string{"subs", "curves", "comparisons", "lines", "points"} {
			if strings.Contains(text, `"`+list+`":null`) {
				t.Errorf("%s: %s is no list, which ends the page's script", name, list)
			}
		}
		if strings.Contains(text, `data-kind="comparison"`) {
			t.Errorf("%s: a comparison without a point has a chart", name)
		}
		if strings.Contains(text, "NaN") && !strings.Contains(text, "isNaN") {
			t.Errorf("%s: NaN", name)
		}
	}
}
