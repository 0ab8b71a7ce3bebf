package experiment

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/experiment/jsonpath"
)

// ownRequestKeys are about requests of the user's own, and about what their function finds in its environment.
func ownRequestKeys() []key {
	return []key{
		{name: "Method", rule: words(http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch,
			http.MethodDelete, http.MethodOptions), computed: "POST with Body, else GET",
			doc: "Method of the requests."},
		{name: "Path", rule: rule{kind: text, want: "a path that begins with / or ?", check: checkPath},
			doc: "Behind the endpoint's own path, with a query where one is needed. ${env:NAME} is a variable of " +
				"the environment, escaped."},
		{name: "Headers", rule: rule{kind: texts, elem: &rule{kind: text, blank: true, check: checkFieldValue},
			check: checkFieldName},
			doc: "Header fields of the requests; ${env:NAME} is a variable of the environment."},
		{name: "Body", rule: rule{kind: bodies},
			doc: "Body of the requests: a text, a JSON object, @ and the path of a file relative to the experiment " +
				"file, or a list of {weight, body} from which each request's is drawn. ${env:NAME} in a text or " +
				"object is a variable of the environment."},
		{name: "Environment", rule: rule{kind: texts, elem: &rule{kind: text, blank: true, check: checkReferences},
			check: checkVariableName},
			doc: "Environment of the deployed function; ${env:NAME} is a variable of this machine's environment, " +
				"which is not written down."},
		{name: "ExpectStatus", rule: rule{kind: statuses, elem: &rule{kind: integer, min: 100, max: 599}},
			doc: "Status, or list of those, that an answer may have; another one is an error of class unexpected."},
		{name: "ExpectBody", rule: rule{kind: answers},
			doc: "Text that the answer's body contains, or {path, value}: the value at a path of a JSON body. " +
				"Another body is an error of class unexpected."},
	}
}

// bodySchema is the schema of Body.
func bodySchema() ordered {
	one := []ordered{{{"type", "string"}}, {{"type", "object"}}}
	item := objectSchema([]key{{name: "weight", required: true, rule: rule{kind: number, min: 0, above: true}},
		{name: "body", required: true, rule: rule{kind: oneBody}}})
	return ordered{{"anyOf", append(one, ordered{{"type", "array"}, {"minItems", 1}, {"items", item}})}}
}

// answerSchema is the schema of ExpectBody.
func answerSchema() ordered {
	return ordered{{"anyOf", []ordered{{{"type", "string"}, {"minLength", 1}},
		{{"type", "object"}, {"additionalProperties", false}, {"required", []string{"path", "value"}},
			{"properties", ordered{{"path", ordered{{"type", "string"}}}, {"value", ordered{}}}}}}}}
}

const (
	bodyWanted   = "a text, a JSON object, @ and the path of a file, or a list of {weight, body}"
	answerWanted = `a text, or {"path": …, "value": …}`
)

// setBody keeps a Body as it stands, once it is one.
func (d *decoder) setBody(n *node, v reflect.Value) bool {
	ok := true
	switch {
	case n.kind == arrayNode && len(n.items) > 0:
		for _, item := range n.items {
			ok = d.weightedBody(item) && ok
		}
	default:
		ok = d.oneBody(n)
	}
	if ok {
		v.SetBytes(n.raw())
	}
	return ok
}

// weightedBody checks one element of a list of bodies.
func (d *decoder) weightedBody(n *node) bool {
	if n.kind != objectNode {
		d.problem(n.off, n.path, "found %s; want {weight, body}", n.found())
		return false
	}
	keys := []key{{name: "weight", rule: rule{kind: number, min: 0, above: true, max: 1_000_000_000}},
		{name: "body", rule: rule{kind: oneBody}}}
	ok := d.unknownKeys(n, keys, nil)
	for _, k := range keys {
		m := n.find(k.name)
		switch {
		case m == nil && d.meant[childPath(n.path, k.name)]:
			ok = false
		case m == nil:
			d.problem(n.off, childPath(n.path, k.name), "missing; want %s", k.allowed())
			ok = false
		case k.name == "body":
			ok = d.oneBody(m.value) && ok
		default:
			var weight float64
			ok = d.set(m.value, &k.rule, reflect.ValueOf(&weight).Elem()) && ok
		}
	}
	return ok
}

