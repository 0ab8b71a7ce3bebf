package experiment

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// decoder turns nodes into typed values by the rules of the table, and says what is wrong with those that do not fit.
type decoder struct {
	*findings
	exp    *Experiment
	keys   []key // of sub-experiments
	fields map[reflect.Type]map[string][]int
	meant  map[string]bool // paths of keys that a misspelt one beside them stands for
	old    bool            // a file of the published form
	traces *traceFiles     // nil: traces are not read
	known  []Provider      // that the file may name

	elsewhere map[string]string // keys of other levels, for sub-experiments; made by the first one
	drafts    []*draft          // of the sub-experiments, in their order
	whole     bool              // the provider is known, without which sub-experiments cannot be judged

	standing bool   // its functions are those of an endpoints file
	replace  string // the provider in place of the file's; empty: none
	runtime  bool   // the file names one for its sub-experiments

	replaced  map[string]string                     // see Loaded
	runtimeOf func(function string) (id, by string) // see Reading
}

func newDecoder(src *source) *decoder {
	return &decoder{findings: newFindings(src), exp: &Experiment{}, keys: subKeys(),
		fields: map[reflect.Type]map[string][]int{}, meant: map[string]bool{},
		replaced: map[string]string{}}
}

// fieldsOf is fieldsByKey, worked out once a type: an expanded sweep asks for it thousands of times.
func (d *decoder) fieldsOf(t reflect.Type) map[string][]int {
	if d.fields[t] == nil {
		d.fields[t] = fieldsByKey(t)
	}
	return d.fields[t]
}

// setObject reads an object's members into the struct's fields by the table and reports which keys were read well.
// Sweep and SubExperiments are read elsewhere.
func (d *decoder) setObject(members []member, keys []key, into reflect.Value) (good map[string]bool) {
	good = map[string]bool{}
	fields := d.fieldsOf(into.Type())
	for _, m := range members {
		k := lookup(keys, m.name)
		if k == nil || k.kind == sweep || k.kind == lineItems {
			continue // reported by unknownKeys, or read elsewhere
		}
		if at, is := fields[k.name]; is {
			good[k.name] = d.set(m.value, &k.rule, into.FieldByIndex(at))
		}
	}
	return good
}

// fieldsByKey maps the keys of a struct's json tags to its fields, those of embedded structs included.
func fieldsByKey(t reflect.Type) map[string][]int {
	fields := map[string][]int{}
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			fields[name] = f.Index
		}
	}
	return fields
}

// setDefaults fills in the constant defaults of keys that were not read.
func (d *decoder) setDefaults(keys []key, read map[string]bool, into reflect.Value) {
	fields := d.fieldsOf(into.Type())
	for _, k := range keys {
		if k.def != nil && !read[k.name] {
			into.FieldByIndex(fields[k.name]).Set(reflect.ValueOf(copied(k.def)))
		}
	}
}

// copied makes a default that is a slice the sub-experiment's own.
func copied(def any) any {
	switch v := def.(type) {
	case []int:
		return slices.Clone(v)
	case []string:
		return slices.Clone(v)
	}
	return def
}

// set reads one value; false where it was not allowed, which has then been reported. A value that was not allowed once
// is not read again: the combinations of a sweep share their nodes.
func (d *decoder) set(n *node, r *rule, v reflect.Value) bool {
	if n.bad {
		return false
	}
	ok := d.setValue(n, r, v)
	n.bad = !ok
	return ok
}

func (d *decoder) setValue(n *node, r *rule, v reflect.Value) bool {
	if v.Kind() == reflect.Pointer {
		fresh := reflect.New(v.Type().Elem())
		ok := d.set(n, r, fresh.Elem())
		if ok {
			v.Set(fresh)
		}
		return ok
	}
	switch r.kind {
	case boolean:
		if n.kind != boolNode {
			return d.wrong(n, r)
		}
		v.SetBool(n.truth)
		return true
	case integer:
		return d.setInteger(n, r, v)
	case number:
		return d.setNumber(n, r, v)
	case text:
		return d.setText(n, r, v)
	case list:
		return d.setList(n, r, v)
	case object:
		return d.setStruct(n, r, v)
	case limits:
		return d.setLimits(n, r, v)
	case texts:
		return d.setTexts(n, r, v)
	case bodies:
		return d.setBody(n, v)
	case statuses:
		return d.setStatuses(n, r, v)
	case answers:
		return d.setAnswer(n, v)
	default:
		return d.setCommands(n, v)
	}
}

