package sebs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// reader gathers what is wrong with a file, and what of it has no counterpart.
type reader struct {
	file     string
	problems []error
	warnings []string
}

func (r *reader) problem(path, format string, args ...any) {
	r.problems = append(r.problems, fmt.Errorf("%s: %s: "+format, append([]any{r.file, path}, args...)...))
}

func (r *reader) warn(path, format string, args ...any) {
	r.warnings = append(r.warnings, fmt.Sprintf("%s: %s: "+format, append([]any{r.file, path}, args...)...))
}

// err is all that is wrong (bad input).
func (r *reader) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	return fail.Input("%w", errors.Join(r.problems...))
}

// section is an object of the file. Its keys are asked for one by one; the others are named in a warning.
type section struct {
	r       *reader
	path    string
	members map[string]any // nil: the object is not there
	used    map[string]bool
}

// parse reads a file.
func (r *reader) parse(text []byte) (*section, error) {
	in := json.NewDecoder(bytes.NewReader(text))
	in.UseNumber()
	var top map[string]any
	if err := in.Decode(&top); err != nil {
		return nil, fail.Input("%s is not a configuration of SeBS: %w", r.file, err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return nil, fail.Input("%s is not a configuration of SeBS: something stands behind its object", r.file)
	}
	return &section{r: r, members: top, used: map[string]bool{}}, nil
}

func (s *section) at(key string) string { return strings.TrimPrefix(s.path+"."+key, ".") }

// has says whether the section has one of the keys, and which.
func (s *section) has(keys ...string) (string, bool) {
	for _, k := range keys {
		if _, ok := s.members[k]; ok {
			s.used[k] = true
			return k, true
		}
	}
	return "", false
}

// child is the object with a key; without members where there is none.
func (s *section) child(key string) *section {
	out := &section{r: s.r, path: s.at(key), used: map[string]bool{}}
	if _, ok := s.has(key); !ok {
		return out
	}
	members, ok := s.members[key].(map[string]any)
	if !ok {
		s.r.problem(out.path, "found %s; want an object", shown(s.members[key]))
		return out
	}
	out.members = members
	return out
}

// whole is a whole number from least on, under the first of the keys that is there; 0: none is.
func (s *section) whole(least int64, keys ...string) int64 {
	k, ok := s.has(keys...)
	if !ok {
		return 0
	}
	n, ok := wholeOf(s.members[k])
	if !ok || n < least {
		s.r.problem(s.at(k), "found %s; want a whole number from %d on", shown(s.members[k]), least)
		return 0
	}
	return n
}

func wholeOf(v any) (int64, bool) {
	number, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	if n, err := number.Int64(); err == nil {
		return n, true
	}
	f, err := number.Float64() // 1e3
	return int64(f), err == nil && f == math.Trunc(f) && math.Abs(f) < 1<<53
}

// wholes is a list of whole numbers from 1 on.
func (s *section) wholes(key string) (out []int64) {
	for i, v := range s.list(key) {
		n, ok := wholeOf(v)
		if !ok || n < 1 {
			s.r.problem(fmt.Sprintf("%s[%d]", s.at(key), i), "found %s; want a whole number from 1 on", shown(v))
			continue
		}
		out = append(out, n)
	}
	return out
}

// words is a list of texts, each one of those that are allowed.
func (s *section) words(key string, allowed ...string) (out []string) {
	for i, v := range s.list(key) {
		text, ok := v.(string)
		if !ok || !slices.Contains(allowed, text) {
			s.r.problem(fmt.Sprintf("%s[%d]", s.at(key), i), "found %s; want one of %s", shown(v),
				strings.Join(allowed, ", "))
			continue
		}
		out = append(out, text)
	}
	return out
}

func (s *section) list(key string) []any {
	if _, ok := s.has(key); !ok {
		return nil
	}
	list, ok := s.members[key].([]any)
	if !ok {
		s.r.problem(s.at(key), "found %s; want a list", shown(s.members[key]))
	}
	return list
}

// text is a text, one of those that are allowed where some are named; empty: it is not there.
func (s *section) text(key string, allowed ...string) string {
	if _, ok := s.has(key); !ok {
		return ""
	}
	text, ok := s.members[key].(string)
	switch {
	case !ok:
		s.r.problem(s.at(key), "found %s; want a text", shown(s.members[key]))
	case len(allowed) > 0 && !slices.Contains(allowed, text):
		s.r.problem(s.at(key), "found %q; want one of %s", text, strings.Join(allowed, ", "))
		return ""
	}
	return text
}

// skip leaves keys to others.
func (s *section) skip(keys ...string) {
	for _, k := range keys {
		s.used[k] = true
	}
}

// rest warns of each key that was not read.
func (s *section) rest() {
	for _, k := range slices.Sorted(maps.Keys(s.members)) {
		if !s.used[k] {
			s.r.warn(s.at(k), "has no counterpart in stellar, and is ignored")
		}
	}
}

// shown is a value as a message repeats it.
func shown(v any) string {
	text, err := json.Marshal(v)
	if err != nil || len(text) > 60 {
		return "something else"
	}
	return string(text)
}
