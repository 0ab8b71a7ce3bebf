package fail

import (
	"errors"
	"fmt"
	"testing"
)

func TestCode(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, CodeDone},
		{errors.New("x"), CodeFailed},
		{Input("x"), CodeInput},
		{fmt.Errorf("stage: %w", With(CodeThreshold, "x")), CodeThreshold},
		{errors.Join(With(CodeLeftBehind, "x"), Input("y")), CodeLeftBehind},
		{Unsupported("x"), CodeInput},
		{Skip{"nothing to do"}, CodeFailed},
	} {
		if got := Code(c.err); got != c.want {
			t.Errorf("Code(%v) = %d, want %d", c.err, got, c.want)
		}
	}
}

func TestErrorsKeepTheirCause(t *testing.T) {
	cause := errors.New("cause")
	err := Input("while reading: %w", cause).WithHint("try %s", "again")
	if !errors.Is(err, cause) || err.Hint != "try again" || err.Error() != "while reading: cause" {
		t.Errorf("error is %v, hint %q", err, err.Hint)
	}
	if err := Unsupported("gRPC"); !errors.Is(err, ErrUnsupported) {
		t.Errorf("%v is not found as unsupported", err)
	}
}

// A program's output is found under errors without output, and beside others.
func TestOutputOfATree(t *testing.T) {
	said := &Error{Code: CodeFailed, Output: "what it said", Err: errors.New("exit code 1")}
	for name, err := range map[string]error{
		"itself":  said,
		"wrapped": With(CodeLeftBehind, "could not be removed: %w", fmt.Errorf("service: %w", said)),
		"joined": With(CodeLeftBehind, "could not be removed: %w",
			errors.Join(errors.New("another"), fmt.Errorf("service: %w", said))),
	} {
		if got := Output(err); got != "what it said" {
			t.Errorf("%s: output %q", name, got)
		}
	}
	for _, err := range []error{nil, errors.New("x"), Input("x"), errors.Join(nil, Input("x"))} {
		if got := Output(err); got != "" {
			t.Errorf("%v: output %q", err, got)
		}
	}
}

// TestOrHint: an error keeps its own hint, its exit code and its output.
func TestOrHint(t *testing.T) {
	bare := With(CodeFailed, "wrong")
	bare.Output = "why"
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"no hint of its own": {bare, "install it"},
		"its own hint":       {With(CodeFailed, "wrong").WithHint("look here"), "look here"},
	} {
		got := OrHint(c.err, "install it")
		if Hint(got) != c.want || Code(got) != CodeFailed || Output(got) != Output(c.err) || got.Error() != "wrong" {
			t.Errorf("%s: %v, code %d, hint %q, output %q", name, got, Code(got), Hint(got), Output(got))
		}
	}
	if err := OrHint(nil, "install it"); err != nil {
		t.Errorf("no error has become %v", err)
	}
}
