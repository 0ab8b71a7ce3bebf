// Package conformance is the conformance suite of the function protocol: the checks that a deployed measurement
// function must pass, in every language, as every kind of package, at every provider.
package conformance

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

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/reportline"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Each target has three functions: one as it is, one whose instances serve eight requests at once, one with filler that
// it reads when it starts.
const (
	Plain = iota
	Shared
	Filled
	Variants
)

// Target is the measurement function in one language as one kind of package, deployed.
type Target struct {
	Functions [Variants]run.FunctionRecord
	Token     string
	Says      string // what Instance.Runtime begins with
	Bytes     int64  // size of the filled package that was asked for; 0: none
	Image     bool   // it is an image, whose size is exact to a header

	Log    func(function string) string // the platform's log of a function
	OwnIDs bool                         // the function makes its request IDs: the platform's log has others

	Restart func() // ends the instances of the shared function; nil: it has had no request yet
}

// NewPair is the target of two functions of a run, plain and filled, for platforms whose instances all serve several
// requests at once. restart ends the instances of the plain one.
func NewPair(functions []run.FunctionRecord, token, says string, restart func()) *Target {
	f := &Target{Token: token, Says: says, Restart: restart}
	f.Functions[Plain], f.Functions[Shared], f.Functions[Filled] = functions[0], functions[0], functions[1]
	return f
}

// Check is one check of the suite.
type Check struct {
	Name string
	Run  func(t *testing.T, f *Target)
}

