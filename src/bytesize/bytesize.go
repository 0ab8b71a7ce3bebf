// Package bytesize has one type for sizes in bytes, with one parser and one formatter. Sizes are told in MiB, which is
// what experiment files, plans, CSV files and the names of result folders count in.
package bytesize

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Size is a number of bytes. In JSON it is a plain number.
type Size int64

// Units. MB and GB are decimal: some vendors state their limits in them.
const (
	KiB Size = 1 << 10
	MiB Size = 1 << 20
	GiB Size = 1 << 30
	MB  Size = 1_000_000
	GB  Size = 1_000_000_000
)

// FromMiB converts a number of MiB, as experiment files have it, to the nearest byte.
func FromMiB(n float64) Size { return Size(math.Round(n * float64(MiB))) }

// MiB is the size in MiB.
func (s Size) MiB() float64 { return float64(s) / float64(MiB) }

// decimals is how exactly a size is told where nothing else is asked for.
const decimals = 3

// Number is the size in MiB without its unit, with at most three decimals and no trailing zeros: 10, 2.5, 0.001.
func (s Size) Number() string {
	text := strconv.FormatFloat(s.MiB(), 'f', decimals, 64)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// String is the size with its unit: 10 MiB, 2.5 MiB.
func (s Size) String() string { return s.Number() + " MiB" }

// Fixed is the size with its unit and a fixed number of decimals: 10.00 MiB. Lines of a log line up that way.
func (s Size) Fixed(decimals int) string {
	return strconv.FormatFloat(s.MiB(), 'f', decimals, 64) + " MiB"
}

// Exact is the size in MiB and to the byte: 10.000 MiB (10485760 bytes).
func (s Size) Exact() string { return fmt.Sprintf("%s (%d bytes)", s.Fixed(decimals), int64(s)) }

// RoundUp is the least whole number of units that holds the size, and RoundUp(MiB).String() what to tell of what is
// needed.
func (s Size) RoundUp(unit Size) Size {
	if rest := s % unit; rest > 0 {
		return s - rest + unit
	}
	return s
}

// suffixes are the units that Parse knows, as dd(1) reads them: M is MiB and MB is a million bytes.
func suffixes() map[string]Size {
	return map[string]Size{"": 1, "c": 1, "w": 2, "b": 512, "kB": 1000, "KB": 1000, "K": KiB, "KiB": KiB,
		"M": MiB, "MB": MB, "MiB": MiB, "G": GiB, "GB": GB, "GiB": GiB}
}

// Suffixes is a regular expression for the units that Parse knows.
const Suffixes = `(c|w|b|kB|K|KB|KiB|M|MB|MiB|G|GB|GiB)?`

// Parse reads a whole number and a unit without a space between them, such as 4096, 1kB or 10MiB.
func Parse(text string) (Size, error) {
	digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
	unit, ok := suffixes()[text[digits:]]
	if digits == 0 || !ok {
		return 0, fmt.Errorf("%q is no size: want a whole number and a unit such as kB, MB or MiB", text)
	}
	n, err := strconv.ParseInt(text[:digits], 10, 64)
	if err != nil || n > math.MaxInt64/int64(unit) {
		return 0, fmt.Errorf("%q is more than a size may be", text)
	}
	return Size(n) * unit, nil
}