// oneBody checks a text or an object that is a body.
func (d *decoder) oneBody(n *node) bool {
	if n.kind != textNode && n.kind != objectNode || n.kind == textNode && (n.text == "" || n.text == fileMark) {
		d.problem(n.off, n.path, "found %s; want %s", n.found(), bodyWanted)
		return false
	}
	if err := checkVariables(string(n.raw())); err != nil {
		d.problem(n.off, n.path, "%s", err)
		return false
	}
	return true
}

// setAnswer keeps an ExpectBody as it stands, once it is one.
func (d *decoder) setAnswer(n *node, v reflect.Value) bool {
	ok := n.kind == textNode && n.text != ""
	if n.kind == objectNode {
		keys := []key{{name: "path"}, {name: "value"}}
		ok = d.unknownKeys(n, keys, nil)
		for _, k := range keys {
			if path := childPath(n.path, k.name); n.find(k.name) == nil && !d.meant[path] {
				d.problem(n.off, path, "missing; want %s", answerWanted)
				ok = false
			}
		}
		if m := n.find("path"); m != nil {
			_, err := jsonpath.Parse(m.value.text)
			if m.value.kind != textNode || err != nil {
				d.problem(m.value.off, m.value.path, "found %s; want a path such as user.roles[0].name%s",
					m.value.found(), behind(": ", err))
				ok = false
			}
		}
	} else if !ok {
		d.problem(n.off, n.path, "found %s; want %s", n.found(), answerWanted)
	}
	if ok {
		v.SetBytes(n.raw())
	}
	return ok
}

// behind is an error's text behind a separator, empty where there is none.
func behind(separator string, err error) string {
	if err == nil {
		return ""
	}
	return separator + err.Error()
}

// setStatuses reads one status, or a list of those.
func (d *decoder) setStatuses(n *node, r *rule, v reflect.Value) bool {
	if n.kind == arrayNode {
		return d.setList(n, r, v)
	}
	var one int
	if !d.set(n, r.elem, reflect.ValueOf(&one).Elem()) {
		return false
	}
	v.Set(reflect.ValueOf([]int{one}))
	return true
}

// setTexts reads an object of texts; the rule's check is for the names, its elem for the values.
func (d *decoder) setTexts(n *node, r *rule, v reflect.Value) bool {
	if n.kind != objectNode {
		return d.wrong(n, r)
	}
	ok, all, folded := true, map[string]string{}, map[string]bool{}
	for _, m := range n.members {
		if _, _, err := r.check(m.name); err != nil {
			d.problem(m.off, m.value.path, "%s", err)
			ok = false
		}
		var value string
		ok = d.set(m.value, r.elem, reflect.ValueOf(&value).Elem()) && ok
		_, twice := all[m.name]
		if name := strings.ToLower(m.name); folded[name] && !twice {
			d.problem(m.off, m.value.path, "differs from another name only in its case")
			ok = false
		} else {
			folded[name] = true
		}
		all[m.name] = value
	}
	if ok && len(all) > 0 {
		v.Set(reflect.ValueOf(all))
	}
	return ok
}

func checkPath(s string) (string, string, error) {
	switch {
	case !strings.HasPrefix(s, "/") && !strings.HasPrefix(s, "?"):
		return "", "", errors.New("want a path that begins with / or ?")
	case strings.Contains(s, "#"):
		return "", "", errors.New("want no #: what comes behind it is never sent; as a character it is %23")
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }):
		return "", "", errors.New("want blanks and characters beyond ASCII escaped, such as %20")
	}
	return s, "", checkVariables(s)
}

// framingFields are header fields that follow from other keys, or from the connection.
func framingFields() []string {
	return []string{"Host", "Connection", "Content-Length", "Transfer-Encoding", "Expect", "Upgrade", "Te",
		"Keep-Alive", "Proxy-Connection", "Trailer"}
}

// ownField begins the names of the header fields by which stellar speaks with its functions.
const ownField = "X-Stellar-"

func checkFieldName(s string) (string, string, error) {
	canonical := http.CanonicalHeaderKey(s)
	token := s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
	})
	switch {
	case !token:
		return "", "", errors.New("want the name of a header field: letters, digits and - (RFC 9110, section 5.1)")
	case slices.Contains(framingFields(), canonical):
		return "", "", fmt.Errorf("%s cannot be set: it belongs to the connection, which the probe keeps", canonical)
	case strings.HasPrefix(canonical, ownField):
		return "", "", fmt.Errorf("names that begin with %s are stellar's own; want another one", ownField)
	}
	return s, "", nil
}

