package experiment

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// group is sub-experiments that are compared with each other.
type group struct {
	title string   // what they share; empty: they share none
	subs  []int    // ascending
	swept []string // the keys of their Sweeps
}

// groups divides the sub-experiments by their titles, in the order of their first members. Titles tell a Sweep's keys,
// so that a run's folder is enough to know them.
func (e *Experiment) groups() []group {
	var out []group
	single := group{}
	titles := map[string]int{}
	bases, swept := make([]string, len(e.SubExperiments)), make([][]string, len(e.SubExperiments))
	for i := range e.SubExperiments {
		bases[i], swept[i] = e.baseTitle(i)
		titles[bases[i]]++
	}
	for i, base := range bases {
		if first, repeated := withoutNumber(base); repeated && titles[first] > 0 {
			bases[i] = first
			titles[first]++
		}
	}
	for i, base := range bases {
		if len(swept[i]) == 0 && (titles[base] < 2 || base == "") {
			single.subs = append(single.subs, i)
			continue
		}
		at := slices.IndexFunc(out, func(g group) bool { return g.title == base })
		if at < 0 {
			out = append(out, group{title: base})
			at = len(out) - 1
		}
		out[at].subs = append(out[at].subs, i)
		for _, key := range swept[i] {
			if !slices.Contains(out[at].swept, key) {
				out[at].swept = append(out[at].swept, key)
			}
		}
	}
	return slices.DeleteFunc(append(out, single), func(g group) bool { return len(g.subs) < 2 })
}

// baseTitle is the title of a sub-experiment as the file has it, and the keys of its Sweep. A title that was made up,
// and tells nothing, is empty, or the function's name where a Sweep made several of it.
func (e *Experiment) baseTitle(i int) (base string, swept []string) {
	s := e.SubExperiments[i]
	base = s.Title
	keys := subKeys()
	for at := 0; at < len(s.Title); at++ {
		if s.Title[at] != ',' {
			continue
		}
		name, _, found := strings.Cut(s.Title[at+1:], "=")
		if k := lookup(keys, name); !found || k == nil || k.unswept {
			continue
		}
		if len(swept) == 0 {
			base = s.Title[:at]
		}
		swept = append(swept, name)
	}
	name := cmp.Or(baseName(s.Function), e.ProviderKind())
	if base == fmt.Sprintf("%s-%d", name, i) {
		base = name
		if len(swept) == 0 {
			base = ""
		}
	}
	return base, swept
}

// withoutNumber is a title without the number that tells it from equal ones: x#2.
func withoutNumber(title string) (string, bool) {
	at := strings.LastIndexByte(title, '#')
	if at < 0 || at == len(title)-1 || strings.Trim(title[at+1:], "0123456789") != "" {
		return title, false
	}
	return title[:at], true
}

// follows reports whether a key's default is computed from other keys, so that it may differ without being varied.
func follows(key string) bool {
	return slices.Contains([]string{"Handler", "IATJitterSeconds", "ProviderReport", "Connections", "MaxConnections",
		"Schedule", "Arrivals", "TraceSpacing", "Platform.ImageContract"}, key)
}

// unmeasured reports whether a key says nothing of how a function is called, but how much is measured, or what becomes
// of it.
func unmeasured(key string) bool {
	return slices.Contains([]string{"Title", "Thresholds", "Optimize", "BalancedWeight", "MaxErrorRatio",
		"Visualization", "Bursts", "WarmupBursts", "DurationSeconds"}, key)
}

// axes are the keys that a group varies. values are those of all sub-experiments, by key.
func (g group) axes(values []map[string]json.RawMessage) []Axis {
	columns := g.columns(values)
	if divided := partitions(columns, g.swept); len(g.swept) > 0 && slices.Max(divided) == len(g.subs)-1 {
		columns = slices.DeleteFunc(columns, func(c column) bool { return !c.of(g.swept) })
	}
	type candidate struct {
		column
		division []int
	}
	var all []candidate
	for _, c := range columns {
		if division := partition(c.raw); slices.Max(division) > 0 {
			all = append(all, candidate{c, division})
		}
	}
	var axes []Axis
	var divisions [][]int
	for _, c := range all {
		if follows(c.key) && !c.of(g.swept) && slices.ContainsFunc(all, func(o candidate) bool {
			return !follows(o.key) && coarser(c.division, o.division)
		}) {
			continue
		}
		if same := slices.IndexFunc(divisions, func(d []int) bool { return slices.Equal(d, c.division) }); same >= 0 {
			axes[same].With = append(axes[same].With, c.key)
			continue
		}
		divisions = append(divisions, c.division)
		axes = append(axes, newAxis(c.column, g, len(values)))
	}
	return axes
}

// columns are the keys with their values of the group's members, in the order of the key table.
func (g group) columns(values []map[string]json.RawMessage) (out []column) {
	for _, k := range subKeys() {
		if k.unswept || unmeasured(k.name) && !slices.Contains(g.swept, k.name) {
			continue
		}
		raw := make([]string, len(g.subs))
		for i, sub := range g.subs {
			raw[i] = string(values[sub][k.name])
		}
		out = append(out, members(k.name, raw)...)
	}
	return out
}

// of reports whether a column is that of one of the keys, or of a member of it.
func (c column) of(keys []string) bool {
	return slices.ContainsFunc(keys, func(key string) bool {
		return c.key == key || strings.HasPrefix(c.key, key+".")
	})
}

// partitions divides the members by all columns of some keys together.
func partitions(columns []column, keys []string) []int {
	var joint []string
	for _, c := range columns {
		if joint == nil {
			joint = make([]string, len(c.raw))
		}
		if !c.of(keys) {
			continue
		}
		for i, text := range c.raw {
			joint[i] += text + "\x00"
		}
	}
	return partition(joint)
}

// coarser reports whether a division follows from a finer one: members that the finer one puts together are together.
func coarser(division, finer []int) bool {
	class := map[int]int{}
	for i, f := range finer {
		if c, ok := class[f]; ok && c != division[i] {
			return false
		}
		class[f] = division[i]
	}
	return true
}
