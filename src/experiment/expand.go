package experiment

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"strconv"
	"strings"
)

// maxExpanded bounds the sub-experiments of a file, sweeps expanded.
const maxExpanded = 10_000

// longestValue is how many characters of a swept value stand in a title: a Body can be long.
const longestValue = 120

// draft is a sub-experiment on its way from the file: what was given, its position, what of it is valid.
type draft struct {
	sub   SubExperiment
	at    *node // its object
	given map[string]*node
	good  map[string]bool
}

// axis is one key of a Sweep with its values.
type axis struct {
	key    string
	values []*node
}

// expand reads one object of SubExperiments and appends its sub-experiments. Sub-experiments keep the file's order;
// those of a sweep take its position, ordered like the digits of a number: the Sweep's first key changes slowest,
// its last fastest, values in the order of their arrays. Title and combination checks come after the expansion, so a
// combination that cannot be is an error wherever in the product it lies.
func (d *decoder) expand(item *node) {
	if item.kind != objectNode {
		d.problem(item.off, item.path, "found %s; want an object", item.found())
		return
	}
	if d.elsewhere == nil {
		d.elsewhere = misplaced(topKeys(d.known), d.keys, "belongs at the top of the file, not into a sub-experiment")
		maps.Copy(d.elsewhere, misplaced(platformKeys(), d.keys, "belongs into Platform"))
	}
	d.unknownKeys(item, d.keys, d.elsewhere)
	var axes []axis
	if m := item.find("Sweep"); m != nil {
		var ok bool
		if axes, ok = d.axes(m.value, item); !ok {
			d.alone(item, axes)
			return
		}
	}
	count := 1
	for _, a := range axes {
		if count *= len(a.values); count > maxExpanded {
			break
		}
	}
	if len(d.exp.SubExperiments)+count > maxExpanded {
		at := item
		if len(axes) > 0 {
			at = item.find("Sweep").value
		}
		d.problem(at.off, at.path, "the file expands to over %d sub-experiments; want fewer", maxExpanded)
		d.alone(item, axes)
		return
	}
	titles := map[string]int{}
	for n := range count {
		d.one(item, axes, n, titles)
	}
}

// one reads the n-th combination.
func (d *decoder) one(item *node, axes []axis, n int, titles map[string]int) {
	swept := map[string]bool{}
	picked, label := make([]member, len(axes)), make([]string, len(axes))
	for i := len(axes) - 1; i >= 0; i-- {
		a := axes[i]
		v := a.values[n%len(a.values)]
		n /= len(a.values)
		swept[a.key] = true
		picked[i] = member{a.key, v.off, v}
		label[i] = "," + a.key + "=" + shorten(v.label(), longestValue)
	}
	members := make([]member, 0, len(item.members)+len(picked))
	for _, m := range item.members {
		if !swept[m.name] {
			members = append(members, m)
		}
	}
	members = append(members, picked...)

	dr := &draft{at: item, given: map[string]*node{}}
	for _, m := range members {
		dr.given[m.name] = m.value
	}
	dr.good = d.setObject(members, d.keys, reflect.ValueOf(&dr.sub).Elem())
	d.fill(dr)
	if !dr.good["Title"] {
		dr.sub.Title = fmt.Sprintf("%s-%d", cmp.Or(baseName(dr.sub.Function), d.exp.ProviderKind()),
			len(d.exp.SubExperiments))
	}
	dr.sub.Title += strings.Join(label, "")
	if titles[dr.sub.Title]++; titles[dr.sub.Title] > 1 {
		dr.sub.Title += "#" + strconv.Itoa(titles[dr.sub.Title])
	}
	d.validate(dr)
	d.warnOne(dr)
	d.exp.SubExperiments = append(d.exp.SubExperiments, dr.sub)
	d.drafts = append(d.drafts, dr)
}

// axes reads a Sweep. The values themselves are read, and checked, like those of ordinary keys when their combination's
// turn comes.
func (d *decoder) axes(n *node, item *node) ([]axis, bool) {
	if n.kind != objectNode || len(n.members) == 0 {
		d.problem(n.off, n.path, "found %s; want an object with one or more keys, each with an array of values",
			n.found())
		return nil, false
	}
	var axes []axis
	ok := d.unknownKeys(n, d.keys, misplaced(topKeys(d.known), d.keys, "belongs to the whole file and cannot be swept"))
	for _, m := range n.members {
		k := lookup(d.keys, m.name)
		switch {
		case k == nil:
			continue
		case k.unswept:
			d.problem(m.off, m.value.path, "%s cannot be swept", m.name)
			ok = false
			continue
		case m.value.kind != arrayNode || len(m.value.items) == 0:
			d.problem(m.value.off, m.value.path, "found %s; want an array of one or more values of %s", m.value.found(),
				m.name)
			ok = false
			continue
		}
		if base := item.find(m.name); base != nil {
			d.note(base.off, base.value.path, "is also in Sweep, whose values are used")
		}
		ok = d.distinct(m.value) && ok
		axes = append(axes, axis{m.name, m.value.items})
		for _, v := range m.value.items {
			v.swept = true
		}
	}
	return axes, ok
}

// alone reads each value by itself where the product cannot be made, so that its errors are found all the same.
func (d *decoder) alone(item *node, axes []axis) {
	var scratch SubExperiment
	d.setObject(item.members, d.keys, reflect.ValueOf(&scratch).Elem())
	for _, a := range axes {
		for _, v := range a.values {
			d.setObject([]member{{a.key, v.off, v}}, d.keys, reflect.ValueOf(&scratch).Elem())
		}
	}
}

// distinct reports values that stand twice: they would give two sub-experiments of the same name.
func (d *decoder) distinct(values *node) bool {
	seen, ok := map[string]bool{}, true
	for _, v := range values.items {
		text := string(v.raw())
		if seen[text] {
			d.problem(v.off, v.path, "%s is in the sweep twice", shorten(text, 40))
			ok = false
		}
		seen[text] = true
	}
	return ok
}

// label renders a value for a title: bare words and numbers, array elements joined by +, object members by ;.
func (n *node) label() string {
	var parts []string
	switch n.kind {
	case textNode:
		return printable(n.text)
	case arrayNode:
		for _, item := range n.items {
			parts = append(parts, item.label())
		}
		return strings.Join(parts, "+")
	case objectNode:
		if len(n.members) == 0 {
			return "{}"
		}
		for _, m := range n.members {
			parts = append(parts, printable(m.name)+":"+m.value.label())
		}
		return strings.Join(parts, ";")
	}
	return string(n.raw())
}

// printable keeps a title on one line.
func printable(s string) string {
	if strings.IndexFunc(s, isControl) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, s)
}

// baseName is the last part of a path, whichever way its slashes lean.
func baseName(function string) string {
	trimmed := strings.TrimRight(function, `/\`)
	return printable(trimmed[strings.LastIndexAny(trimmed, `/\`)+1:])
}