func checkFieldValue(s string) (string, string, error) {
	if strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) ||
		strings.TrimSpace(s) != s {
		return "", "", errors.New("want a value without control characters, and without blanks around it")
	}
	return s, "", checkVariables(s)
}

func checkReferences(s string) (string, string, error) {
	if strings.ContainsRune(s, 0) {
		return "", "", errors.New("want a value without NUL, which no environment can hold")
	}
	return s, "", checkVariables(s)
}

// ownVariable begins the names of the variables by which stellar speaks with its functions.
const ownVariable = "STELLAR_"

func checkVariableName(s string) (string, string, error) {
	switch {
	case !variableName.MatchString(s):
		return "", "", errors.New("want the name of a variable: letters, digits and _, no digit first")
	case strings.HasPrefix(s, ownVariable):
		return "", "", fmt.Errorf("names that begin with %s are stellar's own; want another one", ownVariable)
	}
	return s, "", nil
}

// requests refuses combinations with requests of the user's own.
func (c combination) requests() {
	s := c.s
	own := []string{"Method", "Path", "Headers", "Body", "ExpectStatus", "ExpectBody"}
	given := slices.DeleteFunc(slices.Clone(own), func(k string) bool { return !s.asks(k) })
	if len(given) > 0 && !slices.Contains([]string{TypeBurst, TypeEviction, TypePerfCost}, s.Type) {
		c.refuse(append(given[:1:1], "Type"), "%s makes its requests itself; it is for %s, %s and %s", s.Type,
			TypeBurst, TypeEviction, TypePerfCost)
	}
	if len(given) > 0 && s.Protocol == "grpc" {
		c.refuse(append(given[:1:1], "Protocol"), "over grpc requests are messages of the functions' own; want "+
			"Protocol http1, h2 or h2c")
	}
	if len(s.Body) > 0 && len(s.Cmds) > 0 {
		c.refuse([]string{"Body", "Cmds"}, "Cmds are sent in the body; want one of the two")
	}
	if len(s.Environment) > 0 && c.d.exp.ProviderKind() == KindURL {
		c.refuse([]string{"Environment"}, "nothing is deployed to a URL; want no Environment")
	}
	if s.Invoked() {
		c.event()
	}
	if s.TraceContext {
		c.traceContext()
	}
	c.absoluteBody()
}

// traceContext refuses what has no header fields that a function sees, and a second field of that name.
func (c combination) traceContext() {
	if c.s.Invoked() {
		c.refuse([]string{"TraceContext", "Entry"}, "Invoke passes no header fields on; want TraceContext false, or "+
			"Entry %s or %s", EntryHTTP, EntryURL)
	}
	for name := range c.s.Headers {
		if strings.EqualFold(name, "traceparent") {
			c.refuse([]string{"TraceContext", "Headers"}, "both give requests a field traceparent; want one of the two")
		}
	}
}

// event refuses what an Invoke does not have: it carries an event, which is JSON, and nothing else.
func (c combination) event() {
	for _, k := range []string{"Method", "Path", "Headers"} {
		if c.s.asks(k) {
			c.refuse([]string{k, "Entry"}, "Invoke has an event in the body and nothing else; want no %s, or Entry "+
				"%s or %s", k, EntryHTTP, EntryURL)
		}
	}
	if c.s.Entry == EntryAsync && (c.s.asks("ExpectStatus") || c.s.asks("ExpectBody")) {
		c.refuse([]string{"ExpectBody", "ExpectStatus", "Entry"}, "the answer to an event comes before the function "+
			"has it; want neither ExpectStatus nor ExpectBody, or Entry %s", EntrySDK)
	}
	bodies, err := c.s.Bodies()
	if err != nil || slices.ContainsFunc(bodies, func(b Body) bool { return !b.JSON }) {
		c.refuse([]string{"Body", "Entry"}, "the event of an Invoke is a JSON object; want objects, or Entry %s or %s",
			EntryHTTP, EntryURL)
	}
}

// asks reports whether a key of the user's own requests has a value.
func (s *SubExperiment) asks(key string) bool {
	switch key {
	case "Method":
		return s.Method != ""
	case "Path":
		return s.Path != ""
	case "Headers":
		return len(s.Headers) > 0
	case "Body":
		return len(s.Body) > 0
	case "ExpectStatus":
		return len(s.ExpectStatus) > 0
	}
	return len(s.ExpectBody) > 0
}
