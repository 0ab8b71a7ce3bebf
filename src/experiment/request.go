package experiment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/experiment/jsonpath"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// fileMark begins a body that is read from a file. Two of them begin a text with one.
const fileMark = "@"

// Body is one body that requests may have.
type Body struct {
	Weight float64 // its share of all bodies is Weight over the sum of theirs
	Text   string  // as it is sent, but for references to variables
	File   string  // read and sent as it is, in place of Text
	JSON   bool    // Text is JSON
}

// Bodies are those that Body names; none where the file gives no Body. An error is about a record that was changed by
// hand: Load lets none through.
func (s *SubExperiment) Bodies() ([]Body, error) {
	if len(s.Body) == 0 {
		return nil, nil
	}
	if s.Body[0] != '[' {
		one, err := bodyOf(1, s.Body)
		return []Body{one}, err
	}
	var list []struct {
		Weight float64   `json:"weight"`
		Body   RawObject `json:"body"`
	}
	if err := json.Unmarshal(s.Body, &list); err != nil {
		return nil, fail.Input("%s: Body: %w", s.Title, err)
	}
	bodies := make([]Body, len(list))
	for i, l := range list {
		one, err := bodyOf(l.Weight, l.Body)
		if err != nil {
			return nil, err
		}
		bodies[i] = one
	}
	return bodies, nil
}

