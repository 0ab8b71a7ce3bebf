package experiment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxDepth bounds the nesting of a file. The format itself needs six levels.
const maxDepth = 64

type nodeKind int

const (
	nullNode nodeKind = iota
	boolNode
	numberNode
	textNode
	arrayNode
	objectNode
)

// node is a JSON value with its position.
type node struct {
	kind    nodeKind
	off     int    // of its first byte
	path    string // SubExperiments[2].BurstSizes[0]; empty for the whole file
	text    string // a string's value, a number as written
	truth   bool
	items   []*node
	members []member // in the file's order
	swept   bool     // a value of a Sweep
	bad     bool     // not allowed at its position, which has been reported
}

type member struct {
	name  string
	off   int // of the key
	value *node
}

// find returns the member of that name, nil where there is none.
func (n *node) find(name string) *member {
	for i := range n.members {
		if n.members[i].name == name {
			return &n.members[i]
		}
	}
	return nil
}

// syntaxError is an error of JSON itself, at an offset.
type syntaxError struct {
	off  int
	path string
	text string
}

func (e *syntaxError) Error() string { return e.text }

// duplicate is a key that its object has more than once: the last one counts, as in every common JSON reader.
type duplicate struct {
	off  int
	path string
}

// treeReader builds the tree from the decoder's tokens; the decoder's offset gives each its place.
type treeReader struct {
	src  *source
	dec  *json.Decoder
	dups []duplicate
}

// readTree parses the whole file; want says what belongs into an empty one. The first error of JSON itself ends it,
// because what follows has no sure meaning.
func readTree(src *source, want string) (*node, []duplicate, error) {
	if err := checkSyntax(src, want); err != nil {
		return nil, nil, err
	}
	r := &treeReader{src: src, dec: json.NewDecoder(bytes.NewReader(src.data))}
	r.dec.UseNumber()
	root, err := r.value("", 0)
	if err != nil {
		return nil, nil, err
	}
	return root, r.dups, nil
}

// checkSyntax lets encoding/json judge the whole text first: only there is the offset of a syntax error the file's.
func checkSyntax(src *source, want string) error {
	switch text := bytes.TrimSpace(src.data); {
	case isUTF16(src.data):
		return &syntaxError{off: 0, text: "the file is UTF-16; save it as UTF-8"}
	case len(text) == 0:
		return &syntaxError{off: 0, text: "the file is empty; want " + want}
	}
	var raw json.RawMessage
	err := json.Unmarshal(src.data, &raw)
	var bad *json.SyntaxError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &bad):
		return &syntaxError{text: err.Error()}
	}
	off := int(bad.Offset) - 1
	if strings.Contains(bad.Error(), "unexpected end") {
		return &syntaxError{off: len(bytes.TrimRight(src.data, " \t\r\n")),
			text: "the file ends in the middle of a value; a closing bracket, brace or quote is missing"}
	}
	return &syntaxError{off: off, text: "not JSON: " + bad.Error() + syntaxAdvice(src.data, off)}
}

// isUTF16 sees the byte order mark of UTF-16, or where there is none the zeros in its first character: in JSON that is
// one of ASCII.
func isUTF16(data []byte) bool {
	if bytes.HasPrefix(data, []byte{0xFE, 0xFF}) || bytes.HasPrefix(data, []byte{0xFF, 0xFE}) {
		return true
	}
	return len(data) >= 2 && (data[0] == 0) != (data[1] == 0)
}

// syntaxAdvice adds what is usually behind a syntax error at that byte.
func syntaxAdvice(data []byte, off int) string {
	if off < 0 || off >= len(data) {
		return ""
	}
	before := bytes.TrimRight(data[:off], " \t\r\n")
	switch c := data[off]; {
	case (c == '}' || c == ']') && bytes.HasSuffix(before, []byte(",")):
		return "; remove the comma before it"
	case c == '/' || c == '#':
		return "; JSON has no comments"
	case c == '\'':
		return "; JSON wants double quotes"
	case c == '"' && len(before) > 0 && before[len(before)-1] != ',':
		return "; a comma is missing before it"
	case c == '\n' || c == '\r':
		return "; a string ends on the line it begins on"
	case bytes.HasPrefix(data[off:], []byte("True")), bytes.HasPrefix(data[off:], []byte("False")):
		return "; JSON writes true and false"
	}
	return ""
}

// start is the offset of the next token: white space and separators lie between two tokens, nothing else.
func (r *treeReader) start() int {
	off := int(r.dec.InputOffset())
	for off < len(r.src.data) && strings.IndexByte(" \t\r\n,:", r.src.data[off]) >= 0 {
		off++
	}
	return off
}

