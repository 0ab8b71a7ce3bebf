// Package jsonpath finds a value in a JSON document by a path such as user.roles[0].name: a subset of RFC 9535 (names
// and indices) in which the leading $ may be left out.
package jsonpath

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
)

// Path leads to one value. The zero Path leads to the document itself.
type Path []step

// step is a member of an object, or an element of an array.
type step struct {
	name  string
	index int
	array bool
}

// Parse reads a path: names separated by dots, indices in brackets, names with other characters in brackets and double
// quotes. "$" alone is the whole document. The error says what is wrong, and where.
func Parse(text string) (Path, error) {
	if text == "" {
		return nil, errors.New(`an empty path; want one such as a.b[0], or $ for the whole document`)
	}
	rest, rooted := strings.CutPrefix(text, "$")
	var path Path
	for first := !rooted; rest != ""; first = false {
		var next step
		var err error
		at := len(text) - len(rest)
		if next, rest, err = parseStep(rest, first); err != nil {
			return nil, fmt.Errorf("at character %d: %w", at, err)
		}
		path = append(path, next)
	}
	return path, nil
}

// parseStep reads one step; the first of a path without $ has no dot before it.
func parseStep(text string, first bool) (step, string, error) {
	if quoted, ok := strings.CutPrefix(text, `["`); ok {
		end := strings.IndexByte(quoted, '"')
		if end < 0 || !strings.HasPrefix(quoted[end:], `"]`) {
			return step{}, "", errors.New(`want ["name"]`)
		}
		return step{name: quoted[:end]}, quoted[end+2:], nil
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		digits, rest, closed := strings.Cut(inner, "]")
		n, err := strconv.ParseUint(digits, 10, 31)
		if !closed || err != nil {
			return step{}, "", errors.New(`want an index in brackets such as [0], or ["name"]`)
		}
		return step{index: int(n), array: true}, rest, nil
	}
	name, dotted := strings.CutPrefix(text, ".")
	if dotted == first {
		return step{}, "", errors.New("want a dot between two names, and none before the first")
	}
	end := strings.IndexAny(name, ".[")
	if end < 0 {
		end = len(name)
	}
	if end == 0 {
		return step{}, "", errors.New("want a name")
	}
	return step{name: name[:end]}, name[end:], nil
}

// errMore is the error of a document with something behind it.
var errMore = errors.New("something follows the document")

// Find gives the value that a path leads to. An error is about the document, which is no JSON; found is false where the
// path leads nowhere. Numbers are json.Number.
func (p Path) Find(document []byte) (value any, found bool, err error) {
	dec := json.NewDecoder(bytes.NewReader(document))
	dec.UseNumber()
	if err := dec.Decode(&value); err != nil {
		return nil, false, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, false, errMore
	}
	for _, s := range p {
		object, isObject := value.(map[string]any)
		array, isArray := value.([]any)
		switch {
		case s.array && isArray && s.index < len(array):
			value = array[s.index]
		case !s.array && isObject:
			if value, found = object[s.name]; !found {
				return nil, false, nil
			}
		default:
			return nil, false, nil
		}
	}
	return value, true, nil
}

// Equal compares two values as Find gives them. Numbers are compared by their value: 1, 1.0 and 1e0 are equal.
func Equal(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for name, value := range a {
			other, is := b[name]
			if !is || !Equal(value, other) {
				return false
			}
		}
		return true
	case []any:
		b, ok := b.([]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for i := range a {
			if !Equal(a[i], b[i]) {
				return false
			}
		}
		return true
	case json.Number:
		b, ok := b.(json.Number)
		return ok && equalNumbers(a, b)
	}
	return a == b
}

// longestNumber is how long a number may be that is compared by its value: one with a huge exponent would take memory
// without bound.
const longestNumber = 40

func equalNumbers(a, b json.Number) bool {
	if a == b {
		return true
	}
	x, okX := exact(a)
	y, okY := exact(b)
	return okX && okY && x.Cmp(y) == 0
}

// exact is a number without rounding, where its exponent has at most three digits.
func exact(n json.Number) (*big.Rat, bool) {
	text := string(n)
	if at := strings.IndexAny(text, "eE"); len(text) > longestNumber || at >= 0 && len(text)-at > 5 {
		return nil, false
	}
	return new(big.Rat).SetString(text)
}
