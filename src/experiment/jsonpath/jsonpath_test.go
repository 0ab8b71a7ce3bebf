package jsonpath

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestFind(t *testing.T) {
	const document = `{"a":{"b":[1,{"c d":"x"}],"n":null},"":3,"big":9007199254740993}`
	for _, c := range []struct{ path, want string }{
		{"$", document},
		{"a.b[0]", "1"},
		{"$.a.b[0]", "1"},
		{`a.b[1]["c d"]`, `"x"`},
		{`$["a"].n`, "null"},
		{`[""]`, "3"},
		{"big", "9007199254740993"},
		{"a.b[2]", ""},
		{"a.c", ""},
		{"a[0]", ""},
		{"a.b.c", ""},
		{"a.n.x", ""},
	} {
		path, err := Parse(c.path)
		if err != nil {
			t.Errorf("%s: %v", c.path, err)
			continue
		}
		value, found, err := path.Find([]byte(document))
		if err != nil || found != (c.want != "") {
			t.Errorf("%s: found %v, error %v", c.path, found, err)
			continue
		}
		if !found {
			continue
		}
		want, _, err := Path(nil).Find([]byte(c.want))
		if err != nil || !Equal(value, want) {
			t.Errorf("%s: %v, want %v (%v)", c.path, value, want, err)
		}
	}
	for _, document := range []string{"", "<html>", `{"a":1} x`} {
		if _, found, err := Path(nil).Find([]byte(document)); err == nil || found {
			t.Errorf("%q: found %v, error %v", document, found, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for path, want := range map[string]string{
		"":       "an empty path",
		"a..b":   "at character 1: want a name",
		".a":     "at character 0: want a dot between",
		"$a":     "at character 1: want a dot between",
		"a[":     "at character 1: want an index",
		"a[-1]":  "at character 1: want an index",
		"a[0]b":  "at character 4: want a dot between",
		`a["b]`:  `at character 1: want ["name"]`,
		"a.":     "at character 1: want a name",
		"a[1.5]": "at character 1: want an index",
	} {
		if _, err := Parse(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", path, err, want)
		}
	}
}

func TestEqual(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"1", "1.0", true}, {"100", "1e2", true}, {"1", "2", false}, {"9007199254740993", "9007199254740992", false},
		{"1e400", "1e400", true}, {"1e999999999", "1e999999998", false}, {`"1"`, "1", false}, {"true", "true", true},
		{`{"a":[1,2]}`, `{"a":[1.0,2]}`, true}, {`{"a":1}`, `{"a":1,"b":2}`, false}, {`{"a":1}`, `{"b":1}`, false},
		{"[1]", "[1,2]", false}, {"[1]", "{}", false}, {"null", "null", true}, {"null", "false", false},
	} {
		a, _, errA := Path(nil).Find([]byte(c.a))
		b, _, errB := Path(nil).Find([]byte(c.b))
		if errA != nil || errB != nil || Equal(a, b) != c.want {
			t.Errorf("%s and %s: want %v (%v, %v)", c.a, c.b, c.want, errA, errB)
		}
	}
	if _, ok := exact(json.Number("1e99999")); ok {
		t.Error("a number with a huge exponent was made exact")
	}
}
