package probe

import (
	"bytes"
	"strconv"
	"unicode/utf8"
)

const (
	excerptBytes = 300     // of a failed answer's body are shown
	excerptFrom  = 4 << 10 // of it are looked at
	secretLeast  = 6       // shorter values of header fields are not taken for secrets
)

// excerpt is the beginning of a failed answer's body in a form for a log: quoted, with escapes for everything that a
// terminal could interpret, and without the values of the request's header fields, which a server may send back. It is
// empty if there is no body.
func (t *target) excerpt(body []byte) string {
	if t.hidden {
		return ""
	}
	text := body[:min(len(body), excerptFrom)]
	for _, f := range t.fields {
		if len(f.value) >= secretLeast {
			text = bytes.ReplaceAll(text, []byte(f.value), []byte("["+f.name+"]"))
		}
	}
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return ""
	}
	end := ""
	if len(text) > excerptBytes {
		n := excerptBytes
		for n > excerptBytes-utf8.UTFMax && !utf8.RuneStart(text[n]) {
			n--
		}
		text, end = text[:n], "…"
	}
	return ": " + strconv.Quote(string(text)) + end
}
