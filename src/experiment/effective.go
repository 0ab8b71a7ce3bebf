package experiment

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
)

// pair and ordered write a JSON object with its keys in a chosen order, which encoding/json has no map for.
type pair struct {
	name  string
	value any
}

type ordered []pair

// MarshalJSON implements json.Marshaler.
func (o ordered) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, p := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		value, err := plainJSON(p.value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		b.WriteString(quoteJSON(p.name))
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// plainJSON is json.Marshal without the escapes that are meant for web pages.
func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// MarshalJSON writes the keys of the sub-experiment's type in the table's order, those of other types left out, so that
// Parse reads the same sub-experiment back.
func (s SubExperiment) MarshalJSON() ([]byte, error) {
	v := reflect.ValueOf(s)
	fields := fieldsByKey(v.Type())
	var o ordered
	for _, k := range subKeys() {
		at, is := fields[k.name]
		if !is || !k.belongs(&s) {
			continue
		}
		// A key without a constant default is left out where it is empty. The network keys have none, and a zero of
		// theirs (MaxRetries) is a value; an empty list is none.
		field := v.FieldByIndex(at)
		if field.IsZero() && (k.kind == text || field.Kind() == reflect.Slice || notKnown(k.name) ||
			k.def == nil && k.types == nil && !s.zeroCounts(k.name)) {
			continue
		}
		o = append(o, pair{k.name, field.Interface()})
	}
	return o.MarshalJSON()
}

// notKnown names the keys that are 0 where functions exist and the file does not say them.
func notKnown(name string) bool {
	return name == "FunctionMemoryMB" || name == "FunctionTimeoutSeconds"
}

// zeroCounts names the keys whose computed default need not be zero although zero is a value.
func (s SubExperiment) zeroCounts(name string) bool {
	return name == "IATJitterSeconds" || name == "BalancedWeight" && s.Optimize == OptimizeBalanced
}

// MarshalEffective writes the experiment as an indented file that Parse reads back to an equal one: defaults filled in,
// sweeps expanded, the seed in it.
func (e *Experiment) MarshalEffective() ([]byte, error) {
	text, err := indented(e)
	if err != nil {
		return nil, fmt.Errorf("writing the effective experiment: %w", err)
	}
	return text, nil
}

func indented(v any) ([]byte, error) {
	compact, err := plainJSON(v)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, compact, "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}
