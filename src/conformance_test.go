package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"stellar/src/local"
	"stellar/src/run"
)

// The conformance suite of the function protocol: the measurement function in every language, deployed by the tool itself
// to the local platform as every kind of package, answers every check. A language is a row of runtimes, a kind of package
// a row of kinds, a check a row of checks.

// baseImage is made by scripts/base-image.sh from Debian packages: a plain base with every interpreter.
const baseImage = "stellar-base:debian"

var runtimes = []struct {
	id      string // as the experiment file says
	says    string // what Instance.Runtime begins with
	base    string // image that a generated Dockerfile starts from; empty: scratch
	imageMB int    // an image size that leaves room for filler, 0: the base is as large as it is
}{
	{"go", "go1.", "", 12},
	{"python3.13", "python3.", baseImage, 0},
	{"nodejs22.x", "node", baseImage, 0},
	{"java21", "java", baseImage, 0},
	{"ruby3.4", "ruby", baseImage, 0},
	{"rust", "rust", "", 12},
}

var kinds = []struct{ name, keys string }{
	{"ZIP", `"PackageType": "Zip"`},
	{"image, Runtime API", `"PackageType": "Image"`},
	{"image, $PORT", `"PackageType": "Image"`},
}

// Every cell has three functions: one as it is, one whose instances serve eight requests at once, one with filler that it
// reads when it starts.
const (
	plain = iota
	shared
	filled
	variants
)

// cell is one language as one kind of package, deployed.
type cell struct {
	*lab
	runtime   int
	kind      int
	functions [variants]run.FunctionRecord
	token     string
}

var checks = []struct {
	name string
	run  func(t *testing.T, c *cell)
}{
	{"instance", checkInstance},
	{"spin", checkSpin},
	{"payload", checkPayload},
	{"token", checkToken},
	{"errors", checkErrors},
	{"one cold", checkOneCold},
	{"filler", checkFiller},
	{"size", checkSize},
	{"log", checkLog},
}

func TestConformance(t *testing.T) {
	l := newLab(t, buildBinary(t), conformanceExperiment())
	text := l.output("deploy", "-c", "exp.json", "-o", "out", "--yes", "--json")
	var deployed struct{ Dir string }
	if err := json.Unmarshal([]byte(text), &deployed); err != nil {
		t.Fatalf("deploy --json: %v\n%s", err, text)
	}
	defer l.output("remove", deployed.Dir)
	record, err := run.ReadRecord(deployed.Dir)
	if err != nil {
		t.Fatal(err)
	}
	token, err := run.ReadToken(deployed.Dir)
	if err != nil {
		t.Fatal(err)
	}
	passed := map[string]bool{}
	for r, rt := range runtimes {
		for k, kind := range kinds {
			c := &cell{lab: l, runtime: r, kind: k, token: token}
			for v := range variants {
				at := slices.IndexFunc(record.Functions, func(f run.FunctionRecord) bool { return f.SubExperiment == (r*len(kinds)+k)*variants+v })
				if at < 0 {
					t.Fatalf("%s %s was not deployed", rt.id, kind.name)
				}
				c.functions[v] = record.Functions[at]
			}
			for _, check := range checks {
				name := rt.id + "/" + kind.name + "/" + check.name
				passed[name] = t.Run(name, func(t *testing.T) { check.run(t, c) })
			}
		}
	}
	t.Log("\n" + conformanceTable(passed))
}

// conformanceTable is language × package kind × check; the test command prints it.
func conformanceTable(passed map[string]bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %-11s | %-18s |", "language", "package")
	for _, c := range checks {
		fmt.Fprintf(&b, " %s |", c.name)
	}
	for _, rt := range runtimes {
		for _, k := range kinds {
			fmt.Fprintf(&b, "\n| %-11s | %-18s |", rt.id, k.name)
			for _, c := range checks {
				word := "FAILS"
				if passed[rt.id+"/"+k.name+"/"+c.name] {
					word = "pass"
				}
				fmt.Fprintf(&b, " %-*s |", len(c.name), word)
			}
		}
	}
	return b.String()
}