func (d *decoder) wrong(n *node, r *rule) bool {
	want := r.allowed()
	if n.kind == numberNode && (r.kind == integer || r.kind == number) {
		want = r.allowedInstead(n.text)
	}
	d.problem(n.off, n.path, "found %s; want %s", n.found(), want)
	return false
}

func (d *decoder) setInteger(n *node, r *rule, v reflect.Value) bool {
	if n.kind != numberNode {
		return d.wrong(n, r)
	}
	i, err := strconv.ParseInt(n.text, 10, v.Type().Bits())
	if err != nil || !r.within(float64(i)) {
		return d.wrong(n, r)
	}
	v.SetInt(i)
	return true
}

func (d *decoder) setNumber(n *node, r *rule, v reflect.Value) bool {
	if n.kind != numberNode {
		return d.wrong(n, r)
	}
	f, err := strconv.ParseFloat(n.text, 64)
	if err != nil || !r.within(f) {
		return d.wrong(n, r)
	}
	v.SetFloat(f + 0) // + 0 makes -0 the plain 0
	return true
}

func (d *decoder) setText(n *node, r *rule, v reflect.Value) bool {
	if n.kind != textNode || n.text == "" && !r.blank {
		return d.wrong(n, r)
	}
	s := n.text
	switch {
	case r.check != nil:
		value, note, err := r.check(s)
		if err != nil {
			d.problem(n.off, n.path, "found %s; %s", n.found(), err)
			return false
		}
		if note != "" {
			d.note(n.off, n.path, "%s", note)
		}
		if note != "" && r.runtime {
			d.replaced[value] = note
		}
		s = value
	case r.synonyms[s] != "":
		s = r.synonyms[s]
	case r.enum != nil && !slices.Contains(r.enum, s):
		d.problem(n.off, n.path, "found %s; want %s%s", n.found(), r.allowed(), fail.DidYouMean(s, r.enum))
		return false
	}
	v.SetString(s)
	return true
}

func (d *decoder) setList(n *node, r *rule, v reflect.Value) bool {
	if n.kind != arrayNode || len(n.items) == 0 {
		return d.wrong(n, r)
	}
	values, ok := reflect.MakeSlice(v.Type(), len(n.items), len(n.items)), true
	for i, item := range n.items {
		ok = d.set(item, r.elem, values.Index(i)) && ok
	}
	if ok {
		v.Set(values)
	}
	return ok
}

func (d *decoder) setStruct(n *node, r *rule, v reflect.Value) bool {
	if n.kind != objectNode {
		return d.wrong(n, r)
	}
	ok := d.unknownKeys(n, r.fields, nil)
	good := d.setObject(n.members, r.fields, v)
	d.setDefaults(r.fields, good, v)
	for _, g := range good {
		ok = ok && g
	}
	return ok
}

func (d *decoder) setLimits(n *node, r *rule, v reflect.Value) bool {
	if n.kind != objectNode {
		return d.wrong(n, r)
	}
	ok, all := true, Limits{}
	for _, m := range n.members {
		if !slices.Contains(r.enum, m.name) {
			d.problem(m.off, m.value.path, "unknown metric; want one of %s%s", strings.Join(r.enum, ", "),
				fail.DidYouMean(m.name, r.enum))
			ok = false
			continue
		}
		bound := rule{kind: number, min: 0}
		if m.name == "error_ratio" {
			bound.max = 1
		}
		var f float64
		ok = d.set(m.value, &bound, reflect.ValueOf(&f).Elem()) && ok
		all[m.name] = f
	}
	if ok && len(all) > 0 {
		v.Set(reflect.ValueOf(all))
	}
	return ok
}

// unknownKeys reports keys that the table does not have; elsewhere names keys that stand on another level of the file.
func (d *decoder) unknownKeys(n *node, keys []key, elsewhere map[string]string) bool {
	ok, known := true, names(keys)
	for _, m := range n.members {
		if lookup(keys, m.name) != nil {
			continue
		}
		ok = false
		if where := elsewhere[m.name]; where != "" {
			d.problem(m.off, m.value.path, "%s", where)
			continue
		}
		advice := ""
		if w := fail.Nearest(m.name, known); w != "" {
			d.meant[childPath(n.path, w)] = true
			advice = `; did you mean "` + w + `"?`
		} else if len(keys) < 10 {
			advice = "; want one of " + strings.Join(known, ", ")
		}
		d.problem(m.off, m.value.path, "unknown key%s", advice)
	}
	return ok
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// raw renders a node as the raw JSON that is kept.
func (n *node) raw() json.RawMessage {
	var b strings.Builder
	n.canonical(&b)
	return json.RawMessage(b.String())
}