func (r *treeReader) value(path string, depth int) (*node, error) {
	n := &node{off: r.start(), path: path}
	if depth > maxDepth {
		return nil, &syntaxError{off: n.off, path: path, text: fmt.Sprintf("nested deeper than %d levels", maxDepth)}
	}
	tok, err := r.dec.Token()
	if err != nil {
		return nil, r.broken(n.off, err)
	}
	switch t := tok.(type) {
	case bool:
		n.kind, n.truth = boolNode, t
	case json.Number:
		n.kind, n.text = numberNode, t.String()
	case string:
		n.kind, n.text = textNode, t
	case json.Delim:
		if t == '[' {
			return n, r.array(n, depth)
		}
		return n, r.object(n, depth)
	}
	return n, nil
}

func (r *treeReader) array(n *node, depth int) error {
	n.kind = arrayNode
	for r.dec.More() {
		item, err := r.value(n.path+"["+strconv.Itoa(len(n.items))+"]", depth+1)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
	return r.closing()
}

func (r *treeReader) object(n *node, depth int) error {
	n.kind = objectNode
	seen := map[string]int{} // place of a key among the members
	for r.dec.More() {
		off := r.start()
		tok, err := r.dec.Token()
		if err != nil {
			return r.broken(off, err)
		}
		name, _ := tok.(string) // a key is nothing else: the syntax has been checked
		v, err := r.value(childPath(n.path, name), depth+1)
		if err != nil {
			return err
		}
		if i, twice := seen[name]; twice {
			r.dups = append(r.dups, duplicate{off, v.path})
			n.members[i].value = nil
		}
		seen[name] = len(n.members)
		n.members = append(n.members, member{name, off, v})
	}
	kept := n.members[:0]
	for _, m := range n.members {
		if m.value != nil {
			kept = append(kept, m)
		}
	}
	n.members = kept
	return r.closing()
}

func (r *treeReader) closing() error {
	off := r.start()
	if _, err := r.dec.Token(); err != nil {
		return r.broken(off, err)
	}
	return nil
}

func (r *treeReader) broken(off int, err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return &syntaxError{off: off, text: "not JSON: " + err.Error()}
}

// childPath appends a key to a path, quoted where it is not a plain word.
func childPath(path, name string) string {
	plain := name != ""
	for _, c := range name {
		plain = plain && (c == '_' || c == '$' || c == '-' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' ||
			c >= 'a' && c <= 'z')
	}
	switch {
	case !plain:
		return path + "[" + strconv.Quote(shorten(name, 40)) + "]"
	case path == "":
		return name
	}
	return path + "." + name
}

// canonical renders a value as compact JSON with the strings as the decoder read them, so that equal values have equal
// texts however a file spells them. Numbers stay as written.
func (n *node) canonical(b *strings.Builder) {
	switch n.kind {
	case nullNode:
		b.WriteString("null")
	case boolNode:
		b.WriteString(strconv.FormatBool(n.truth))
	case numberNode:
		b.WriteString(n.text)
	case textNode:
		b.WriteString(quoteJSON(n.text))
	case arrayNode:
		for i, item := range n.items {
			b.WriteByte("[,"[min(i, 1)])
			item.canonical(b)
		}
		if len(n.items) == 0 {
			b.WriteByte('[')
		}
		b.WriteByte(']')
	case objectNode:
		for i, m := range n.members {
			b.WriteByte("{,"[min(i, 1)])
			b.WriteString(quoteJSON(m.name))
			b.WriteByte(':')
			m.value.canonical(b)
		}
		if len(n.members) == 0 {
			b.WriteByte('{')
		}
		b.WriteByte('}')
	}
}

// quoteJSON writes a string as JSON without the escapes that are meant for web pages.
func quoteJSON(s string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(s); err != nil { // a string always encodes
		return strconv.Quote(s)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// found describes a value of the file, for error messages.
func (n *node) found() string {
	switch n.kind {
	case boolNode:
		return strconv.FormatBool(n.truth) + " (boolean)"
	case numberNode:
		return shorten(n.text, 40) + " (number)"
	case textNode:
		return quoteJSON(shorten(n.text, 60)) + " (string)"
	case arrayNode:
		return fmt.Sprintf("an array of %d", len(n.items))
	case objectNode:
		return "an object"
	}
	return "null"
}

// shorten cuts a text to n characters, with an ellipsis where something was cut off.
func shorten(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}
