package report

import (
	"strconv"
	"strings"
	"unicode"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// short writes a number with about three significant digits, and at most three decimals.
func short(v float64) string {
	switch {
	case v >= 99.95:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	case v >= 0.9995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
	return strconv.FormatFloat(v, 'f', 3, 64)
}

// trimmed writes a number unchanged.
func trimmed(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// duration writes ms with the unit; from ten seconds on it is s.
func duration(v analyze.Value) string {
	switch {
	case !v.OK:
		return noValue
	case v.V >= 10000:
		return short(v.V/1000) + " s"
	}
	return short(v.V) + " ms"
}

// grouped writes a count with a no-break space at the thousands: 12 345.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "\u00a0" + s[i:]
	}
	return s
}

// counted writes a count with its noun: 1 burst, 20 bursts.
func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return grouped(n) + " " + noun
}

// printable replaces control characters, which a title could contain, by spaces, so that they do not reach a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || (unicode.Is(unicode.Cf, r) && r != '\u200d') || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
}
