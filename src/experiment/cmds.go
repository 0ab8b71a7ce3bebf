package experiment

import (
	"reflect"

	"stellar/src/bytesize"
)

// commandRules says what argument each micro-test of the measurement function takes. A user's own function may know
// others: see checkCommands.
func commandRules() []key {
	ms := rule{kind: number, min: 0, max: maxSeconds * 1000}
	unixMs := rule{kind: number, min: 0}
	count := rule{kind: integer, min: 0, max: 1_000_000_000}
	port := rule{kind: integer, min: 1, max: 65535}
	return []key{
		{name: "sleep_till", rule: unixMs},
		{name: "sleep", rule: ms},
		{name: "stat", rule: rule{kind: object, fields: []key{{name: "argv", rule: rule{kind: integer}}}}},
		{name: "io", rule: rule{kind: object, fields: []key{
			{name: "rd", rule: rule{kind: integer, min: 1, max: 1_000_000}},
			{name: "size", rule: rule{kind: text, want: `a size as dd reads it, such as "1kB"`, pattern: sizePattern}},
			{name: "cnt", rule: rule{kind: integer, min: 1, max: 1_000_000_000}},
		}}},
		{name: "net", rule: rule{kind: object, fields: []key{{name: "server_ip", rule: rule{kind: text}},
			{name: "port", rule: port}}}},
		{name: "cpu", rule: rule{kind: object, fields: []key{{name: "n", rule: count}}}},
		{name: "cpuu", rule: rule{kind: object, fields: []key{{name: "n", rule: count}}}},
		{name: "udp", rule: rule{kind: object, fields: []key{{name: "address", rule: rule{kind: text}},
			{name: "port", rule: port},
			{name: "mode", rule: rule{kind: text}}, {name: "repetitions", rule: rule{kind: integer, min: 1,
				max: 1_000_000}}}}},
	}
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

// checkCommands checks the micro-tests against what the measurement function knows.
func (d *decoder) checkCommands(n *node) {
	table := commandRules()
	d.unknownKeys(n, table, nil)
	for _, m := range n.members {
		if k := lookup(table, m.name); k != nil {
			d.checkCommand(m.value, &k.rule)
		}
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
