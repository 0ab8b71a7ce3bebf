package experiment

import (
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
)

// command is a micro-test of the measurement function.
type command struct {
	key
	languages []string // that run it
}

// Bounds of arguments, which the functions have, too.
const (
	longestSleep = 3_600_000     // ms
	mostRepeats  = 1_000_000_000 // of cpu and cpuu
	mostRounds   = 10_000
	mostBlocks   = 1_000_000
	mostBlock    = 64 * bytesize.MiB
	mostRound    = bytesize.GiB
)

// commandTable are the micro-tests with their arguments. A user's own function may know others.
func commandTable() []command {
	every, two := []string{"go", "python", "nodejs", "java"}, []string{"go", "python"}
	whole := func(least, most any) rule { return rule{kind: integer, min: least, max: most} }
	repeats := rule{kind: object, fields: []key{{name: "n", rule: whole(0, mostRepeats), required: true}}}
	port := whole(1, 65535)
	return []command{
		{key{name: "sleep_till", rule: rule{kind: number, min: 0, max: 9e12}}, two},
		{key{name: "sleep", rule: rule{kind: number, min: 0, max: longestSleep}}, every},
		{key{name: "stat", rule: rule{kind: object, fields: []key{{name: "argv", rule: rule{kind: integer}}}}}, every},
		{key{name: "io", rule: rule{kind: object, fields: []key{
			{name: "rd", rule: whole(1, mostRounds), required: true},
			{name: "size", rule: rule{kind: text, want: `a size as dd reads it, such as "1kB"`, pattern: sizePattern},
				required: true},
			{name: "cnt", rule: whole(1, mostBlocks), required: true},
		}}}, two},
		{key{name: "net", rule: rule{kind: object, fields: []key{
			{name: "server_ip", rule: rule{kind: text}, required: true}, {name: "port", rule: port}}}}, two},
		{key{name: "cpu", rule: repeats}, every},
		{key{name: "cpuu", rule: repeats}, two},
		{key{name: "udp", rule: rule{kind: object, fields: []key{{name: "address", rule: rule{kind: text}},
			{name: "port", rule: port}, {name: "mode", rule: rule{kind: text}},
			{name: "repetitions", rule: whole(1, 1_000_000)}}}}, two},
	}
}

// Commands lists the micro-tests that the measurement function runs in a language; none: it runs none.
func Commands(language string) (names []string) {
	for _, c := range commandTable() {
		if slices.Contains(c.languages, language) {
			names = append(names, c.name)
		}
	}
	return names
}

const sizePattern = `^[0-9]+` + bytesize.Suffixes + `$`

// setCommands keeps the object as it is in the file; an empty one is none.
func (d *decoder) setCommands(n *node, v reflect.Value) bool {
	if n.kind != objectNode {
		return d.wrong(n, &rule{kind: object})
	}
	if len(n.members) > 0 {
		v.SetBytes(n.raw())
	}
	return true
}

// commands checks the micro-tests of a sub-experiment: whether requests can ask for them, and, of the measurement
// function, their arguments and whether its runtime runs them.
func (c combination) commands() {
	n := c.dr.given["Cmds"]
	if n == nil || n.kind != objectNode || !c.dr.good["Cmds"] || len(n.members) == 0 {
		return
	}
	if c.s.Type != TypeBurst {
		c.refuse([]string{"Cmds", "Type"}, "%s sends no micro-tests of the file; they are for Type %s", c.s.Type,
			TypeBurst)
	}
	if c.s.Protocol == "grpc" {
		c.refuse([]string{"Cmds", "Protocol"}, "they are asked for in JSON, which gRPC does not carry; want another "+
			"Protocol")
	}
	if !IsMeasure(c.s.Function) || c.d.exp.ProviderKind() == KindURL {
		return // what it knows is not known here
	}
	if c.s.Streamed() {
		c.refuse([]string{"Cmds", "InvokeMode"}, "a streamed response has no results of micro-tests; "+
			"want InvokeMode %s", InvokeBuffered)
	}
	table := commandTable()
	keys := make([]key, len(table))
	for i := range table {
		keys[i] = table[i].key
	}
	c.d.unknownKeys(n, keys, nil)
	for _, m := range n.members {
		if k := lookup(keys, m.name); k != nil && c.runs(m.name, m.value) {
			c.d.checkCommand(m.value, &k.rule)
		}
	}
	c.amounts(n)
}

