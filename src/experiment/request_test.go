package experiment

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestOwnRequests(t *testing.T) {
	for name, c := range map[string]struct{ members, want string }{
		"all": {`"Bursts": 1, "Method": "PUT", "Path": "/a/${env:P}?b=1", "Headers": {"X-Key": "Bearer ${env:K}"}, ` +
			`"Body": {"n": 1.50, "s": "${env:S}"}, "Environment": {"A_B": "x${env:E}"}, "ExpectStatus": 201, ` +
			`"ExpectBody": {"path": "a[0]", "value": 1}`, ""},
		"weights": {`"Bursts": 1, "Body": [{"weight": 5, "body": "@a.bin"}, {"weight": 0.5, "body": {"a": []}}], ` +
			`"ExpectStatus": [200, 404], "ExpectBody": "ok"`, ""},
		"swept":     {`"Bursts": 1, "Sweep": {"Body": ["a", {"b": 1}], "Path": ["/x", "?y"]}`, ""},
		"method":    {`"Bursts": 1, "Method": "post"`, `.Method: found "post" (string); want one of GET, POST`},
		"path":      {`"Bursts": 1, "Path": "a"`, `.Path: found "a" (string); want a path that begins with / or ?`},
		"fragment":  {`"Bursts": 1, "Path": "/a#b"`, `want no #`},
		"blank":     {`"Bursts": 1, "Path": "/a b"`, `want blanks and characters beyond ASCII escaped`},
		"reference": {`"Bursts": 1, "Path": "/${env:A-B}"`, `want ${env:NAME}`},
		"open reference": {`"Bursts": 1, "Body": {"a": "${env:AB"}`,
			`.Body: "${env:" begins the name of an environment variable`},
		"field's name":  {`"Bursts": 1, "Headers": {"X Key": "1"}`, `.Headers["X Key"]: want the name of a header field`},
		"field's value": {`"Bursts": 1, "Headers": {"X-Key": "1\n2"}`, `want a value without control characters`},
		"number":        {`"Bursts": 1, "Headers": {"X-Key": 1}`, `.Headers.X-Key: found 1 (number); want text`},
		"host":          {`"Bursts": 1, "Headers": {"host": "h"}`, `Host cannot be set: it belongs to the connection`},
		"a trace":       {`"Bursts": 1, "TraceContext": true, "Headers": {"X-Key": "1"}`, ""},
		"two traces":    {`"Bursts": 1, "TraceContext": true, "Headers": {"Traceparent": "1"}`, `want one of the two`},
		"event's trace": {`"Bursts": 1, "TraceContext": true, "Entry": "sdk"`, `Invoke passes no header fields on`},
		"token":         {`"Bursts": 1, "Headers": {"x-stellar-token": "h"}`, `names that begin with X-Stellar- are`},
		"twice":         {`"Bursts": 1, "Headers": {"A": "h", "a": "g"}`, `.Headers.a: differs from another name only`},
		"headers":       {`"Bursts": 1, "Headers": ["a"]`, `.Headers: found an array of 1; want an object whose values`},
		"no body":       {`"Bursts": 1, "Body": ""`, `.Body: found "" (string); want a text, a JSON object, @ and`},
		"no file":       {`"Bursts": 1, "Body": "@"`, `.Body: found "@" (string); want a text`},
		"number body":   {`"Bursts": 1, "Body": 5`, `.Body: found 5 (number); want a text`},
		"empty list":    {`"Bursts": 1, "Body": []`, `.Body: found an array of 0; want a text`},
		"bare list":     {`"Bursts": 1, "Body": ["a"]`, `.Body[0]: found "a" (string); want {weight, body}`},
		"no weight":     {`"Bursts": 1, "Body": [{"body": "a"}]`, `.Body[0].weight: missing; want a number > 0`},
		"weight 0":      {`"Bursts": 1, "Body": [{"weight": 0, "body": "a"}]`, `.Body[0].weight: found 0 (number)`},
		"misspelt":      {`"Bursts": 1, "Body": [{"weigth": 1, "body": "a"}]`, `did you mean "weight"?`},
		"nested":        {`"Bursts": 1, "Body": [{"weight": 1, "body": []}]`, `.Body[0].body: found an array of 0`},
		"variable":      {`"Bursts": 1, "Environment": {"1A": "x"}`, `.Environment.1A: want the name of a variable`},
		"own variable":  {`"Bursts": 1, "Environment": {"STELLAR_X": "x"}`, `names that begin with STELLAR_ are`},
		"status":        {`"Bursts": 1, "ExpectStatus": 99`, `.ExpectStatus: found 99 (number); want an integer from`},
		"statuses":      {`"Bursts": 1, "ExpectStatus": [200, 600]`, `.ExpectStatus[1]: found 600 (number)`},
		"no answer":     {`"Bursts": 1, "ExpectBody": ""`, `.ExpectBody: found "" (string); want a text, or {"path"`},
		"no value":      {`"Bursts": 1, "ExpectBody": {"path": "a"}`, `.ExpectBody.value: missing`},
		"bad path": {`"Bursts": 1, "ExpectBody": {"path": "a[x]", "value": 1}`,
			`.ExpectBody.path: found "a[x]" (string); want a path such as user.roles[0].name: at character 1`},
		"event": {`"Bursts": 1, "Entry": "sdk", "Body": [{"weight": 1, "body": {"a": 1}}]`, ""},
		"path of an event": {`"Bursts": 1, "Entry": "sdk", "Path": "/a"`,
			`.Path: Invoke has an event in the body and nothing else; want no Path, or Entry http-api or url`},
		"answer of an event": {`"Bursts": 1, "Entry": "sdk-async", "ExpectBody": "a"`,
			`.ExpectBody: the answer to an event comes before the function has it`},
		"text as event": {`"Bursts": 1, "Entry": "sdk", "Body": "a"`, `.Body: the event of an Invoke is a JSON object`},
		"of a chain": {`"Bursts": 1, "DataTransferChainLength": 2, "Path": "/a"`,
			`.Path: data-transfer makes its requests itself; it is for burst, eviction and perf-cost`},
	} {
		t.Run(name, func(t *testing.T) {
			got := problems(t, sub(c.members))
			switch {
			case c.want == "" && len(got) > 0:
				t.Errorf("want no problem, got %q", got)
			case c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)):
				t.Errorf("got %q\nwant one with %q", got, c.want)
			}
			if c.want == "" {
				roundTrip(t, mustParse(t, sub(c.members)))
			}
		})
	}
}

