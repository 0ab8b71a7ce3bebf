package experiment

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/vhive-serverless/STeLLAR/src/goldentest"
)

// TestTableFitsTheStructs ties the table of keys to the structs: each key has its field of a fitting type, each field
// its key, each constant default is a value that the key's own rule allows.
func TestTableFitsTheStructs(t *testing.T) {
	for _, c := range []struct {
		keys    []key
		of      reflect.Type
		without []string // read by other means
	}{
		{topKeys(testProviders()), reflect.TypeFor[Experiment](), nil},
		{lookup(topKeys(testProviders()), "Storage").fields, reflect.TypeFor[Storage](), nil},
		{subKeys(), reflect.TypeFor[SubExperiment](), []string{"Sweep"}},
		{platformKeys(), reflect.TypeFor[Platform](), nil},
	} {
		fields := fieldsByKey(c.of)
		for _, k := range c.keys {
			if k.doc == "" {
				t.Errorf("%s.%s is not documented", c.of.Name(), k.name)
			}
			at, is := fields[k.name]
			if !is {
				if !slices.Contains(c.without, k.name) {
					t.Errorf("%s has no field for %s", c.of.Name(), k.name)
				}
				continue
			}
			if got := c.of.FieldByIndex(at).Type; !fits(&k.rule, got) {
				t.Errorf("%s.%s: the field is a %s", c.of.Name(), k.name, got)
			}
			if k.def != nil && reflect.TypeOf(k.def) != c.of.FieldByIndex(at).Type {
				t.Errorf("%s.%s: the default is a %T", c.of.Name(), k.name, k.def)
			}
		}
		for name := range fields {
			if lookup(c.keys, name) == nil {
				t.Errorf("%s.%s is not in the table", c.of.Name(), name)
			}
		}
	}
}

func fits(r *rule, t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch r.kind {
	case boolean:
		return t.Kind() == reflect.Bool
	case integer:
		return t.Kind() == reflect.Int || t.Kind() == reflect.Int64
	case number:
		return t.Kind() == reflect.Float64
	case text:
		return t.Kind() == reflect.String
	case list:
		return t.Kind() == reflect.Slice && fits(r.elem, t.Elem())
	case object:
		return t.Kind() == reflect.Struct
	case limits:
		return t == reflect.TypeFor[Limits]()
	case texts:
		return t == reflect.TypeFor[map[string]string]()
	case statuses:
		return t == reflect.TypeFor[[]int]()
	case commands, bodies, answers:
		return t == reflect.TypeFor[RawObject]()
	case lineItems:
		return t == reflect.TypeFor[[]SubExperiment]()
	}
	return false
}

func TestSchema(t *testing.T) {
	goldentest.CheckFile(t, "testdata/schema.golden", string(Schema(testProviders())))
	var doc map[string]any
	if err := json.Unmarshal(Schema(testProviders()), &doc); err != nil {
		t.Fatal(err)
	}
	if doc["$schema"] != "https://json-schema.org/draft/2020-12/schema" {
		t.Errorf("$schema is %v", doc["$schema"])
	}
	files := publishedFiles(t)
	more, err := filepath.Glob("testdata/defaults/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(files, more...) {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if got := against(t, doc, data); got != "" {
			t.Errorf("%s: %s", f, got)
		}
		l, err := Parse(f, data, testProviders())
		if err != nil {
			t.Fatal(err)
		}
		effective, err := l.Experiment.MarshalEffective()
		if err != nil {
			t.Fatal(err)
		}
		if got := against(t, doc, effective); got != "" {
			t.Errorf("the effective form of %s: %s", f, got)
		}
	}
}

// TestSchemaRefuses holds the schema against the files that the decoder refuses, those aside whose mistake only a
// program can see.
func TestSchemaRefuses(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal(Schema(testProviders()), &doc); err != nil {
		t.Fatal(err)
	}
	beyond := []string{"seed too long", "infinite", "title", "duration", "duration without unit", "negative duration",
		"endless duration",
		"bar at zero", "limit of a ratio", "command", "command's argument", "command's size", "command's port",
		"command's object", "storage", "no provider", "no provider, newer key of a sub-experiment"}
	for name, c := range mistakes {
		if slices.Contains(beyond, name) {
			continue
		}
		if against(t, doc, []byte(c.text)) == "" {
			t.Errorf("%s: the schema lets %s pass", name, c.text)
		}
	}
	if got := against(t, doc, []byte(sub(`"Title": "s", "Sweep": {"Bursts": [1, 2], "PackageType": ["Zip", `+
		`"Docker"], "BurstSizes": [[1]]}`))); got != "" {
		t.Errorf("a sweep: %s", got)
	}
	for _, members := range []string{`"Sweep": {"Title": ["a"]}`, `"Sweep": {"Bursts": []}`, `"Sweep": {"Bursts": [0]}`,
		`"Sweep": {}`} {
		if against(t, doc, []byte(sub(members))) == "" {
			t.Errorf("the schema lets %s pass", members)
		}
	}
}

