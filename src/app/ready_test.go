package app

import (
	"errors"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// TestReasonWithOutputIsLast: the output of a program that failed is printed below all reasons, so the reason that it
// belongs to is the last of them.
func TestReasonWithOutputIsLast(t *testing.T) {
	broken := &fail.Error{Code: fail.CodeFailed, Output: "why", Err: errors.New("cargo: exit code 1"), Hint: "x"}
	all := []obstacle{{err: broken, missing: true}, {err: errors.New("no credentials"), missing: true}}
	err := joinObstacles(all)
	if want := "not ready: no credentials\ncargo: exit code 1"; err.Error() != want || fail.Output(err) != "why" ||
		fail.Hint(err) != "x" {
		t.Errorf("%q, output %q, hint %q; want %q", err, fail.Output(err), fail.Hint(err), want)
	}
	if m := missing(broken); m.Output != "why" {
		t.Errorf("%+v", m)
	}
}
