package experiment

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// traceFolder makes a folder with the traces of these tests and gives the path of an experiment file in it.
func traceFolder(t *testing.T, experiment string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"one.csv": "second,count\n0,10\n1,0\n2,40\n", "two.csv": "minute,resize,login\n0,60,6\n1,120,6\n",
		"bad.csv": "second,count\n0,1\n1,x\n", "idle.csv": "0\n0\n5\n", "e.json": experiment,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "e.json")
}

func TestLoadedTraces(t *testing.T) {
	for name, c := range map[string]struct{ members, want, notes string }{
		"one": {`"Arrivals": "one.csv"`, `50 requests in 3s: [{ 1s [10 0 40]}], at most 40/s, ` +
			`trace one.csv for 3s`, ""},
		"one for three endpoints": {`"Arrivals": "./one.csv", "Parallelism": 3`,
			`50 requests in 3s: [{ 1s [10 0 40]}], at most 40/s, trace one.csv for 3s`, ""},
		"cut": {`"Arrivals": "one.csv", "DurationSeconds": 2.5`,
			`30 requests in 2.5s: [{ 1s [10 0 40]}], at most 40/s, trace one.csv for 2.5s`, ""},
		"cut later": {`"Arrivals": "one.csv", "DurationSeconds": 25`,
			`50 requests in 3s: [{ 1s [10 0 40]}], at most 40/s, trace one.csv for 3s`, ""},
		"named": {`"Arrivals": "two.csv#login"`, `12 requests in 2m0s: [{login 1m0s [6 6]}], at ` +
			`most 0.1/s, trace two.csv#login for 2m0s`, ""},
		"one each": {`"Arrivals": "two.csv", "Parallelism": 2`,
			`192 requests in 2m0s: [{resize 1m0s [60 120]} {login 1m0s [6 6]}], at most 2.1/s, trace two.csv for 2m0s`,
			""},
		"unnamed": {`"Arrivals": "two.csv"`, `180 requests in 2m0s: [{resize 1m0s [60 120]}], at most 2/s, trace ` +
			`two.csv for 2m0s`,
			`e.json:1:55: SubExperiments[0].Arrivals: the trace has several functions, of which the first, resize, ` +
				`is taken; name another one as path#name, or set Parallelism to their number and each endpoint gets ` +
				`one`},
		"too few for the endpoints": {`"Arrivals": "two.csv", "Parallelism": 3`,
			`180 requests in 2m0s: [{resize 1m0s [60 120]}], at most 2/s, trace two.csv for 2m0s`,
			`e.json:1:55: SubExperiments[0].Arrivals: the trace has several functions, of which the first, resize, ` +
				`is taken; name another one as path#name, or set Parallelism to their number and each endpoint gets ` +
				`one`},
		"late by plan": {`"Arrivals": "one.csv", "MaxConnections": 3, "DesiredServiceTimes": ["100ms"]`,
			`50 requests in 3s: [{ 1s [10 0 40]}], at most 40/s, trace one.csv for 3s`,
			`e.json:1:84: SubExperiments[0].MaxConnections: 40 requests a second of 100 ms each are 4 at once; ` +
				`MaxConnections 3 leaves room for 3: the others will wait and be late`},
	} {
		t.Run(name, func(t *testing.T) {
			path := traceFolder(t, sub(c.members))
			l, err := Load(path, testProviders())
			if err != nil {
				t.Fatal(err)
			}
			s := &l.Experiment.SubExperiments[0]
			all, err := s.Traces()
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for i, f := range all {
				fmt.Fprintf(&b, "%s{%s %s %v}", map[bool]string{true: " "}[i > 0], f.Name, f.Slot, f.Counts)
			}
			e := l.Experiment.Estimate()
			got := fmt.Sprintf("%d requests in %s: [%s], at most %s/s, %s", e.Requests, e.Duration, b.String(),
				trimmed(s.PeakRate()), s.LoadText())
			if got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if notes := strings.ReplaceAll(strings.Join(l.Notes, "\n"), path, "e.json"); notes != c.notes {
				t.Errorf("notes %s\nwant  %s", notes, c.notes)
			}
			if s.TraceSpacing != "random" || s.Schedule != "open" || s.Connections != "reuse" || s.MaxConnections < 1 {
				t.Errorf("defaults: %s, %s, %s, %d", s.TraceSpacing, s.Schedule, s.Connections, s.MaxConnections)
			}
			elsewhere := filepath.Join(t.TempDir(), "effective.json")
			text, err := l.Experiment.MarshalEffective()
			if err := errors.Join(err, os.WriteFile(elsewhere, text, 0o600)); err != nil {
				t.Fatal(err)
			}
			again, err := Load(elsewhere, testProviders())
			if err != nil || !reflect.DeepEqual(l.Experiment, again.Experiment) {
				t.Errorf("the effective form loads to something else (%v):\n%s", err, text)
			}
		})
	}
}