func TestBodies(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"a.bin": "x", "f.json": `{"Provider": "local", "SubExperiments": [
		{"Bursts": 1, "Body": {"b" : 1.50, "a": "${env:S}\u00e9"}},
		{"Bursts": 1, "Body": "@@at"},
		{"Bursts": 1, "Body": [{"weight": 1, "body": "@a.bin"}, {"weight": 2, "body": "plain"}]},
		{"Bursts": 1, "Method": "GET", "Body": "@a.bin"},
		{"Bursts": 1}]}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	l, err := Load(filepath.Join(dir, "f.json"), testProviders())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "a.bin")
	for i, want := range []struct {
		method string
		bodies []Body
	}{
		{"POST", []Body{{Weight: 1, Text: `{"b":1.50,"a":"${env:S}é"}`, JSON: true}}},
		{"POST", []Body{{Weight: 1, Text: "@at"}}},
		{"POST", []Body{{Weight: 1, File: file}, {Weight: 2, Text: "plain"}}},
		{"GET", []Body{{Weight: 1, File: file}}},
		{"GET", nil},
	} {
		s := &l.Experiment.SubExperiments[i]
		bodies, err := s.Bodies()
		if err != nil || !reflect.DeepEqual(bodies, want.bodies) || s.RequestMethod() != want.method {
			t.Errorf("%d: %s %+v, %v; want %+v", i, s.RequestMethod(), bodies, err, want)
		}
	}
	// Read again, from another folder, it is the same.
	text, err := l.Experiment.MarshalEffective()
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "g.json")
	if err := os.WriteFile(elsewhere, text, 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := Load(elsewhere, testProviders())
	if err != nil || !reflect.DeepEqual(again.Experiment, l.Experiment) {
		t.Errorf("read again: %+v, %v", again, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	_, err = Load(elsewhere, testProviders())
	if err == nil || strings.Count(err.Error(), "no such file") != 2 ||
		!strings.Contains(err.Error(), "SubExperiments[2].Body[0].body: found") {
		t.Errorf("without its file: %v", err)
	}
}

func TestVariables(t *testing.T) {
	s := mustParse(t, sub(`"Bursts": 1, "Path": "/${env:A}/${env:A}", "Headers": {"H": "${env:B}"}, `+
		`"Body": {"x": "${env:C}", "y": "${env:A}"}, "Environment": {"V": "${env:D}${env:E}"}`)).
		Experiment.SubExperiments[0]
	got := fmt.Sprint(s.RequestVariables(), s.EnvironmentVariables())
	if got != "[{Path A} {Headers B} {Body C} {Body A}] [{Environment D} {Environment E}]" {
		t.Errorf("variables %s", got)
	}
	value := func(name string) string { return "<" + name + "${env:Z}>" }
	for text, want := range map[string]string{"": "", "a": "a", "${env:A}": "<A${env:Z}>",
		"x${env:A}y${env:B}z$": "x<A${env:Z}>y<B${env:Z}>z$"} {
		if got := Expand(text, value); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
	}
}

func TestExpectation(t *testing.T) {
	for _, c := range []struct {
		members string
		status  int
		body    string
		want    string
	}{
		{`"ExpectStatus": 404`, 404, "", ""},
		{`"ExpectStatus": [200, 201]`, 404, "", "status 404, expected 200 201"},
		{`"ExpectBody": "b c"`, 500, "a b c d", ""},
		{`"ExpectBody": "b c"`, 200, "a b  c", `the body does not contain "b c"`},
		{`"ExpectBody": {"path": "a.b", "value": {"c": 1}}`, 200, `{"a": {"b": {"c": 1.0}}}`, ""},
		{`"ExpectBody": {"path": "a.b", "value": 2}`, 200, `{"a": {"b": 1}}`, "another value at a.b"},
		{`"ExpectBody": {"path": "a.b", "value": null}`, 200, `{"a": {}}`, "nothing at a.b"},
		{`"ExpectBody": {"path": "$", "value": null}`, 200, `<html>`, "the body is no JSON"},
		{`"WarmupBursts": 0`, 500, "", ""},
	} {
		s := mustParse(t, sub(`"Bursts": 1, `+c.members)).Experiment.SubExperiments[0]
		e, err := s.Expectation()
		if err != nil {
			t.Fatal(err)
		}
		why := e.Met(c.status, []byte(c.body))
		if (why == nil) != (c.want == "") || why != nil && !strings.Contains(why.Error(), c.want) {
			t.Errorf("%s, status %d, %s: %v; want %q", c.members, c.status, c.body, why, c.want)
		}
		if e.Any() != strings.HasPrefix(c.members, `"Warm`) {
			t.Errorf("%s: any is %v", c.members, e.Any())
		}
	}
}