func conformanceExperiment() string {
	var subs []string
	for _, rt := range runtimes {
		for k, kind := range kinds {
			size, contract, base := 9, "runtime-api", ""
			if k > 0 {
				size = rt.imageMB
			}
			if k == 2 {
				contract = "http"
			}
			if k > 0 && rt.base != "" {
				base = fmt.Sprintf(`"BaseImage": %q, `, rt.base)
			}
			sub := func(more, platform string) string {
				return fmt.Sprintf(`{"Title": "%s %s", "Runtime": %q, %s, %s%s"Bursts": 1, "FunctionMemoryMB": 512, "FunctionTimeoutSeconds": 60,
				 "Platform": {"ImageContract": %q%s}}`, rt.id, kind.name, rt.id, kind.keys, base, more, contract, platform)
			}
			subs = append(subs, sub("", ""), sub("", `, "Concurrency": 8, "Queueing": "shared", "MaxInstances": 1`),
				sub(fmt.Sprintf(`"FunctionImageSizeMB": %d, "FillerRead": true, `, size), ""))
		}
	}
	return `{"Provider": "local", "Seed": 7, "SubExperiments": [` + strings.Join(subs, ",\n") + `]}`
}

func checkInstance(t *testing.T, c *cell) {
	before := time.Now()
	first, second := c.work(t, plain, ""), c.work(t, plain, "")
	i := first.Instance
	if i.Cold == nil || !*i.Cold || i.Invocation != 1 || i.MemoryMB != 512 || i.Host == "" || i.CPU == "" {
		t.Errorf("first request: %+v", i)
	}
	if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(i.ID) || !strings.HasPrefix(i.Runtime, runtimes[c.runtime].says) {
		t.Errorf("instance %q, runtime %q", i.ID, i.Runtime)
	}
	const tick = 15 * time.Millisecond // the kernel tells a process's start in clock ticks
	if d := time.Duration(i.InitNs); d <= 0 || d > time.Since(before)+tick {
		t.Errorf("InitNs %s of a process that answered within %s", d, time.Since(before))
	}
	if started := stamp(t, i.StartedAt); started.Before(before.Add(-tick)) || started.After(time.Now()) {
		t.Errorf("started at %s, asked at %s", started, before)
	}
	if s := second.Instance; s.Cold == nil || *s.Cold || s.Invocation != 2 || s.ID != i.ID || s.InitNs != i.InitNs || s.StartedAt != i.StartedAt {
		t.Errorf("second request: %+v, the first was %+v", s, i)
	}
	if first.RequestID == "" || first.RequestID == second.RequestID || len(first.TimestampChain) != 1 {
		t.Errorf("ids %q and %q, chain %v", first.RequestID, second.RequestID, first.TimestampChain)
	}
	if received := stamp(t, first.ReceivedAt); received.Before(before.Add(-tick)) || stamp(t, first.TimestampChain[0]).Before(received) {
		t.Errorf("received %s, stamped %s, asked at %s", first.ReceivedAt, first.TimestampChain, before)
	}
}

// stamp reads a timestamp of 19 digits.
func stamp(t *testing.T, s string) time.Time {
	t.Helper()
	ns, err := strconv.ParseInt(s, 10, 64)
	if err != nil || len(s) != 19 {
		t.Fatalf("timestamp %q is not 19 digits", s)
	}
	return time.Unix(0, ns)
}