// Length is at least how many bytes the body has as it is sent: values of variables are not counted.
func (b Body) Length() (int64, error) {
	if b.File == "" {
		parts, _ := Literals(b.Text)
		return int64(len(strings.Join(parts, ""))), nil
	}
	info, err := os.Stat(b.File)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// bodyOf reads a body from a JSON string, or from an object that is the body.
func bodyOf(weight float64, raw RawObject) (Body, error) {
	if !bytes.HasPrefix(raw, []byte{'"'}) {
		return Body{Weight: weight, Text: string(raw), JSON: true}, nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return Body{}, fail.Input("Body: %w", err)
	}
	rest, marked := strings.CutPrefix(text, fileMark)
	if marked && !strings.HasPrefix(rest, fileMark) {
		return Body{Weight: weight, File: rest}, nil
	}
	return Body{Weight: weight, Text: strings.TrimPrefix(text, fileMark)}, nil
}

// PathBelow is the part of Path that leads below the function's own path: all before the query.
func (s *SubExperiment) PathBelow() string {
	below, _, _ := strings.Cut(s.Path, "?")
	return below
}

// RequestMethod is Method, or its default: POST with a body, else GET.
func (s *SubExperiment) RequestMethod() string {
	switch {
	case s.Method != "":
		return s.Method
	case len(s.Body) > 0:
		return http.MethodPost
	}
	return http.MethodGet
}

// Expectation is what an answer has to be.
type Expectation struct {
	Statuses []int         // one of them; none: any
	Contains string        // is in the body; empty: it may hold anything
	Path     jsonpath.Path // of the value in a body of JSON, where HasValue
	PathText string        // as the file has it
	Value    any           // as jsonpath.Path.Find gives it
	HasValue bool
}

// Any reports whether every answer is as expected.
func (e *Expectation) Any() bool { return len(e.Statuses) == 0 && e.Contains == "" && !e.HasValue }

// Expectation is that of ExpectStatus and ExpectBody. An error is about a record that was changed by hand.
func (s *SubExperiment) Expectation() (Expectation, error) {
	out := Expectation{Statuses: s.ExpectStatus}
	if len(s.ExpectBody) == 0 {
		return out, nil
	}
	if s.ExpectBody[0] == '"' {
		err := json.Unmarshal(s.ExpectBody, &out.Contains)
		return out, err
	}
	var at struct {
		Path  string    `json:"path"`
		Value RawObject `json:"value"`
	}
	err := json.Unmarshal(s.ExpectBody, &at)
	if err == nil {
		out.Path, err = jsonpath.Parse(at.Path)
	}
	if err == nil {
		out.Value, _, err = jsonpath.Path(nil).Find(at.Value)
	}
	out.PathText, out.HasValue = at.Path, true
	if err != nil {
		return out, fail.Input("%s: ExpectBody: %w", s.Title, err)
	}
	return out, nil
}

// Met says why an answer is not what was expected; nil where it is. body is the whole body.
func (e *Expectation) Met(status int, body []byte) error {
	if len(e.Statuses) > 0 && !slices.Contains(e.Statuses, status) {
		return fmt.Errorf("status %d, expected %s", status, strings.Trim(fmt.Sprint(e.Statuses), "[]"))
	}
	if e.Contains != "" && !bytes.Contains(body, []byte(e.Contains)) {
		return fmt.Errorf("the body does not contain %q", shorten(e.Contains, 60))
	}
	if !e.HasValue {
		return nil
	}
	value, found, err := e.Path.Find(body)
	switch {
	case err != nil:
		return errors.New("the body is no JSON")
	case !found:
		return fmt.Errorf("the body has nothing at %s", e.PathText)
	case !jsonpath.Equal(value, e.Value):
		return fmt.Errorf("the body has another value at %s than expected", e.PathText)
	}
	return nil
}

// Variable is an environment variable whose value a key of a sub-experiment asks for by ${env:NAME}.
type Variable struct {
	Key  string // of the experiment file
	Name string
}

// RequestVariables are those of the requests; EnvironmentVariables those of the deployed function.
func (s *SubExperiment) RequestVariables() []Variable {
	var all []Variable
	add := func(key, text string) {
		_, names := Literals(text)
		for _, name := range names {
			if v := (Variable{key, name}); !slices.Contains(all, v) {
				all = append(all, v)
			}
		}
	}
	add("Path", s.Path)
	for _, name := range sortedKeys(s.Headers) {
		add("Headers", s.Headers[name])
	}
	add("Body", string(s.Body))
	return all
}

// EnvironmentVariables are those that Environment refers to.
func (s *SubExperiment) EnvironmentVariables() []Variable {
	var all []Variable
	for _, key := range sortedKeys(s.Environment) {
		_, names := Literals(s.Environment[key])
		for _, name := range names {
			if v := (Variable{"Environment", name}); !slices.Contains(all, v) {
				all = append(all, v)
			}
		}
	}
	return all
}

// absoluteBody makes the paths of files in Body ones that hold wherever the experiment is read again, and reads each
// file once to see that it can be read.
func (c combination) absoluteBody() {
	s, files := c.s, c.d.traces
	n := c.dr.given["Body"]
	if files == nil || n == nil || !c.dr.good["Body"] {
		return
	}
	s.Body = n.rewritten(func(body *node) string {
		rest, marked := strings.CutPrefix(body.text, fileMark)
		if !marked || strings.HasPrefix(rest, fileMark) {
			return body.text
		}
		path := rest
		if !filepath.IsAbs(path) {
			path = filepath.Join(files.dir, path)
		}
		if _, err := readFile("the body", path, ""); err != nil {
			c.d.problem(body.off, body.path, "found %q; %s (a relative path starts at the experiment file's folder)",
				shorten(body.text, 60), err)
		}
		return fileMark + path
	})
}

// rewritten is the raw JSON of a Body in which each text that is a body was replaced.
func (n *node) rewritten(text func(*node) string) RawObject {
	switch n.kind {
	case textNode:
		return RawObject(quoteJSON(text(n)))
	case arrayNode:
		var b strings.Builder
		for i, item := range n.items {
			b.WriteByte("[,"[min(i, 1)])
			members := slices.Clone(item.members)
			for j := range members {
				if members[j].name == "body" && members[j].value.kind == textNode {
					replaced := *members[j].value
					replaced.text = text(members[j].value)
					members[j].value = &replaced
				}
			}
			(&node{kind: objectNode, members: members}).canonical(&b)
		}
		b.WriteByte(']')
		return RawObject(b.String())
	}
	return n.raw()
}
