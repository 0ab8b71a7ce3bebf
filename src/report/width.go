package report

import (
	"strings"
	"unicode"
)

// columnsOf is the number of terminal columns of a text: two for East Asian wide letters and emoji, none for marks that
// combine with the letter before them (Unicode UAX #11, the wide and full-width blocks).
func columnsOf(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case r < 0x1100:
		return 1
	}
	for _, block := range wideBlocks() {
		if r >= block[0] && r <= block[1] {
			return 2
		}
	}
	return 1
}

func wideBlocks() [][2]rune {
	return [][2]rune{
		{0x1100, 0x115f}, {0x2e80, 0x303e}, {0x3041, 0xa4cf}, {0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xfe30, 0xfe6f},
		{0xff00, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1f9ff},
		{0x20000, 0x3fffd},
	}
}

// cut shortens text to a number of columns; if something is left out, the last one is an ellipsis.
func cut(s string, columns int) string {
	if columnsOf(s) <= columns {
		return s
	}
	var b strings.Builder
	used := 0
	for _, r := range s {
		if used += runeColumns(r); used > columns-1 {
			break
		}
		b.WriteRune(r)
	}
	return strings.TrimRight(b.String(), " ") + "…"
}
