package experiment

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Axis is a key that sub-experiments vary on purpose: what a Sweep varied, or what a file that spells its variants out
// has different.
type Axis struct {
	Key     string
	Unit    string    // of Values; may be empty
	Labels  []string  // one for each sub-experiment; of members only
	Values  []float64 // likewise, where all of them are numbers; else nil
	Group   string    // the title that its members share; empty where the file has one group, or they share none
	Members []int     // indices of the sub-experiments that are compared along it, ascending
	With    []string  // keys that differ exactly where this one does: what they do cannot be told apart
}

// Axes finds the keys that the sub-experiments of each group vary, group by group, in the order of the key table. Of an
// object it is the keys in it that differ: Platform.KeepAliveSeconds.
//
// A group is what shares a title: the sub-experiments of a Sweep, or those with one Title. All others form one group
// more. In a Sweep the axes are its keys. Elsewhere they are the keys that differ, but for those whose default follows
// from another one (IATJitterSeconds from IATSeconds) and for those that do not change what is measured.
func (e *Experiment) Axes() ([]Axis, error) {
	if len(e.SubExperiments) < 2 {
		return nil, nil
	}
	values := make([]map[string]json.RawMessage, len(e.SubExperiments))
	for i, s := range e.SubExperiments {
		text, err := json.Marshal(s)
		if err != nil {
			return nil, fmt.Errorf("sub-experiment %d: %w", i, err)
		}
		if err := json.Unmarshal(text, &values[i]); err != nil {
			return nil, fmt.Errorf("sub-experiment %d: %w", i, err)
		}
	}
	var axes []Axis
	groups := e.groups()
	for _, g := range groups {
		if len(g.subs) == len(e.SubExperiments) {
			g.title = ""
		}
		axes = append(axes, g.axes(values)...)
	}
	return axes, nil
}

const cmdsKey = "Cmds"

// column is a key with its value in each sub-experiment, as JSON; empty where it is not there.
type column struct {
	key string
	raw []string
}

// members are the keys of an object, by name, where all values are objects; else the key itself. Without micro-tests
// Cmds is an empty object, and the arguments of each test are members again.
func members(key string, raw []string) []column {
	objects, names := make([]map[string]json.RawMessage, len(raw)), map[string]bool{}
	for i, text := range raw {
		if text == "" && key == cmdsKey {
			text = "{}"
		}
		if json.Unmarshal([]byte(text), &objects[i]) != nil || objects[i] == nil {
			return []column{{key, raw}}
		}
		for name := range objects[i] {
			names[name] = true
		}
	}
	var out []column
	for _, name := range slices.Sorted(maps.Keys(names)) {
		c := column{key: key + "." + name}
		for _, o := range objects {
			c.raw = append(c.raw, string(o[name]))
		}
		if key == cmdsKey {
			out = append(out, members(c.key, c.raw)...)
			continue
		}
		out = append(out, c)
	}
	return out
}

// partition numbers the classes of equal values in the order of their first member.
func partition(values []string) []int {
	first := map[string]int{}
	out := make([]int, len(values))
	for i, v := range values {
		if _, ok := first[v]; !ok {
			first[v] = len(first)
		}
		out[i] = first[v]
	}
	return out
}

// units are those of keys whose name does not say it.
func unitOf(key string) string {
	switch {
	case key == "FunctionImageSizeMB":
		return "MiB"
	case key == "DesiredServiceTimes":
		return "ms"
	case strings.HasSuffix(key, "MB"):
		return "MB"
	case strings.HasSuffix(key, "Seconds"):
		return "s"
	case strings.HasSuffix(key, "Bytes"):
		return "bytes"
	case key == "RatePerSecond":
		return "1/s"
	}
	return ""
}

// newAxis makes the axis of a group's values, which are those of its members.
func newAxis(c column, g group, count int) Axis {
	a := Axis{Key: c.key, Unit: unitOf(c.key), Group: g.title, Members: g.subs, Labels: make([]string, count),
		Values: make([]float64, count)}
	numeric := true
	for i, sub := range g.subs {
		label, number, ok := labelOf(c.raw[i])
		if c.key == "Arrivals" {
			label = filepath.Base(label) // of a trace's path
		}
		a.Labels[sub], a.Values[sub] = label, number
		numeric = numeric && ok
	}
	if !numeric {
		a.Values, a.Unit = nil, ""
	}
	return a
}

// labelOf renders a value for a legend, and gives its number where it is one: a number, a duration, or a list of one.
func labelOf(raw string) (label string, number float64, ok bool) {
	var value any
	if err := json.Unmarshal([]byte(raw), &value); err != nil {
		return "none", 0, false // the key is not there
	}
	if list, is := value.([]any); is && len(list) == 1 {
		value = list[0]
	}
	switch v := value.(type) {
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), v, true
	case string:
		if d, err := time.ParseDuration(v); err == nil {
			return v, float64(d) / float64(time.Millisecond), true
		}
		return v, 0, false
	case bool:
		return strconv.FormatBool(v), 0, false
	}
	return strings.NewReplacer(`"`, "", "{", "", "}", "", "[", "", "]", "").Replace(raw), 0, false
}
