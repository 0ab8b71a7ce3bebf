package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// ComparisonWords says in a sentence for each line of a comparison what it shows: which value is fastest and by how
// much, a straight line, a step, or that no difference was found, and how large one could be.
func ComparisonWords(c analyze.Comparison) []string {
	var out []string
	for _, l := range c.Lines {
		text := lineFinding(c, l)
		if l.Name != "" {
			text = printable(l.Name) + ": " + text
		}
		out = append(out, text)
	}
	return out
}

func lineFinding(c analyze.Comparison, l analyze.Line) string {
	switch l.Finding {
	case analyze.FindingNone:
		return "no difference found" + smallerThan(l.Smaller)
	case analyze.FindingLine:
		return slopeWords(c.Axis, l)
	case analyze.FindingStep:
		return stepWords(c.Axis, l)
	case analyze.FindingDifferences:
		return differenceWords(c, l)
	}
	what := "requests"
	if c.Part != analyze.All.String() {
		what = c.Part + " requests"
	}
	return fmt.Sprintf("no comparison: it needs two values with %s in %d bursts each", what, analyze.MinBursts)
}

// smallerThan is the largest difference that the intervals leave possible, rounded up.
func smallerThan(v analyze.Value) string {
	switch percent := v.V * 100; {
	case !v.OK:
		return ""
	case percent > 100:
		return fmt.Sprintf(" (smaller than %s times)", trimmed(math.Ceil((1+v.V)*10)/10))
	case percent > 9.9:
		return fmt.Sprintf(" (smaller than %.0f %%)", math.Ceil(percent))
	default:
		return fmt.Sprintf(" (smaller than %s %%)", trimmed(max(math.Ceil(percent*10), 1)/10))
	}
}

// valueName is a value of an axis in a sentence: with its key, where it alone says nothing.
func valueName(a analyze.Axis, label string) string {
	text := labelled(a, label)
	switch {
	case label == "true", label == "false", label == "none", a.Values != nil && text == label && a.Unit == "":
		return printable(a.ShortKey()) + "=" + text
	}
	return text
}

// differenceWords names the fastest values, and how many times longer the others take.
func differenceWords(c analyze.Comparison, l analyze.Line) string {
	var fastest, others []string
	for _, i := range l.Fastest {
		fastest = append(fastest, valueName(c.Axis, l.Points[i].Label))
	}
	for _, p := range c.Pairs {
		if p.Line != l.Name || !p.Differs {
			continue
		}
		others = append(others, valueName(c.Axis, p.Second)+" "+ratioWords(p.Ratio))
		if len(l.Fastest)+len(others) == 2 && pairsOf(c, l) == 1 {
			others[0] += ", " + moreWords(p.Difference)
		}
	}
	text := ""
	if l.FitP.OK && l.FitP.V <= analyze.Alpha {
		text = "no straight line fits (lack-of-fit test: " + probability(l.FitP.V) + "); "
	}
	switch {
	case len(others) == 0:
		return text + "no difference found between " + fastest[0] + ", the fastest, and the others" +
			smallerThan(l.Smaller)
	case len(fastest) == 1 && pairsOf(c, l) == 1:
		return text + fastest[0] + " is faster; " + others[0]
	case len(fastest) == 1:
		return text + fastest[0] + " is fastest; " + strings.Join(others, ", ")
	}
	return text + listed(fastest) + " are fastest, no difference found between them" + smallerThan(l.Smaller) + "; " +
		strings.Join(others, ", ")
}

func pairsOf(c analyze.Comparison, l analyze.Line) (n int) {
	for _, p := range c.Pairs {
		if p.Line == l.Name {
			n++
		}
	}
	return n
}

// listed joins words: a, b and c.
func listed(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}

// ratioWords is a ratio with its interval: 17.2 times (15.1 … 19.3).
func ratioWords(e analyze.Estimate) string {
	text := short2(e.Value.V) + " times"
	if e.Low.OK && e.High.OK {
		text += fmt.Sprintf(" (%s … %s)", short2(e.Low.V), short2(e.High.V))
	}
	return text
}

// moreWords is a difference in ms with its interval.
func moreWords(e analyze.Estimate) string {
	value, low, high, word := e.Value.V, e.Low.V, e.High.V, "more"
	if value < 0 {
		value, low, high, word = -value, -high, -low, "less"
	}
	text := fmt.Sprintf("%s ms %s", signed(value), word)
	if e.Low.OK && e.High.OK {
		text += fmt.Sprintf(" (%s … %s)", signed(low), signed(high))
	}
	return text
}

// probability is a p-value for a sentence.
func probability(p float64) string {
	if p < 0.001 {
		return "p < 0.001"
	}
	return "p = " + strconv.FormatFloat(p, 'f', 2+map[bool]int{true: 1}[p < 0.095], 64)
}

// slopeWords says what a round number of units adds.
func slopeWords(a analyze.Axis, l analyze.Line) string {
	s := *l.Slope
	per := math.Pow10(int(math.Floor(math.Log10(span(l)))))
	what := trimmed(per) + " of " + printable(a.ShortKey())
	if a.Unit != "" {
		what = trimmed(per) + " " + a.Unit
	}
	scaled := analyze.Estimate{Value: analyze.Of(s.Value.V * per), Low: scale(s.Low, per), High: scale(s.High, per)}
	return fmt.Sprintf("each %s takes %s; a straight line fits (lack-of-fit test: %s)", what, moreWords(scaled),
		probability(l.FitP.V))
}

func scale(v analyze.Value, by float64) analyze.Value {
	if !v.OK {
		return v
	}
	return analyze.Of(v.V * by)
}

// span is the distance between the smallest and the largest value that are compared; 1 where there is none.
func span(l analyze.Line) float64 {
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range l.Points {
		if p.Enough {
			low, high = min(low, p.X), max(high, p.X)
		}
	}
	if !(high > low) {
		return 1
	}
	return high - low
}

// stepWords says where a step is, and that there is nothing else.
func stepWords(a analyze.Axis, l analyze.Line) string {
	s := l.Step
	return fmt.Sprintf("a step between %s and %s: %s, %s; no difference found below it or above it",
		valueName(a, s.Before), valueName(a, s.After), ratioWords(s.Ratio), moreWords(s.Difference))
}

// signed writes a number with three significant digits, and from 1000 on with all its whole ones.
func signed(v float64) string {
	if math.Abs(v) >= 999.5 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}