func TestTracesThatCannotBeUsed(t *testing.T) {
	path := traceFolder(t, `{"Provider": "aws", "SubExperiments": [
 {"Arrivals": "one.csv"},
 {"Arrivals": "none.csv"},
 {"Arrivals": "bad.csv#count"},
 {"Arrivals": "bad.csv"},
 {"Arrivals": "idle.csv", "DurationSeconds": 2},
 {"Arrivals": "two.csv#logout"},
 {"Sweep": {"Arrivals": ["one.csv", "./"]}},
 {"Bursts": 0}]}`)
	_, err := Load(path, testProviders())
	if fail.Code(err) != fail.CodeInput {
		t.Errorf("exit code %d", fail.Code(err))
	}
	const want = `e.json:3:15: SubExperiments[1].Arrivals: found "none.csv"; reading the trace DIR/none.csv: no such file or directory (a relative path starts at the experiment file's folder)
e.json:4:15: SubExperiments[2].Arrivals: found "bad.csv#count"; DIR/bad.csv has no function "count": its functions have no names
e.json:5:15: SubExperiments[3].Arrivals: found "bad.csv"; DIR/bad.csv:3:3: found "x"; want a count from 0 to 10000000
e.json:6:15: SubExperiments[4].Arrivals: found "idle.csv", a trace without a request in 2s
e.json:7:15: SubExperiments[5].Arrivals: found "two.csv#logout"; DIR/two.csv has no function "logout"; its functions are resize, login
e.json:8:37: SubExperiments[6].Sweep.Arrivals[1]: found "./"; reading the trace DIR: it is not a regular file
e.json:9:13: SubExperiments[7].Bursts: found 0 (number); want an integer >= 1`
	got := strings.ReplaceAll(strings.ReplaceAll(err.Error(), path, "e.json"), filepath.Dir(path), "DIR")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	gone := SubExperiment{Title: "gone", Arrivals: filepath.Join(filepath.Dir(path), "none.csv")}
	if _, err := gone.Traces(); fail.Code(err) != fail.CodeInput ||
		!strings.HasPrefix(err.Error(), "gone: reading the trace ") {
		t.Errorf("a trace that is gone: %v", err)
	}
	if all, err := (&SubExperiment{Arrivals: "poisson"}).Traces(); all != nil || err != nil {
		t.Errorf("no trace: %v (%v)", all, err)
	}
}

func TestParseReadsNoTrace(t *testing.T) {
	l := mustParse(t, sub(`"Arrivals": "none.csv"`))
	if s := l.Experiment.SubExperiments[0]; s.Arrivals != "none.csv" || l.Experiment.Estimate().Requests != 0 {
		t.Errorf("%s, %d requests", s.Arrivals, l.Experiment.Estimate().Requests)
	}
}

func TestPlannedRequests(t *testing.T) {
	for members, want := range map[string]string{
		`"RatePerSecond": 1.1, "DurationSeconds": 10`:                       "11 1.1/s constant for 10s",
		`"RatePerSecond": 0.3, "DurationSeconds": 1`:                        "1 0.3/s constant for 1s",
		`"RatePerSecond": 3, "DurationSeconds": 0.5`:                        "2 3/s constant for 500ms",
		`"RatePerSecond": 2.4, "DurationSeconds": 1, "Arrivals": "poisson"`: "2 2.4/s poisson for 1s",
		`"RatePerSecond": 1e7, "DurationSeconds": 100`:                      "1000000000 10000000/s constant for 1m40s",
		`"Bursts": 3`: "3 ",
	} {
		e := mustParse(t, sub(members)).Experiment
		if got := fmt.Sprintf("%d %s", e.Estimate().Requests, e.SubExperiments[0].LoadText()); got != want {
			t.Errorf("%s: %s, want %s", members, got, want)
		}
	}
}

