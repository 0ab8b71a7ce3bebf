package report

import "github.com/vhive-serverless/STeLLAR/src/analyze"

// Short writes a number with about three significant digits, and at most three decimals.
func Short(v float64) string { return short(v) }

// Grouped writes a count with a no-break space at the thousands.
func Grouped(n int) string { return grouped(n) }

// ComparisonTitle says what is compared.
func ComparisonTitle(c analyze.Comparison) string { return comparisonTitle(c) }

// TestWords says how differences are found in a run with so many comparisons of two values.
func TestWords(tests int) string { return testWords(tests) }

// Printable replaces control characters, which a text from elsewhere could contain, by spaces, so that they do not
// reach a terminal.
func Printable(s string) string { return printable(s) }
