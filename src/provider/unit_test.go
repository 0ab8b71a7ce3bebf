package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

func TestUnits(t *testing.T) {
	var fns []*Function
	for i := range 5 {
		fns = append(fns, zip(fmt.Sprintf("f0-%d", i), 0, 128))
	}
	one := Provider{}.Units("stellar-x", fns)
	if len(one) != 1 || one[0].Name != "stellar-x" || one[0].Dir != "" || len(one[0].Functions) != 5 {
		t.Errorf("a provider without a division: %+v", one)
	}
	if got := (Provider{Divide: OnePerFunction}).Units("stellar-x", nil); got != nil {
		t.Errorf("no functions: %v", got)
	}
	each := OnePerFunction("stellar-x", fns)
	if len(each) != 5 || each[4].Name != "stellar-x-f0-4" || each[4].Dir != "f0-4" || each[4].Functions[0] != fns[4] {
		t.Errorf("one each: %+v", each)
	}
	if got := AtMost(5)("stellar-x", fns); len(got) != 1 || got[0].Name != "stellar-x" || got[0].Dir != "" {
		t.Errorf("five of at most five: %+v", got)
	}
	two := AtMost(3)("stellar-x", fns)
	if len(two) != 2 || two[1].Name != "stellar-x-1" || two[1].Dir != "service-1" || len(two[0].Functions) != 3 ||
		len(two[1].Functions) != 2 {
		t.Errorf("five of at most three: %+v", two)
	}
	d := two[1].Detail("/s/service-1", map[string]string{"region": "r"})
	if d[DetailUnit] != "stellar-x-1" || d[DetailFunctions] != "f0-3 f0-4" || d[DetailDir] != "/s/service-1" ||
		d[DetailRegion] != "r" {
		t.Errorf("in the journal: %v", d)
	}
	u := UnitOf(d, true)
	if u.Name != "stellar-x-1" || u.Folder != "/s/service-1" || u.names() != "f0-3 f0-4" || !u.Confirmed ||
		!maps.Equal(u.Where, map[string]string{"region": "r"}) {
		t.Errorf("from the journal: %+v", u)
	}
}

