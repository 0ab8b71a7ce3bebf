package answer

import "bytes"

// Header finds a header field by its lower-case name in the head of a response; empty where there is none.
func Header(head []byte, lower string) string {
	for line := range bytes.Lines(head) {
		name, value, ok := bytes.Cut(line, []byte{':'})
		if ok && EqualFold(name, lower) {
			return string(bytes.TrimSpace(value))
		}
	}
	return ""
}

// EqualFold compares with a lower-case ASCII name; it allocates nothing.
func EqualFold(text []byte, lower string) bool {
	if len(text) != len(lower) {
		return false
	}
	for i, c := range text {
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
