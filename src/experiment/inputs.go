package experiment

import (
	"encoding/json"
	"fmt"

	"github.com/vhive-serverless/STeLLAR/src/experiment/trace"
)

// Keys whose values name a file or a folder beside the experiment file.
const (
	InputFunction = "Function"
	InputTrace    = "Arrivals"
	InputBody     = "Body"
)

// Input is a file or folder that a sub-experiment names.
type Input struct {
	Key  string // one of InputFunction, …
	Name string // as the file has it; of traces and bodies absolute once the file was loaded
}

// Inputs are the files and folders that the sub-experiment names. A function is one of them even where it is one of
// stellar's own, or exists already.
func (s *SubExperiment) Inputs() ([]Input, error) {
	var all []Input
	if s.Function != "" {
		all = append(all, Input{InputFunction, s.Function})
	}
	if isTrace(s.Arrivals) {
		path, _ := trace.Split(s.Arrivals)
		all = append(all, Input{InputTrace, path})
	}
	bodies, err := s.Bodies()
	for _, b := range bodies {
		if b.File != "" {
			all = append(all, Input{InputBody, b.File})
		}
	}
	return all, err
}

// Moved is the experiment with other names of the files and folders that it names. It shares nothing that is changed.
func (e *Experiment) Moved(to func(Input) string) (*Experiment, error) {
	out := *e
	out.SubExperiments = make([]SubExperiment, len(e.SubExperiments))
	for i, s := range e.SubExperiments {
		if s.Function != "" {
			s.Function = to(Input{InputFunction, s.Function})
		}
		if isTrace(s.Arrivals) {
			path, _ := trace.Split(s.Arrivals)
			s.Arrivals = to(Input{InputTrace, path}) + s.Arrivals[len(path):]
		}
		var err error
		if s.Body, err = movedBody(s.Body, to); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Title, err)
		}
		out.SubExperiments[i] = s
	}
	return &out, nil
}

// movedBody is a Body with other names of its files.
func movedBody(raw RawObject, to func(Input) string) (RawObject, error) {
	if len(raw) == 0 {
		return raw, nil
	}
	if raw[0] != '[' {
		one, err := bodyOf(1, raw)
		if err != nil || one.File == "" {
			return raw, err
		}
		return RawObject(quoteJSON(fileMark + to(Input{InputBody, one.File}))), nil
	}
	var list []map[string]RawObject
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("Body: %w", err)
	}
	for _, item := range list {
		moved, err := movedBody(item["body"], to)
		if err != nil {
			return nil, err
		}
		item["body"] = moved
	}
	text, err := plainJSON(list)
	return RawObject(text), err
}
