package report

import (
	"bytes"
	"html"
	"regexp"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/analyze/change"
	"github.com/vhive-serverless/STeLLAR/src/goldentest"
)

func estimated(value, low, high float64) analyze.Estimate {
	return analyze.Estimate{Value: analyze.Of(value), Low: analyze.Of(low), High: analyze.Of(high)}
}

func valued(v float64) analyze.Estimate { return analyze.Estimate{Value: analyze.Of(v)} }

// changed is a comparison with one of each verdict, and texts that are none of ours.
func changed() []Changed {
	return []Changed{{
		Result: change.Result{A: "baseline (20260102T150405Z-aws-abcd)", B: "latest", Tests: 5,
			OnlyA: []string{"gone", "x|y"}, OnlyB: []string{"new"}, Subs: []change.Pair{
				{Title: "resize", Changes: []change.Change{
					{Metric: "cold.p50", Unit: change.MS, A: valued(241), B: valued(243),
						Ratio: estimated(1.0083, 0.969, 1.048), P: analyze.Of(1), Verdict: change.None,
						Smaller: analyze.Of(0.048)},
					{Metric: "cold.p99", Unit: change.MS, A: valued(302), B: valued(318), Ratio: valued(1.053),
						Verdict: change.TooFew, MoreBursts: 1412},
					{Metric: "warm.p50", Unit: change.MS, A: valued(11.2), B: valued(12.43),
						Ratio: estimated(1.11, 1.082, 1.135), P: analyze.Of(0.00001), Verdict: change.Slower},
					{Metric: "warm.mean", Unit: change.MS, A: valued(15), B: valued(12),
						Ratio: estimated(0.8, 0.75, 0.9), P: analyze.Of(0.0123), Verdict: change.Faster},
					{Metric: "cold.share", Unit: change.Points, A: valued(10), B: valued(4),
						Difference: estimated(-6, -9, -3), P: analyze.Of(0.002), Verdict: change.Lower},
					{Metric: "errors", Unit: change.Points, A: valued(0), B: valued(0.125),
						Difference: estimated(0.125, -0.2, 0.4), P: analyze.Of(0.5), Verdict: change.None,
						Smaller: analyze.Of(0.4)},
					{Metric: "cost", Unit: change.USD, A: valued(1.25), Verdict: change.NoData},
				}},
				{Title: "<b>|\x1b[1m*_@you", Changes: []change.Change{
					{Metric: "all.p50", Unit: change.MS, A: valued(12000), B: valued(36000),
						Ratio: estimated(3, 0.4, 22), P: analyze.Of(0.2),
						Verdict: change.None, Smaller: analyze.Of(21)}}},
			}},
		Differences: []KeyDifference{{Key: "Provider", A: "aws", B: "local"},
			{Where: "resize", Key: "BurstSizes", A: "[1,10]", B: "not set"}},
		Warnings: []string{"the versions of stellar differ: 1, and 2"},
	}}
}

func limited() []change.Check {
	return []change.Check{
		{Limit: "warm.p50>+5%", B: "latest", Title: "resize", Metric: "warm.p50", State: change.Missed,
			Reason: "the change is +11% (95 %: +8.2 … +13.5)"},
		{Limit: "cold.p50>+10%", B: "latest", Title: "resize", Metric: "cold.p50", State: change.Met,
			Reason: "the change is +0.83% (95 %: -3.1 … +4.8)"},
		{Limit: "cold.p99>+5%", B: "latest", Title: "resize", Metric: "cold.p99", State: change.Undecided,
			Reason: "there are too few samples for an interval", MoreBursts: 1412},
	}
}

// TestChanges writes a comparison for a terminal: piped, of 100 and of 60 columns.
func TestChanges(t *testing.T) {
	var out bytes.Buffer
	for _, o := range []SummaryOptions{{}, {Width: 100, Color: true}, {Width: 60}} {
		if err := Changes(&out, changed(), o); err != nil {
			t.Fatal(err)
		}
		if err := Checks(&out, limited(), o); err != nil {
			t.Fatal(err)
		}
		out.WriteString("\n======\n")
	}
	goldentest.Check(t, out.String())
}

// TestChangesMarkdown writes a comment on a pull request. Nothing of a title is markup, or mentions somebody.
func TestChangesMarkdown(t *testing.T) {
	var out bytes.Buffer
	if err := ChangesMarkdown(&out, changed(), limited()); err != nil {
		t.Fatal(err)
	}
	goldentest.Check(t, out.String())
}

