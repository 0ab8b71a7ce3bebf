package experiment

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
)

// Keys are the keys of an experiment or of one of its sub-experiments with their values as JSON. Keys of an object are
// joined with its own: Platform.KeepAliveSeconds.
type Keys map[string]string

const (
	titleKey = "Title"
	notSet   = "not set"
)

// Keys are those of the experiment itself, and of each sub-experiment. The seed is none of them: it differs between
// runs, and what is measured does not follow from it.
func (e *Experiment) Keys() (own Keys, subs []Keys, err error) {
	text, err := plainJSON(e)
	if err != nil {
		return nil, nil, fmt.Errorf("the keys of an experiment: %w", err)
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, nil, fmt.Errorf("the keys of an experiment: %w", err)
	}
	var list []map[string]json.RawMessage
	if err := json.Unmarshal(all["SubExperiments"], &list); err != nil {
		return nil, nil, fmt.Errorf("the keys of an experiment: %w", err)
	}
	for _, key := range []string{"SubExperiments", "Seed", "Sequential"} { // Order says what Sequential does
		delete(all, key)
	}
	if e.Repeat == 0 { // of a version that had no such key
		delete(all, "Repeat")
	}
	all["Order"] = json.RawMessage(quoteJSON(e.Ordering()))
	for _, sub := range list {
		subs = append(subs, flat(sub))
	}
	return flat(all), subs, nil
}

// Titled are the keys of a sub-experiment of which nothing but a title is known.
func Titled(title string) Keys { return Keys{titleKey: string(quoteJSON(title))} }

// Title is the sub-experiment's title.
func (k Keys) Title() string { return word(k[titleKey]) }

// flat puts the keys of objects beside the others.
func flat(object map[string]json.RawMessage) Keys {
	out := Keys{}
	for key, raw := range object {
		var inner map[string]json.RawMessage
		if json.Unmarshal(raw, &inner) != nil || inner == nil {
			out[key] = string(raw)
			continue
		}
		for name, value := range flat(inner) {
			out[key+"."+name] = value
		}
	}
	return out
}

// Differences are the keys whose values differ, by name, each with both values for a reader; one that is not there is
// "not set". A key that is not there counts as its default: versions before it was added wrote none.
func (k Keys) Differences(other Keys) iter.Seq2[string, [2]string] {
	names := slices.Concat(slices.Collect(maps.Keys(k)), slices.Collect(maps.Keys(other)))
	slices.Sort(names)
	return func(yield func(string, [2]string) bool) {
		for _, name := range slices.Compact(names) {
			a, inA := k[name]
			b, inB := other[name]
			switch {
			case inA && inB && a == b, !inB && isDefault(name, a), !inA && isDefault(name, b):
				continue
			}
			values := [2]string{notSet, notSet}
			if inA {
				values[0] = word(a)
			}
			if inB {
				values[1] = word(b)
			}
			if !yield(name, values) {
				return
			}
		}
	}
}

// isDefault reports whether a value is what a key has that is not there.
func isDefault(name, raw string) bool {
	if slices.Contains([]string{"0", "false", "null", `""`, "[]", "{}"}, raw) {
		return true
	}
	for _, k := range slices.Concat(topKeys(nil), subKeys()) {
		if k.name == name && k.def != nil {
			text, err := plainJSON(k.def)
			return err == nil && string(text) == raw
		}
	}
	return false
}

// word is a value for a reader: a text without its quotes, else its JSON.
func word(raw string) string {
	var text string
	if json.Unmarshal([]byte(raw), &text) == nil && text != "" {
		return text
	}
	return raw
}

// MatchSubs finds the sub-experiments of two experiments that belong together: those with one title, then those whose
// other keys are equal, then the only one of either. It gives the indices of each pair, in the order of a, and those
// without a partner.
func MatchSubs(a, b []Keys) (pairs [][2]int, onlyA, onlyB []int) {
	partner := make([]int, len(a))
	for i := range partner {
		partner[i] = -1
	}
	taken := make([]bool, len(b))
	match := func(same func(x, y Keys) bool) {
		for i := range a {
			for j := range b {
				if partner[i] < 0 && !taken[j] && same(a[i], b[j]) {
					partner[i], taken[j] = j, true
				}
			}
		}
	}
	match(func(x, y Keys) bool { return maps.Equal(x, y) })
	match(func(x, y Keys) bool { return x[titleKey] == y[titleKey] })
	match(func(x, y Keys) bool {
		for key := range x.Differences(y) {
			if key != titleKey {
				return false
			}
		}
		return len(x) > 1 && x[titleKey] != y[titleKey]
	})
	match(func(x, y Keys) bool { return len(a) == 1 && len(b) == 1 })
	for i, j := range partner {
		if j < 0 {
			onlyA = append(onlyA, i)
			continue
		}
		pairs = append(pairs, [2]int{i, j})
	}
	for j := range b {
		if !taken[j] {
			onlyB = append(onlyB, j)
		}
	}
	return pairs, onlyA, onlyB
}
