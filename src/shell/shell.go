// Package shell is the one way to run another program: context, timeout, retry, live lines to the log, secrets
// redacted, never through sh -c.
package shell

import (
	"context"
	"io"
	"time"
)

// Command is a program to run and how.
type Command struct {
	Name    string   // looked up on the PATH unless it holds a separator
	Args    []string // never secrets: other users of the machine can read them
	Dir     string   // working directory; empty: the caller's
	Env     []string // KEY=value, added to (and overriding) the caller's environment
	Stdin   io.Reader
	Timeout time.Duration     // of one attempt; 0: none but the context's
	Grace   time.Duration     // from SIGTERM to SIGKILL on cancel or timeout; 0: 5 s
	Retry   Retry             // zero value: one attempt
	Secrets []string          // replaced by *** in lines, results and errors
	Line    func(line string) // gets every line of output as it comes; may be nil
}

// Retry says when a failed attempt is worth another.
type Retry struct {
	Attempts int               // in all; 0 and 1: no second one
	Wait     time.Duration     // before the second attempt, doubled for each further one
	If       func(Result) bool // nil: any failure
}

// Result is what a finished program left behind, that of the last attempt where there were several.
type Result struct {
	Stdout   string        // at most the last 4 MiB, redacted
	Stderr   string        // likewise
	ExitCode int           // -1 where it was ended by a signal, timed out or did not start
	Took     time.Duration // of the last attempt
	Attempts int           // made in all
}

// Runner runs commands; Run is the real one, tests and plans put their own in its place.
type Runner func(ctx context.Context, c Command) (Result, error)