// Checks is the whole suite in its order.
func Checks() []Check {
	return []Check{
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
}

// Parts are the checks that take the place of another where a platform cannot do all that it asks for, and those that
// not every language has.
func Parts() []Check {
	return []Check{
		{"start", checkStart},         // in place of instance: the platform says no more
		{"made payload", checkAnswer}, // in place of payload: the route is for GET alone
		{"chain", checkChain},         // in Go, Python, Node.js and Java
	}
}

// Run runs checks of the suite by their names, each as a subtest, and tells which passed.
func Run(t *testing.T, f *Target, names ...string) map[string]bool {
	t.Helper()
	passed := map[string]bool{}
	for _, name := range names {
		all := append(Checks(), Parts()...)
		at := slices.IndexFunc(all, func(c Check) bool { return c.Name == name })
		if at < 0 {
			t.Fatalf("the suite has no check %q", name)
		}
		passed[name] = t.Run(name, func(t *testing.T) { all[at].Run(t, f) })
	}
	return passed
}

// tick is as much as the kernel may be off by that tells a process's start in clock ticks.
const tick = 15 * time.Millisecond

// checkStart: the first request starts an instance, the second meets it.
func checkStart(t *testing.T, f *Target) {
	first, second := f.Work(t, Plain, ""), f.Work(t, Plain, "")
	i, again := first.Instance, second.Instance
	started := i.Cold != nil && *i.Cold && i.Invocation == 1 && i.InitNs > 0 && !Stamp(t, i.StartedAt).IsZero()
	if !started || !strings.HasPrefix(i.Runtime, f.Says) {
		t.Errorf("first request: %+v", i)
	}
	if again.Cold == nil || *again.Cold || again.Invocation != 2 || again.ID != i.ID ||
		first.RequestID == second.RequestID {
		t.Errorf("second request: %+v", second)
	}
}

// checkAnswer: the function makes an answer of the size that the query asks for.
func checkAnswer(t *testing.T, f *Target) {
	if a := f.Work(t, Plain, "", "PayloadLengthBytes", "100001"); a.PayloadBytes != 100001 {
		t.Errorf("made %d bytes", a.PayloadBytes)
	}
}

func checkInstance(t *testing.T, f *Target) {
	before := time.Now()
	first, second := f.Work(t, Plain, ""), f.Work(t, Plain, "")
	i := first.Instance
	if i.Cold == nil || !*i.Cold || i.Invocation != 1 || i.MemoryMB != 512 || i.Host == "" || i.CPU == "" {
		t.Errorf("first request: %+v", i)
	}
	if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(i.ID) || !strings.HasPrefix(i.Runtime, f.Says) {
		t.Errorf("instance %q, runtime %q", i.ID, i.Runtime)
	}
	if d := time.Duration(i.InitNs); d <= 0 || d > time.Since(before)+tick {
		t.Errorf("InitNs %s of a process that answered within %s", d, time.Since(before))
	}
	if started := Stamp(t, i.StartedAt); started.Before(before.Add(-tick)) || started.After(time.Now()) {
		t.Errorf("started at %s, asked at %s", started, before)
	}
	if s := second.Instance; s.Cold == nil || *s.Cold || s.Invocation != 2 || s.ID != i.ID || s.InitNs != i.InitNs ||
		s.StartedAt != i.StartedAt {
		t.Errorf("second request: %+v, the first was %+v", s, i)
	}
	if first.RequestID == "" || first.RequestID == second.RequestID || len(first.TimestampChain) != 1 {
		t.Errorf("ids %q and %q, chain %v", first.RequestID, second.RequestID, first.TimestampChain)
	}
	if received := Stamp(t, first.ReceivedAt); received.Before(before.Add(-tick)) ||
		Stamp(t, first.TimestampChain[0]).Before(received) {
		t.Errorf("received %s, stamped %s, asked at %s", first.ReceivedAt, first.TimestampChain, before)
	}
}

// Stamp reads a timestamp of 19 digits.
func Stamp(t *testing.T, s string) time.Time {
	t.Helper()
	ns, err := strconv.ParseInt(s, 10, 64)
	if err != nil || len(s) != 19 {
		t.Fatalf("timestamp %q is not 19 digits", s)
	}
	return time.Unix(0, ns)
}

// Sink is what a loop of n increments leaves, by its definition: xorshift64 (13, 7, 17), the upper 53 bits.
func Sink(n int) uint64 {
	x := uint64(88172645463325252)
	for range n {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x >> 11
}

// checkSpin compares the loop's result with its definition.
func checkSpin(t *testing.T, f *Target) {
	for _, n := range []int{0, 1, 7, 123_457} {
		a := f.Work(t, Plain, "", "IncrementLimit", fmt.Sprint(n))
		timed := a.SpinNs != nil && (n <= 1000 || *a.SpinNs > 0)
		if want := Sink(n); a.Sink != want || a.Increments != int64(n) || !timed {
			t.Errorf(
				"%d increments: sink %d, want %d; %d increments told, SpinNs %v",
				n,
				a.Sink,
				want,
				a.Increments,
				a.SpinNs,
			)
		}
	}
}

func checkPayload(t *testing.T, f *Target) {
	checkAnswer(t, f)
	if a := f.Work(t, Plain, "\x00 a payload that is no JSON {", "IncrementLimit", "007"); a.Increments != 7 {
		t.Errorf("POST: %+v", a)
	}
}

func checkToken(t *testing.T, f *Target) {
	for _, wrong := range []string{"", "wrong", f.Token + "x", f.Token[1:]} {
		r, err := f.Ask(t.Context(), Plain, wrong, url.Values{}, "")
		if err != nil || r.Status != http.StatusUnauthorized || !strings.Contains(r.Body, "X-Stellar-Token") {
			t.Errorf("token %.4q…: %v, status %d, %s", wrong, err, r.Status, r.Body)
		}
	}
}

func checkErrors(t *testing.T, f *Target) {
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
		r, err := f.Ask(t.Context(), Plain, f.Token, q, "")
		var e struct{ Error string }
		if err != nil || r.Status != http.StatusBadRequest || json.Unmarshal([]byte(r.Body), &e) != nil ||
			!strings.Contains(e.Error, want) {
			t.Errorf("%s: %v, status %d, %s, want %q", query, err, r.Status, r.Body, want)
		}
	}
}

// checkOneCold: of requests that come into one instance together exactly one is cold.
func checkOneCold(t *testing.T, f *Target) {
	if f.Restart != nil {
		f.Restart()
	}
	const n = 8
	type result struct {
		Reply
		err error
	}
	results := make(chan result, n)
	for range n {
		fail.Go(func(err error) { results <- result{err: err} }, func() {
			r, err := f.Ask(t.Context(), Shared, f.Token, url.Values{"IncrementLimit": {"20000"}}, "")
			results <- result{r, err}
		})
	}
	cold, seen, instances := 0, map[int64]bool{}, map[string]bool{}
	for range n {
		r := <-results
		if r.err != nil {
			t.Fatal(r.err)
		}
		a := readAnswer(t, r.Reply)
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
func checkFiller(t *testing.T, f *Target) {
	if a := f.Work(t, Filled, "", "IncrementLimit", "5"); a.Increments != 5 || a.Instance.Cold == nil ||
		!*a.Instance.Cold {
		t.Errorf("answer %+v", a)
	}
}

// checkSize: the package that was deployed has the size that was asked for, to the byte for a ZIP (seen from the
// platform's side), and as the sum of compressed layers for an image.
func checkSize(t *testing.T, f *Target) {
	fn := f.Functions[Filled]
	if f.Bytes == 0 {
		if fn.PackageBytes != fn.CodeBytes || fn.PackageBytes < 1<<20 {
			t.Errorf("no size was asked for: %d bytes, %d of them code", fn.PackageBytes, fn.CodeBytes)
		}
		return
	}
	if told := fn.Endpoint.Detail["packageBytes"]; !f.Image && told != fmt.Sprint(f.Bytes) {
		t.Errorf("the platform has %s bytes, %d were asked for", told, f.Bytes)
	}
	const header = 512 // of one layer
	if diff := int64(fn.PackageBytes) - f.Bytes; diff < -header || diff > header || !f.Image && diff != 0 {
		t.Errorf("%d bytes were packed, %d were asked for", fn.PackageBytes, f.Bytes)
	}
}

// checkLog: what the function says of its start is what the platform's own log says.
func checkLog(t *testing.T, f *Target) {
	a := f.Work(t, Plain, "")
	var found bool
	deadline := time.Now().Add(5 * time.Second)
	for ; !found && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		for line := range strings.Lines(f.Log(f.Functions[Plain].Name)) {
			rep, ok := reportline.Parse(strings.TrimSpace(line))
			if !ok || rep.RequestID != a.RequestID {
				continue
			}
			found = true
			if rep.Cold || rep.Duration <= 0 {
				t.Errorf("a warm request: %+v", rep)
			}
		}
		if f.OwnIDs {
			return
		}
	}
	if !found {
		t.Errorf("the platform's log has no request %s", a.RequestID)
	}
}
