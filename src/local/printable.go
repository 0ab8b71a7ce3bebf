package local

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable is a function's text for a terminal: control characters, marks that change the direction of text, and bytes
// that are not UTF-8 are written as escapes (\x1b, \u202e). Tabs and line breaks stay.
func Printable(text string) string {
	if strings.IndexFunc(text, mustEscape) < 0 {
		return text
	}
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case !mustEscape(r) || r == utf8.RuneError:
			b.WriteString(text[:n])
		case r < 0x80:
			fmt.Fprintf(&b, `\x%02x`, r)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		text = text[n:]
	}
	return b.String()
}

// mustEscape reports whether a character may change more of a terminal than its own cell. The replacement character is
// checked further, because it also stands for a byte that is not UTF-8.
func mustEscape(r rune) bool {
	return r != '\n' && r != '\t' &&
		(unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || unicode.In(r, unicode.Zl, unicode.Zp)) ||
		r == utf8.RuneError
}
