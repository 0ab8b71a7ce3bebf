// Package fail has the kinds of error that all packages share: exit codes, hints, and skips.
package fail

import (
	"errors"
	"fmt"
)

// Exit codes of the stellar command.
const (
	CodeDone        = 0
	CodeFailed      = 1
	CodeInput       = 2   // bad input: nothing was built or deployed
	CodePartial     = 3   // finished, but sub-experiments failed
	CodeLeftBehind  = 4   // something could not be removed
	CodeThreshold   = 5   // a threshold was missed, or had no data
	CodeInterrupted = 130 // stopped by a signal; what was measured is kept, what was deployed is removed
)

// Error is an error with an exit code and, if there is one, a hint.
type Error struct {
	Code   int    // exit code of the command
	Hint   string // what the user can do, one sentence, may be empty
	Output string // last output of the program that failed, may be empty
	Err    error  // the cause, never nil
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the cause, for errors.Is and errors.As.
func (e *Error) Unwrap() error { return e.Err }

// With returns an error with the exit code; the format accepts %w.
func With(code int, format string, args ...any) *Error {
	return &Error{Code: code, Err: fmt.Errorf(format, args...)}
}

// Input returns an error for bad input (exit code 2).
func Input(format string, args ...any) *Error { return With(CodeInput, format, args...) }

// WithHint sets the hint and returns the error itself.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// OrHint is an error with a hint: its own where it has one. Its exit code and its output stay.
func OrHint(err error, hint string) error {
	if err == nil || Hint(err) != "" {
		return err
	}
	return With(Code(err), "%w", err).WithHint("%s", hint)
}

// ErrUnsupported is what errors.Is finds in an error made by Unsupported.
var ErrUnsupported = errors.New("unsupported")

// Unsupported returns an error that says that a provider, or this version of stellar, cannot do what was asked (exit
// code 2). It is reported before anything is built.
func Unsupported(format string, args ...any) *Error {
	return &Error{Code: CodeInput, Err: fmt.Errorf("%w: %s", ErrUnsupported, fmt.Sprintf(format, args...))}
}

// Skip is not an error: a stage returns it if it has nothing to do.
type Skip struct{ Reason string }

func (s Skip) Error() string { return "skipped: " + s.Reason }

// Code returns the exit code for an error: 0 for nil, that of the outermost Error in its tree, else 1. A Defect
// anywhere in the tree is 1, unless something is left behind.
func Code(err error) int {
	if err == nil {
		return CodeDone
	}
	var e *Error
	if errors.As(err, &e) && (e.Code == CodeLeftBehind || DefectIn(err) == nil) {
		return e.Code
	}
	return CodeFailed
}

// Hint returns the hint of the outermost Error in a tree that has one, else an empty string.
func Hint(err error) string {
	for err != nil {
		var e *Error
		if !errors.As(err, &e) {
			return ""
		}
		if e.Hint != "" {
			return e.Hint
		}
		err = e.Err
	}
	return ""
}

// Output returns the last output of the program that failed: the first one in a tree of errors, from its outermost
// Error inwards, else an empty string.
func Output(err error) string {
	if e, ok := err.(*Error); ok && e.Output != "" { //nolint:errorlint // the tree is walked here
		return e.Output
	}
	switch u := err.(type) { //nolint:errorlint // likewise
	case interface{ Unwrap() error }:
		if inner := u.Unwrap(); inner != nil {
			return Output(inner)
		}
	case interface{ Unwrap() []error }:
		for _, one := range u.Unwrap() {
			if text := Output(one); text != "" {
				return text
			}
		}
	}
	return ""
}
