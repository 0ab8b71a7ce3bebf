package experiment

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// sub wraps the members of one sub-experiment into a file.
func sub(members string) string {
	return `{"Provider": "local", "SubExperiments": [{` + members + `}]}`
}

// problems lists the problems of a text, one a line.
func problems(t *testing.T, text string) []string {
	t.Helper()
	_, err := Parse("f.json", []byte(text), testProviders())
	if err == nil {
		return nil
	}
	var all *Problems
	if !errors.As(err, &all) || fail.Code(err) != fail.CodeInput {
		t.Fatalf("want *Problems with exit code 2, got %v (exit code %d)", err, fail.Code(err))
	}
	var lines []string
	for _, p := range all.List {
		lines = append(lines, p.String())
	}
	return lines
}

func TestSyntax(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"empty":            {"", `f.json:1:1: the file is empty`},
		"blank":            {" \n\t", `f.json:1:1: the file is empty`},
		"only a BOM":       {"\uFEFF", `f.json:1:1: the file is empty`},
		"UTF-16":           {"\xff\xfe{\x00}\x00", `f.json:1:1: the file is UTF-16; save it as UTF-8`},
		"unclosed":         {"{\n \"Provider\": \"aws\"\n\n", `f.json:2:19: the file ends in the middle of a value`},
		"trailing garbage": {"{}\nx", `f.json:2:1: not JSON: invalid character 'x' after top-level value`},
		"second value":     {"{} {}", `f.json:1:4: not JSON: invalid character '{' after top-level value`},
		"trailing comma": {"{\"Sequential\": true,\n}", `f.json:2:1: not JSON: invalid character '}' looking for ` +
			`beginning of object key string; remove the comma before it`},
		"missing comma": {`{"Sequential": true "Provider": "aws"}`,
			`f.json:1:21: not JSON: invalid character '"' after object key:value pair; a comma is missing before it`},
		"comment": {"{ // why\n}", `f.json:1:3: not JSON: invalid character '/' looking for beginning of ` +
			`object key string; JSON has no comments`},
		"single quotes": {`{'Provider': 1}`, `f.json:1:2: not JSON: invalid character '\'' looking for beginning ` +
			`of object key string; JSON wants double quotes`},
		"Python's True": {`{"Sequential": True}`, `f.json:1:16: not JSON: invalid character 'T' looking for ` +
			`beginning of value; JSON writes true and false`},
		"line break": {"{\"Provider\": \"a\nb\"}", `f.json:1:16: not JSON: invalid character '\n' in string ` +
			`literal; a string ends on the line it begins on`},
		"characters": {"\uFEFF{\"ü€𝄞\": x}", `f.json:1:9: not JSON: invalid character 'x' looking for ` +
			`beginning of value`},
		"deep":              {strings.Repeat("[", 100) + strings.Repeat("]", 100), `nested deeper than 64 levels`},
		"very deep":         {strings.Repeat("[", 100_000), `exceeded max depth`},
		"not an object":     {`[1, 2]`, `f.json:1:1: found an array of 2; want an object with "SubExperiments"`},
		"no object at all":  {`null`, `f.json:1:1: found null; want an object`},
		"no subexperiments": {`{}`, `f.json:1:1: SubExperiments: missing; want an array of one or more`},
	} {
		t.Run(name, func(t *testing.T) {
			got := problems(t, c.text)
			if len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Errorf("got %q\nwant one with %q", got, c.want)
			}
		})
	}
}