// A renderer makes no mention, reference or link of what comes before it as text: entities and escapes are resolved.
func TestMarkdownLinksNothing(t *testing.T) {
	rendered := func(text string) string {
		text = regexp.MustCompile(`\\([[:punct:]])`).ReplaceAllString(text, "$1")
		return html.UnescapeString(text)
	}
	for _, text := range []string{"@octocat", "ci @org/team", "#12", "fixes owner/repo#12", "GH-12", "!7", "&3",
		"%\"v 1\"", "a%b", "https://github.com/a/b/issues/1",
		"www.example.com", "a@example.com", "mailto:a@example.com",
		":tada:", ":+1:", "~bug"} {
		got := rendered(Markdown(text))
		if strings.ReplaceAll(got, "\u200b", "") != text || !strings.Contains(got, "\u200b") {
			t.Errorf("%q becomes %q", text, got)
		}
	}
	for text, want := range map[string]string{"a|b`c": "a\\|b\\`c", "two\nlines": "two lines",
		"95 % (5 of 10)": "95 % (5 of 10)",
		"50%ile":         "50%ile", "<b>": "&#60;b&#62;", "cold p50: 1:2": "cold p50: 1:2", "": ""} {
		if got := Markdown(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]string{"1. a": "1\\. a", "- a": "\\- a", "---": "\\---",
		"12) b": "12\\) b", "a-b": "a-b", "    a": "a"} {
		if got := markdownItem(text); got != want {
			t.Errorf("the item %q becomes %q, want %q", text, got, want)
		}
	}
}

// What was free and no longer is has no percentage, but a difference.
func TestChangeWordsOfWhatWasFree(t *testing.T) {
	paid := change.Change{Metric: "cost", Unit: change.USD, A: estimated(0, 0, 0), B: estimated(0.25, 0.2, 0.3),
		Difference: estimated(0.25, 0.2, 0.3), Verdict: change.Higher}
	pair := change.Pair{Title: "x", Changes: []change.Change{paid}}
	found := FoundWords(Changed{Result: change.Result{Subs: []change.Pair{pair}}})
	const want = "x: B's USD/1M is higher by 0.25 USD (95 %: +0.2…+0.3)"
	if len(found) != 1 || found[0] != want {
		t.Errorf("%q, want %q", found, want)
	}
	slower := change.Change{Metric: "all.p50", Unit: change.MS, A: estimated(0, 0, 0), B: estimated(5, 4, 6),
		Difference: estimated(5, 4, 6), Verdict: change.Slower} // 0 is what is rounded down
	if value, bounds := ChangeWords(slower); value != "+5 ms" || bounds != "+4…+6" {
		t.Errorf("from 0 ms: %q, %q", value, bounds)
	}
}

// A change that is rounded to 0 has no sign.
func TestPlus(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1e-17: "0", -1e-17: "0", 5: "+5", -5: "-5"} {
		if got := Plus(v); got != want {
			t.Errorf("%g: %q, want %q", v, got, want)
		}
	}
}

// TestIntervalsWithoutZero: a test that finds nothing beside an interval that leaves out 0 is explained.
func TestIntervalsWithoutZero(t *testing.T) {
	apart := change.Change{Metric: "all.p99", Unit: change.MS, Ratio: estimated(0.2, 0.1, 0.7), P: analyze.Of(0.09),
		Verdict: change.None}
	points := change.Change{Metric: "errors", Unit: change.Points, Difference: estimated(2, 1, 3), Verdict: change.None}
	around := change.Change{Metric: "all.p50", Unit: change.MS, Ratio: estimated(1, 0.9, 1.1), Verdict: change.None}
	for _, c := range []struct {
		changes []change.Change
		want    string
	}{
		{[]change.Change{around, apart, points}, "of all p99, error share the interval leaves out 0, but the test does " +
			"not find a difference: it takes both, and the test is corrected for how many are made"},
		{[]change.Change{around}, ""},
	} {
		words := FoundWords(Changed{Result: change.Result{Subs: []change.Pair{{Title: "t", Changes: c.changes}}}})
		if got := strings.Join(words[1:], "|"); words[0] != "no difference found" || got != c.want {
			t.Errorf("%q, want %q", words, c.want)
		}
	}
}
