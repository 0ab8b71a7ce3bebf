// Package shell runs other programs; no other package does. It adds context, timeout, retry, and live lines to the log,
// redacts secrets, and never uses sh -c.
package shell

import (
	"context"
	"io"
	"time"
)

// Command is a program to run and how.
type Command struct {
	Name    string   // looked up on the PATH unless it contains a separator
	Args    []string // never secrets: other users of the machine can read them
	Dir     string   // working directory; empty: the caller's
	Env     []string // KEY=value, added to (and overriding) the caller's environment
	Stdin   io.Reader
	Timeout time.Duration     // of one attempt; 0: none but the context's
	Grace   time.Duration     // from SIGTERM to SIGKILL on cancel or timeout; 0: 5 s
	Retry   Retry             // zero value: one attempt
	Secrets []string          // replaced by *** in lines, results and errors
	Line    func(line string) // gets every line of output as it comes; may be nil
	// Stays is for a program that is to outlive this one, such as a browser: it has a session of its own and no output,
	// only its first moments are awaited (up to Timeout), and neither it nor what it starts is ended.
	Stays bool
}

// Retry says when a failed attempt is repeated.
type Retry struct {
	Attempts int               // in all; 0 and 1: no second one
	Wait     time.Duration     // before the second attempt, doubled for each further one
	If       func(Result) bool // nil: any failure
}

// Result is the output and the end of a finished program; after several attempts, of the last one.
type Result struct {
	Stdout   string        // at most the last 4 MiB, redacted
	Stderr   string        // likewise
	ExitCode int           // -1 where it was ended by a signal, timed out or did not start
	Took     time.Duration // of the last attempt
	Attempts int           // made in all
}

// Runner runs commands. Run is the real one; tests and plans use their own.
type Runner func(ctx context.Context, c Command) (Result, error)