// mistakes are files with one mistake each and the whole line that says it.
var mistakes = map[string]struct{ text, want string }{
	"no sub-experiment": {`{"SubExperiments": []}`, `f.json:1:20: SubExperiments: found an array of 0; want an ` +
		`array of one or more sub-experiments`},
	"misspelt list": {`{"SubExperiment": [{"Bursts": 1}]}`, `f.json:1:2: SubExperiment: unknown key; did you ` +
		`mean "SubExperiments"?`},
	"not an object": {`{"SubExperiments": [3]}`, `f.json:1:21: SubExperiments[0]: found 3 (number); want an ` +
		`object`},
	"null": {sub(`"Bursts": null`), `f.json:1:53: SubExperiments[0].Bursts: found null; want an ` +
		`integer >= 1`},
	"Bursts missing": {sub(`"Title": "x"`), `f.json:1:42: SubExperiments[0].Bursts: missing; want an integer ` +
		`>= 1`},
	"case of a key": {sub(`"bursts": 1`), `f.json:1:43: SubExperiments[0].bursts: unknown key; did you mean ` +
		`"Bursts"?`},
	"strange key": {sub(`"Bursts": 1, "wholly else!": 1`), `f.json:1:56: SubExperiments[0]["wholly ` +
		`else!"]: unknown key`},
	"key of the file": {sub(`"Bursts": 1, "Sequential": true`), `f.json:1:56: SubExperiments[0].Sequential: ` +
		`belongs at the top of the file, not into a sub-experiment`},
	"key of a sub": {`{"Bursts": 1, "SubExperiments": [{"Bursts": 1}]}`,
		`f.json:1:2: Bursts: belongs into a sub-experiment, not at the top of the file`},
	"key of Platform": {sub(`"Bursts": 1, "Queueing": "queue"`),
		`f.json:1:56: SubExperiments[0].Queueing: belongs into Platform`},
	"unknown in Platform": {sub(`"Bursts": 1, "Platform": {"A": 1}`),
		`f.json:1:69: SubExperiments[0].Platform.A: unknown key; want one of KeepAliveSeconds, KeepAliveDistribution, ` +
			`Concurrency, MaxInstances, ImageContract, Queueing`},
	"enum in Platform": {sub(`"Bursts": 1, "Platform": {"Queueing": "shard"}`),
		`f.json:1:81: SubExperiments[0].Platform.Queueing: found "shard" (string); want one of spawn, queue, shared; ` +
			`did you mean "shared"?`},
	"fraction": {sub(`"Bursts": 1.5`), `f.json:1:53: SubExperiments[0].Bursts: found 1.5 (number); want ` +
		`an integer >= 1, written without fraction or exponent`},
	"zero": {sub(`"Bursts": 0`), `f.json:1:53: SubExperiments[0].Bursts: found 0 (number); want an ` +
		`integer >= 1`},
	"far too many": {sub(`"Bursts": 1000000000000000000000`),
		`f.json:1:53: SubExperiments[0].Bursts: found 1000000000000000000000 (number); want an integer from 1 to ` +
			`100000000`},
	"seed too long": {`{"Seed": 99999999999999999999, "SubExperiments": [{"Bursts": 1}], "Provider": "aws"}`,
		`f.json:1:10: Seed: found 99999999999999999999 (number); want an integer that fits 64 bits`},
	"infinite": {sub(`"Bursts": 1, "IATSeconds": 1e999`),
		`f.json:1:70: SubExperiments[0].IATSeconds: found 1e999 (number); want a number from 0 to 31622400`},
	"ratio": {sub(`"Bursts": 1, "MaxErrorRatio": 1.01`),
		`f.json:1:73: SubExperiments[0].MaxErrorRatio: found 1.01 (number); want a number from 0 to 1`},
	"no time": {sub(`"Bursts": 1, "TimeoutSeconds": 0`),
		`f.json:1:74: SubExperiments[0].TimeoutSeconds: found 0 (number); want a number > 0`},
	"boolean": {sub(`"Bursts": 1, "Public": "yes"`), `f.json:1:66: SubExperiments[0].Public: found ` +
		`"yes" (string); want true or false`},
	"empty text": {sub(`"Bursts": 1, "Function": ""`), `f.json:1:68: SubExperiments[0].Function: found "" ` +
		`(string); want text that is not empty`},
	"number for text": {sub(`"Bursts": 1, "Handler": 7`), `f.json:1:67: SubExperiments[0].Handler: found 7 ` +
		`(number); want text`},
	"title": {sub(`"Bursts": 1, "Title": "a\nb"`), `f.json:1:65: SubExperiments[0].Title: found ` +
		`"a\nb" (string); want a title without control characters`},
	"no array": {sub(`"Bursts": 1, "BurstSizes": 5`), `f.json:1:70: SubExperiments[0].BurstSizes: found ` +
		`5 (number); want an array of one or more, each an integer >= 1`},
	"empty array": {sub(`"Bursts": 1, "BurstSizes": []`), `f.json:1:70: SubExperiments[0].BurstSizes: ` +
		`found an array of 0; want an array of one or more, each an integer >= 1`},
	"type": {sub(`"Type": "Burst"`), `f.json:1:51: SubExperiments[0].Type: found "Burst" (string); ` +
		`want one of burst, data-transfer, network-ping-pong, invocation-overhead, eviction, perf-cost; did you mean ` +
		`"burst"?`},
	"duration": {sub(`"Bursts": 1, "DesiredServiceTimes": ["5 MS"]`),
		`f.json:1:80: SubExperiments[0].DesiredServiceTimes[0]: found "5 MS" (string); want a Go duration >= 0 such ` +
			`as "100ms"; did you mean "5ms"?`},
	"duration without unit": {sub(`"Bursts": 1, "DesiredServiceTimes": ["5"]`),
		`f.json:1:80: SubExperiments[0].DesiredServiceTimes[0]: found "5" (string); want a Go duration >= 0 such as ` +
			`"100ms"; did you mean "5ms"?`},
	"duration as number": {sub(`"Bursts": 1, "DesiredServiceTimes": [5]`),
		`f.json:1:80: SubExperiments[0].DesiredServiceTimes[0]: found 5 (number); want a Go duration >= 0 such as ` +
			`"100ms"`},
	"negative duration": {sub(`"Bursts": 1, "DesiredServiceTimes": ["-1s"]`),
		`f.json:1:80: SubExperiments[0].DesiredServiceTimes[0]: found "-1s" (string); want a Go duration >= 0 such ` +
			`as "100ms"`},
	"endless duration": {sub(`"Bursts": 1, "DesiredServiceTimes": ["99999h"]`),
		`f.json:1:80: SubExperiments[0].DesiredServiceTimes[0]: found "99999h" (string); want a Go duration >= 0 ` +
			`such as "100ms" and of at most a year`},
	"bar without ms": {sub(`"Bursts": 1, "Visualization": "bar-"`),
		`f.json:1:73: SubExperiments[0].Visualization: found "bar-" (string); want all, bar, bar-<ms> (ms over 0), ` +
			`cdf, histogram or none; did you mean "bar"?`},
	"bar at zero": {sub(`"Bursts": 1, "Visualization": "bar-0"`),
		`f.json:1:73: SubExperiments[0].Visualization: found "bar-0" (string); want all, bar, bar-<ms> (ms over 0), ` +
			`cdf, histogram or none`},
	"metric": {sub(`"Bursts": 1, "Thresholds": {"p99": 5}`),
		`f.json:1:71: SubExperiments[0].Thresholds.p99: unknown metric; want one of ` + strings.Join(Metrics(), ", ") +
			`; did you mean "p99_ms"?`},
	"limit": {sub(`"Bursts": 1, "Thresholds": {"p99_ms": "fast"}`),
		`f.json:1:81: SubExperiments[0].Thresholds.p99_ms: found "fast" (string); want a number >= 0`},
	"limit of a ratio": {sub(`"Bursts": 1, "Thresholds": {"error_ratio": 5}`),
		`f.json:1:86: SubExperiments[0].Thresholds.error_ratio: found 5 (number); want a number from 0 to 1`},
	"no limits": {sub(`"Bursts": 1, "Thresholds": [1]`), `f.json:1:70: SubExperiments[0].Thresholds: ` +
		`found an array of 1; want an object of upper bounds, each a number >= 0`},
	"command": {sub(`"Bursts": 1, "Cmds": {"sleepp": 5}`),
		`f.json:1:65: SubExperiments[0].Cmds.sleepp: unknown key; did you mean "sleep"?`},
	"command's argument": {sub(`"Bursts": 1, "Cmds": {"sleep": "5"}`),
		`f.json:1:74: SubExperiments[0].Cmds.sleep: found "5" (string); want a number >= 0`},
	"commands": {sub(`"Bursts": 1, "Cmds": "sleep"`), `f.json:1:64: SubExperiments[0].Cmds: found ` +
		`"sleep" (string); want an object`},
	"command's size": {sub(`"Bursts": 1, "Cmds": {"io": {"rd": 3, "size": "1 kB", "cnt": 10}}`),
		`f.json:1:89: SubExperiments[0].Cmds.io.size: found "1 kB" (string); want a size as dd reads it, such as ` +
			`"1kB"`},
	"command's port": {sub(`"Bursts": 1, "Cmds": {"net": {"server_ip": "10.0.0.1", "port": 0}}`),
		`f.json:1:106: SubExperiments[0].Cmds.net.port: found 0 (number); want an integer from 1 to 65535`},
	"command's object": {sub(`"Bursts": 1, "Cmds": {"cpu": 5}`), `f.json:1:72: SubExperiments[0].Cmds.cpu: ` +
		`found 5 (number); want an object`},
	"storage": {`{"Storage": {"Endpoint": "ftp://x"}, "SubExperiments": [{"Bursts": 1}], "Provider": "aws"}`,
		`f.json:1:26: Storage.Endpoint: found "ftp://x" (string); want a host or http(s) URL: the scheme "ftp" ` +
			`cannot be probed`},
	"no storage": {`{"Storage": "here", "SubExperiments": [{"Bursts": 1}], "Provider": "aws"}`,
		`f.json:1:13: Storage: found "here" (string); want an object`},
	"no provider": {`{"Seed": 1, "SubExperiments": [{"Bursts": 1}]}`,
		`f.json:1:1: Provider: missing; add "Provider": "local", or another of ` + providerWords(testProviders())},
	"no provider, newer key of a sub-experiment": {`{"SubExperiments": [{"Bursts": 1, "Public": true}]}`,
		`f.json:1:1: Provider: missing; add "Provider": "local", or another of ` + providerWords(testProviders())},
}

func TestMistakes(t *testing.T) {
	for name, c := range mistakes {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(problems(t, c.text), "\n"); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestLoadFails(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "none.json"), dir} {
		_, err := Load(path, testProviders())
		if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v (exit code %d)", path, err, fail.Code(err))
		}
	}
	huge := filepath.Join(dir, "huge.json")
	f, err := os.Create(huge)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Truncate(maxFile+1), f.Close()); err != nil { // a hole: no disk space
		t.Fatal(err)
	}
	_, err = Load(huge, testProviders())
	if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), "64 MiB") {
		t.Errorf("huge file: %v", err)
	}
}