func TestThrottled(t *testing.T) {
	for text, want := range map[string]bool{
		"Error: Rate exceeded":                                 true,
		"ThrottlingException: Rate exceeded (Service: Lambda)": true,
		"ERROR: (gcloud.run.deploy) RESOURCE_EXHAUSTED: Quota exceeded for quota metric 'Write requests'": true,
		"HTTPError 429: The user has sent too many requests":                                              true,
		"TooManyRequestsException": true,
		"Throttling.User":          true,
		"A request to the Cloudflare API failed. More than 1200 requests per 300 seconds reached. Please wait and " +
			"consider throttling your request speed [code: 971]": true,
		"ERROR: image not found":          false,
		"stellar-20260429t010203z-f0-429": false,
		"":                                false,
	} {
		if got := Throttled(shell.Result{Stderr: text}); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// After a failure nothing further is begun, what is under way comes to its end, and all that failed is told.
func TestEach(t *testing.T) {
	var begun, ended atomic.Int32
	first := make(chan struct{})
	err := ForEach(context.Background(), 2, []int{0, 1, 2, 3}, func(_ context.Context, n int) error {
		begun.Add(1)
		if n == 0 {
			close(first)
			return &fail.Error{Code: fail.CodeFailed, Output: "what it said", Hint: "do that", Err: errors.New("zero")}
		}
		<-first
		time.Sleep(20 * time.Millisecond)
		ended.Add(1)
		return errors.New("one")
	})
	if begun.Load() > 3 || ended.Load() != begun.Load()-1 {
		t.Errorf("%d begun, %d ended", begun.Load(), ended.Load())
	}
	var e *fail.Error
	if !errors.As(err, &e) || e.Output != "what it said" || fail.Hint(err) != "do that" {
		t.Errorf("error is %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := ForEach(ctx, 2, []int{0}, func(context.Context, int) error { return nil }); !errors.Is(err,
		context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestGone(t *testing.T) {
	o := Options{Patience: Patience{Settle: time.Millisecond}}.WithDefaults()
	for name, c := range map[string]struct {
		confirmed bool
		answers   []bool // is it there
		asked     int
		gone      bool
	}{
		"seen made, away":        {true, []bool{false}, 1, true},
		"never seen, away twice": {false, []bool{false, false}, 2, true},
		"never seen, comes late": {false, []bool{false, true}, 2, false},
		"there":                  {true, []bool{true}, 1, false},
	} {
		asked := 0
		err := o.VerifyAbsent(context.Background(), "it", c.confirmed, func(context.Context) (bool, error) {
			asked++
			return c.answers[asked-1], nil
		})
		if (err == nil) != c.gone || asked != c.asked {
			t.Errorf("%s: %v after %d questions", name, err, asked)
		}
	}
	if err := o.VerifyAbsent(context.Background(), "it", true,
		func(context.Context) (bool, error) { return false, errors.New("no answer") }); err == nil {
		t.Error("a missing answer was taken for absence")
	}
}

func TestToolVersions(t *testing.T) {
	w := Program{Name: "gcloud", Args: []string{"version"}, Least: [3]int{400, 2, 0}, Below: 700, Install: "install it"}
	for out, ok := range map[string]bool{
		"Google Cloud SDK 548.0.0\n": true, "Google Cloud SDK 400.1.9\n": false, "Google Cloud SDK 700.0.0\n": false,
		"hello": false,
	} {
		o := Options{LookPath: func(string) (string, error) { return "/x/gcloud", nil },
			Runner: func(_ context.Context, c shell.Command) (shell.Result, error) {
				if c.Name != "/x/gcloud" || !slices.Equal(c.Args, w.Args) {
					t.Errorf("ran %v", c)
				}
				return shell.Result{Stdout: out}, nil
			}}.WithDefaults()
		tool := o.FindProgram(context.Background(), w)
		if (tool.Err == nil) != ok || !ok && (fail.Code(tool.Err) != fail.CodeInput || fail.Hint(tool.Err) == "") {
			t.Errorf("%q: %+v", out, tool)
		}
	}
	for version, ok := range map[string]bool{"548.0.0": true, "400.1.9": false} { // it is not asked
		w.Installed = func(bin string) string { return map[string]string{"/x/gcloud": version}[bin] }
		o := Options{LookPath: func(string) (string, error) { return "/x/gcloud", nil },
			Runner: func(_ context.Context, c shell.Command) (shell.Result, error) {
				return shell.Result{}, fmt.Errorf("ran %v", c)
			}}.WithDefaults()
		if tool := o.FindProgram(context.Background(), w); tool.Version != version || (tool.Err == nil) != ok {
			t.Errorf("installed %s: %+v", version, tool)
		}
	}
	broken := Options{LookPath: func(string) (string, error) { return "/x/gcloud", nil },
		Runner: func(context.Context, shell.Command) (shell.Result, error) {
			return shell.Result{}, &fail.Error{Code: fail.CodeFailed, Output: "no Python",
				Err: errors.New("exit code 1")}
		}}.WithDefaults()
	w.Installed = nil
	if tool := broken.FindProgram(context.Background(), w); tool.Err == nil || fail.Hint(tool.Err) != "install it" ||
		fail.Output(tool.Err) != "no Python" {
		t.Errorf("broken: %+v, hint %q", tool, fail.Hint(tool.Err))
	}
	o := Options{LookPath: func(string) (string, error) { return "", errors.New("no") }}.WithDefaults()
	if tool := o.FindProgram(context.Background(), w); tool.Err == nil || fail.Hint(tool.Err) != "install it" {
		t.Errorf("not there: %+v", tool)
	}
}

func TestExplain(t *testing.T) {
	err := &fail.Error{Code: fail.CodeFailed, Output: "the end of it", Hint: "do that", Err: errors.New("exit code 1")}
	got := Explain("Creating…\nError:\nAccessDenied: not you\n    at a\n    at b\n", err)
	var said *fail.Error
	if !errors.As(got, &said) || got.Error() != "exit code 1: AccessDenied: not you" ||
		said.Output != "the end of it" || fail.Hint(got) != "do that" {
		t.Errorf("%v, %+v", got, said)
	}
	if got := Explain("nothing known", err); !errors.Is(got, err) || got.Error() != "exit code 1" {
		t.Errorf("%v", got)
	}
	if got := Explain("Error:\nx\n", nil); got != nil {
		t.Errorf("no error became %v", got)
	}
}