func TestConnectionDefaults(t *testing.T) {
	for members, want := range map[string]string{
		`"Bursts": 1`:                                      "reuse 0",
		`"Bursts": 1, "IATSeconds": 55.1`:                  "new 0",
		`"Bursts": 1, "Protocol": "h2c"`:                   "shared 0",
		`"Bursts": 1, "Protocol": "h2c", "IATSeconds": 55`: "shared 0",
		`"Bursts": 1, "Protocol": "h2c", "IATSeconds": 56`: "new 0",
		`"RatePerSecond": 100, "DurationSeconds": 1`:       "reuse 1000",
		`"RatePerSecond": 100, "DurationSeconds": 1, "MaxConnections": 64, "Protocol": "h2c"`: "shared 64",
		`"RatePerSecond": 0.01, "DurationSeconds": 1`:                                         "new 1000",
		`"RatePerSecond": 1, "DurationSeconds": 1, "Parallelism": 56`:                         "new 1000",
		`"RatePerSecond": 1, "DurationSeconds": 1, "IATSeconds": 600`:                         "reuse 1000",
		`"Arrivals": "a.csv"`: "reuse 1000",
	} {
		s := mustParse(t, sub(members)).Experiment.SubExperiments[0]
		if got := fmt.Sprint(s.Connections, " ", s.MaxConnections); got != want {
			t.Errorf("%s: %s, want %s", members, got, want)
		}
	}
}

func TestProtocolFitsTheScheme(t *testing.T) {
	const over, without = `found "h2", which goes over TLS, but `, `found "h2c", which goes without TLS, but `
	for _, c := range []struct{ provider, protocol, want string }{
		{"http://h.org", "h2", over + `Provider is an http URL; want "h2c", HTTP/2 without TLS`},
		{"HTTP://h.org", "h2c", ""},
		{"https://h.org/f", "h2c", without + `Provider is an https URL; want "h2"`},
		{"https://h.org/f", "h2", ""},
		{"https://h.org/f", "grpc", ""},
		{"http://h.org/f", "grpc", ""},
		{"http://h.org/f", "http1", ""},
		{"h.org", "h2", ""},
		{"h.org:80/f", "h2c", without + `a host is reached over https; want "h2"`},
		{"localhost:8080", "h2", over + `a host of this machine is reached over http; want "h2c", HTTP/2 without TLS`},
		{"127.0.0.1", "h2c", ""},
		{"[::1]:80", "h2", over + `a host of this machine is reached over http; want "h2c", HTTP/2 without TLS`},
		{"local", "h2", over + `the local platform has none; want "h2c", HTTP/2 without TLS`},
		{"local", "h2c", ""},
		{"aws", "h2", ""},
		{"vhive", "h2c", ""},
	} {
		got := ""
		_, err := Parse("f.json", []byte(fmt.Sprintf(`{"Provider": %q, "SubExperiments": [{"Bursts": 1, "Protocol": `+
			`%q}]}`, c.provider, c.protocol)), testProviders())

		if err != nil {
			_, got, _ = strings.Cut(err.Error(), "SubExperiments[0].Protocol: ")
		}
		if got != c.want || err != nil && c.want == "" {
			t.Errorf("%s at %s: %q (%v)\nwant %q", c.protocol, c.provider, got, err, c.want)
		}
	}
}

// TestTracesAreReadOnce holds that a sweep does not read a trace anew for each combination.
func TestTracesAreReadOnce(t *testing.T) {
	path := traceFolder(t, "")
	files := &traceFiles{dir: filepath.Dir(path), read: map[traceUse]traceFound{}}
	use := traceUse{files.absolute("one.csv"), 1, 0}
	first := files.find(use)
	if err := os.Remove(filepath.Join(filepath.Dir(path), "one.csv")); err != nil {
		t.Fatal(err)
	}
	if again := files.find(use); again != first || again.requests != 50 || again.length != 3*time.Second {
		t.Errorf("%+v, then %+v", first, again)
	}
}

func TestAxisOfTraces(t *testing.T) {
	l, err := Load(traceFolder(t, sub(`"Sweep": {"Arrivals": ["one.csv", "two.csv#login"]}`)), testProviders())
	if err != nil {
		t.Fatal(err)
	}
	axes, err := l.Experiment.Axes()
	if err != nil || len(axes) != 1 || fmt.Sprint(axes[0].Labels) != "[one.csv two.csv#login]" {
		t.Errorf("%+v (%v)", axes, err)
	}
}

// TestShippedExperiments loads what lies in experiments/, traces included, and holds that nothing in it is without
// effect or has to be guessed.
func TestShippedExperiments(t *testing.T) {
	files, err := filepath.Glob("../../experiments/*/*.json")
	if err != nil || len(files) < 9 {
		t.Fatalf("%d files (%v)", len(files), err)
	}
	for _, f := range files {
		l, err := Load(f, testProviders())
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if len(l.Notes) > 0 {
			t.Errorf("%q", l.Notes)
		}
		for i := range l.Experiment.SubExperiments {
			s := &l.Experiment.SubExperiments[i]
			if n := s.Requests(); filepath.Base(f) == "trace.json" && n != 600 {
				t.Errorf("%s plans %d requests, not as many as the others", s.Title, n)
			}
		}
	}
}
