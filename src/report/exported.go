package report

import "github.com/vhive-serverless/STeLLAR/src/analyze"

// Short writes a number with about three significant digits, and at most three decimals.
func Short(v float64) string { return short(v) }

// Grouped writes a count with a no-break space at the thousands.
func Grouped(n int) string { return grouped(n) }

// ComparisonTitle says what is compared.
func ComparisonTitle(c analyze.Comparison) string { return comparisonTitle(c) }

// TestWords says how differences of one of a run's comparisons are found, and what they leave out, a sentence each.
func TestWords(c analyze.Comparison) []string { return comparisonTests([]analyze.Comparison{c}) }

// Printable replaces control characters, which a text from elsewhere could contain, by spaces, so that they do not
// reach a terminal.
func Printable(s string) string { return printable(s) }