func against(t *testing.T, doc map[string]any, data []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	return check(doc, doc, v, "")
}

// check is the part of JSON schema that ours uses; a keyword that it does not know is reported, so that none goes
// untested. It says what is wrong, or nothing.
func check(doc, schema map[string]any, v any, path string) string {
	for word, arg := range schema {
		if text := checkWord(doc, schema, word, arg, v, path); text != "" {
			return text
		}
	}
	return ""
}

func checkWord(doc, schema map[string]any, word string, arg, v any, path string) string {
	bad, scalar := brokenScalar(word, arg, v)
	if !scalar {
		var text string
		if bad, text = brokenNested(doc, schema, word, arg, v, path); text != "" {
			return text
		}
	}
	if bad {
		return fmt.Sprintf("%s: %v breaks %s %v", path, v, word, arg)
	}
	return ""
}

// brokenScalar judges the words that look at one value only; known is false for others.
func brokenScalar(word string, arg, v any) (bad, known bool) {
	o, isObject := v.(map[string]any)
	a, isArray := v.([]any)
	n, isNumber := v.(float64)
	s, isText := v.(string)
	switch word {
	case "$schema", "$id", "title", "description", "default", "$defs":
	case "type":
		_, isBool := v.(bool)
		bad = !map[any]bool{"object": isObject, "array": isArray, "string": isText, "boolean": isBool,
			"number": isNumber, "integer": isNumber && n == math.Trunc(n)}[arg]
	case "enum":
		bad = !slices.Contains(arg.([]any), v)
	case "minimum":
		bad = isNumber && n < arg.(float64)
	case "exclusiveMinimum":
		bad = isNumber && n <= arg.(float64)
	case "maximum":
		bad = isNumber && n > arg.(float64)
	case "minLength":
		bad = isText && float64(utf8.RuneCountInString(s)) < arg.(float64)
	case "pattern":
		bad = isText && !regexp.MustCompile(arg.(string)).MatchString(s)
	case "minItems":
		bad = isArray && float64(len(a)) < arg.(float64)
	case "minProperties":
		bad = isObject && float64(len(o)) < arg.(float64)
	case "uniqueItems":
		for i := range a {
			bad = bad || slices.ContainsFunc(a[:i], func(b any) bool { return reflect.DeepEqual(a[i], b) })
		}
	case "required":
		for _, k := range arg.([]any) {
			_, is := o[k.(string)]
			bad = bad || !is
		}
	default:
		return false, false
	}
	return bad, true
}

// brokenNested judges the words that lead to other schemas; the text is what an inner one says.
func brokenNested(doc, schema map[string]any, word string, arg, v any, path string) (bad bool, text string) {
	o, _ := v.(map[string]any)
	a, _ := v.([]any)
	switch word {
	case "$ref":
		target := doc["$defs"].(map[string]any)[strings.TrimPrefix(arg.(string), "#/$defs/")]
		return false, check(doc, target.(map[string]any), v, path)
	case "anyOf":
		return !slices.ContainsFunc(arg.([]any), func(one any) bool {
			return check(doc, one.(map[string]any), v,
				path) == ""
		}), ""
	case "items":
		for i, item := range a {
			if text := check(doc, arg.(map[string]any), item, fmt.Sprintf("%s[%d]", path, i)); text != "" {
				return false, text
			}
		}
	case "additionalProperties":
		properties, _ := schema["properties"].(map[string]any)
		for k := range o {
			if _, is := properties[k]; is {
				continue
			}
			others, allowed := arg.(map[string]any)
			if bad = bad || !allowed; allowed {
				if text := check(doc, others, o[k], path+"."+k); text != "" {
					return false, text
				}
			}
		}
	case "properties":
		for k, one := range arg.(map[string]any) {
			if member, is := o[k]; is {
				if text := check(doc, one.(map[string]any), member, path+"."+k); text != "" {
					return false, text
				}
			}
		}
	default:
		return false, "the schema uses " + word + ", which this test does not know"
	}
	return bad, ""
}