// checkSpin compares the sink with the loop's own definition: xorshift64 (13, 7, 17), the upper 53 bits.
func checkSpin(t *testing.T, c *cell) {
	for _, n := range []int{0, 1, 7, 123_457} {
		x := uint64(88172645463325252)
		for range n {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
		a := c.work(t, plain, "", "IncrementLimit", fmt.Sprint(n))
		if a.Sink != x>>11 || a.Increments != int64(n) || a.SpinNs == nil || (n > 1000 && *a.SpinNs <= 0) {
			t.Errorf("%d increments: sink %d, want %d; %d increments told, SpinNs %v", n, a.Sink, x>>11, a.Increments, a.SpinNs)
		}
	}
}

func checkPayload(t *testing.T, c *cell) {
	if a := c.work(t, plain, "", "PayloadLengthBytes", "100001"); a.PayloadBytes != 100001 {
		t.Errorf("made %d bytes", a.PayloadBytes)
	}
	if a := c.work(t, plain, "\x00 a payload that is no JSON {", "IncrementLimit", "007"); a.Increments != 7 {
		t.Errorf("POST: %+v", a)
	}
}

func checkToken(t *testing.T, c *cell) {
	for _, wrong := range []string{"", "wrong", c.token + "x", c.token[1:]} {
		r, err := c.ask(t.Context(), plain, wrong, url.Values{}, "")
		if err != nil || r.status != http.StatusUnauthorized || !strings.Contains(r.body, "X-Stellar-Token") {
			t.Errorf("token %.4q…: %v, status %d, %s", wrong, err, r.status, r.body)
		}
	}
}

func checkErrors(t *testing.T, c *cell) {
	for query, want := range map[string]string{
		"IncrementLimit=many":                    "it must be a whole number",
		"IncrementLimit=1&IncrementLimit=2":      "it must be a whole number",
		"PayloadLengthBytes=-5":                  "it must not be negative",
		"PayloadLengthBytes=1073741825":          "at most 1073741824 (1 GiB) is allowed",
		"IncrementLimit=9223372036854775808":     "too large",
		"IncrementLimit=9000000000000":           "the function's timeout leaves",
		"DataTransferChainIDs=%5Ba+b%5D":         "chains",
		"IncrementLimit=" + url.QueryEscape("٣"): "it must be a whole number",
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		r, err := c.ask(t.Context(), plain, c.token, q, "")
		var e struct{ Error string }
		if err != nil || r.status != http.StatusBadRequest || json.Unmarshal([]byte(r.body), &e) != nil || !strings.Contains(e.Error, want) {
			t.Errorf("%s: %v, status %d, %s, want %q", query, err, r.status, r.body, want)
		}
	}
}

// checkOneCold: of requests that come into one instance together exactly one is cold.
func checkOneCold(t *testing.T, c *cell) {
	const n = 8
	type result struct {
		reply
		err error
	}
	results := make(chan result, n)
	for range n {
		go func() {
			r, err := c.ask(t.Context(), shared, c.token, url.Values{"IncrementLimit": {"20000"}}, "")
			results <- result{r, err}
		}()
	}
	cold, seen, instances := 0, map[int64]bool{}, map[string]bool{}
	for range n {
		r := <-results
		if r.err != nil {
			t.Fatal(r.err)
		}
		a := readAnswer(t, r.reply)
		if a.Instance.Cold != nil && *a.Instance.Cold {
			cold++
		}
		seen[a.Instance.Invocation], instances[a.Instance.ID] = true, true
	}
	if cold != 1 || len(seen) != n || len(instances) != 1 {
		t.Errorf("%d cold, %d invocation numbers, %d instances; want 1, %d, 1", cold, len(seen), len(instances), n)
	}
}

// checkFiller: a function that reads its filler when it starts answers like any other.
func checkFiller(t *testing.T, c *cell) {
	if a := c.work(t, filled, "", "IncrementLimit", "5"); a.Increments != 5 || a.Instance.Cold == nil || !*a.Instance.Cold {
		t.Errorf("answer %+v", a)
	}
}

// checkSize: the package that was deployed has the size that was asked for, to the byte for a ZIP (seen from the platform's
// side), and as the sum of compressed layers for an image.
func checkSize(t *testing.T, c *cell) {
	f := c.functions[filled]
	want := int64(9 << 20)
	if c.kind > 0 {
		want = int64(runtimes[c.runtime].imageMB) << 20
	}
	if want == 0 {
		if f.PackageBytes != f.CodeBytes || f.PackageBytes < 1<<20 {
			t.Errorf("no size was asked for: %d bytes, %d of them code", f.PackageBytes, f.CodeBytes)
		}
		return
	}
	if c.kind == 0 && f.Endpoint.Detail["packageBytes"] != fmt.Sprint(want) {
		t.Errorf("the platform has %s bytes, %d were asked for", f.Endpoint.Detail["packageBytes"], want)
	}
	const header = 512 // of one layer
	if diff := f.PackageBytes - want; diff < -header || diff > header || c.kind == 0 && diff != 0 {
		t.Errorf("%d bytes were packed, %d were asked for", f.PackageBytes, want)
	}
}

// checkLog: what the function says of its start is what the platform's own log says.
func checkLog(t *testing.T, c *cell) {
	a := c.work(t, plain, "")
	var found bool
	for deadline := time.Now().Add(5 * time.Second); !found && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		for line := range strings.Lines(c.output("local", "logs", "-f", c.functions[plain].Name)) {
			rep, ok := local.ParseReport(strings.TrimSpace(line))
			if !ok {
				continue
			}
			if rep.RequestID == a.RequestID {
				found = true
				if rep.Cold || rep.Duration <= 0 {
					t.Errorf("a warm request: %+v", rep)
				}
			}
		}
	}
	if !found && c.kind != 2 { // behind plain HTTP the function makes the id itself
		t.Errorf("the platform's log has no request %s", a.RequestID)
	}
}