// runs refuses a micro-test that the runtime does not run.
func (c combination) runs(name string, n *node) bool {
	rt, _, err := ResolveRuntime(c.s.Runtime)
	if err != nil || !c.ok("Runtime") {
		return true // that has been said
	}
	known := Commands(rt.Language)
	if slices.Contains(known, name) {
		return true
	}
	what := "no micro-tests"
	if len(known) > 0 {
		what = strings.Join(known, ", ")
	}
	var others []string
	for _, k := range commandTable() {
		if k.name == name {
			others = k.languages
		}
	}
	c.d.problem(n.off, n.path, "the measurement function does not run it in %s (Runtime %s), which runs %s; want a "+
		"Runtime of %s", rt.Language, c.s.Runtime, what, strings.Join(others, ", "))
	return false
}

// amounts refuses what cannot be done in the function's time, or on its disk.
func (c combination) amounts(n *node) {
	if m := n.find("sleep"); m != nil && m.value.kind == numberNode && c.ok("FunctionTimeoutSeconds") {
		ms, err := strconv.ParseFloat(m.value.text, 64)
		limit := float64(c.s.FunctionTimeoutSeconds) * 1000
		if err == nil && ms <= longestSleep && limit > 0 && ms >= limit {
			c.d.problem(m.value.off, m.value.path, "%s ms is no shorter than FunctionTimeoutSeconds, %d: every "+
				"request would be cut off", m.value.text, c.s.FunctionTimeoutSeconds)
		}
	}
	m := n.find("io")
	if m == nil || m.value.kind != objectNode {
		return
	}
	size, count := m.value.find("size"), m.value.find("cnt")
	if size == nil || count == nil || size.value.kind != textNode || count.value.kind != numberNode {
		return
	}
	block, err := bytesize.Parse(size.value.text)
	blocks, wrong := strconv.ParseInt(count.value.text, 10, 32)
	switch {
	case err != nil || wrong != nil:
	case block < 1 || block > mostBlock:
		c.d.problem(size.value.off, size.value.path, "found %q; want 1 byte to %s", size.value.text, mostBlock)
	case blocks <= mostBlocks && block*bytesize.Size(blocks) > mostRound:
		c.d.problem(m.value.off, m.value.path, "%d blocks of %s are over %s, the most of a round", blocks,
			size.value.text, mostRound)
	}
}

func (d *decoder) checkCommand(n *node, r *rule) {
	switch {
	case r.kind == object && n.kind == objectNode:
		d.unknownKeys(n, r.fields, nil)
		for _, m := range n.members {
			if k := lookup(r.fields, m.name); k != nil {
				d.checkCommand(m.value, &k.rule)
			}
		}
		for i := range r.fields {
			if k := &r.fields[i]; k.required && n.find(k.name) == nil && !d.meant[childPath(n.path, k.name)] {
				d.problem(n.off, childPath(n.path, k.name), "missing; want %s", k.allowed())
			}
		}
	case r.kind == object:
		d.wrong(n, r)
	case r.kind == text:
		var s string
		if d.set(n, r, reflect.ValueOf(&s).Elem()) && r.pattern == sizePattern {
			if _, err := bytesize.Parse(s); err != nil {
				d.wrong(n, r)
			}
		}
	case r.kind == integer:
		var i int64
		d.set(n, r, reflect.ValueOf(&i).Elem())
	default:
		var f float64
		d.set(n, r, reflect.ValueOf(&f).Elem())
	}
}
