package shell

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

const (
	defaultGrace = 5 * time.Second
	// drain is how long output is still read after a program has ended: a background child can hold the pipe for ever.
	drain = 2 * time.Second
)

// ExitError is the cause of a failed command: how the program ended.
type ExitError struct {
	Code     int    // exit code; -1 where there is none
	Signal   string // the signal that ended it, empty where it exited by itself
	TimedOut bool   // Command.Timeout had passed
	After    time.Duration
}

func (e *ExitError) Error() string {
	after := e.After.Round(time.Millisecond)
	switch {
	case e.TimedOut:
		return fmt.Sprintf("timed out after %v", after)
	case e.Signal != "":
		return fmt.Sprintf("ended by signal %q after %v", e.Signal, after)
	}
	return fmt.Sprintf("exit code %d after %v", e.Code, after)
}

var _ Runner = Run

// Run runs a program to its end, in its own process group, and returns its output. On cancel or timeout, the group gets
// SIGTERM, and SIGKILL after the grace period. On Linux, the program also dies with this process.
//
// A failure is a *fail.Error that says what was run and how it ended, with the last lines of output; its cause is an
// *ExitError, the context's error, or exec.ErrNotFound. The Result then holds everything up to the failure.
func Run(ctx context.Context, c Command) (Result, error) {
	again, err := restartable(&c)
	if err != nil {
		return Result{ExitCode: -1}, fail.With(fail.CodeFailed, "reading the input of %s: %w", c.Name, err)
	}
	env := environment(c.Env)
	path, err := lookPath(c.Name, c.Dir, valueOf(env, "PATH"))
	if err != nil {
		e := notFound(c.Name)
		e.Code = fail.CodeFailed
		return Result{ExitCode: -1}, e
	}
	if c.Stays {
		res, err := runStaying(ctx, c, path, env)
		if err != nil {
			err = c.failed(ctx, res, "", err)
		}
		return res, err
	}
	wait := c.Retry.Wait
	for attempt := 1; ; attempt++ {
		c.Stdin = again()
		res, last, err := runOnce(ctx, c, path, env)
		res.Attempts = attempt
		if err == nil {
			return res, nil
		}
		if ctx.Err() != nil || attempt >= c.Retry.Attempts || (c.Retry.If != nil && !c.Retry.If(res)) {
			return res, c.failed(ctx, res, last, err)
		}
		if pause(ctx, wait) != nil {
			return res, c.failed(ctx, res, last, err)
		}
		wait *= 2
	}
}

// restartable returns a function that returns the command's input from its beginning, once per attempt.
func restartable(c *Command) (func() io.Reader, error) {
	in := c.Stdin
	if in == nil || c.Retry.Attempts < 2 {
		return func() io.Reader { return in }, nil
	}
	all, err := io.ReadAll(in)
	if err != nil {
		return nil, err
	}
	return func() io.Reader { return bytes.NewReader(all) }, nil
}

func pause(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// runOnce makes one attempt; last holds the last lines of output, of both streams in the order of their arrival.
func runOnce(ctx context.Context, c Command, path string, env []string) (res Result, last string, err error) {
	res.ExitCode = -1
	if err := ctx.Err(); err != nil {
		return res, "", err
	}
	attempt := ctx
	if c.Timeout > 0 {
		var cancel context.CancelFunc
		attempt, cancel = context.WithTimeout(ctx, c.Timeout)
		defer cancel()
	}
	lines := &lineSink{emit: c.Line}
	stdout, stderr := newStream(c.Secrets, lines), newStream(c.Secrets, lines)
	cmd := &exec.Cmd{Path: path, Args: append([]string{c.Name}, c.Args...), Dir: c.Dir, Env: env}
	fed, err := feed(cmd, c.Stdin)
	if err != nil {
		return res, "", err
	}
	out, err := newCapture(cmd, stdout, stderr)
	if err != nil {
		return res, "", err
	}
	setGroup(cmd)
	start := time.Now()
	stopped, waitErr := startAndWait(attempt, cmd, out, cmp.Or(c.Grace, defaultGrace))
	res.Took = time.Since(start)
	res.Stdout, res.Stderr = stdout.finish(), stderr.finish()
	last = lines.last()
	if cmd.ProcessState == nil { // it never started
		return res, last, waitErr
	}
	if d := fail.DefectIn(waitErr); d != nil {
		return res, last, d
	}
	exit := &ExitError{Code: cmd.ProcessState.ExitCode(), Signal: signalOf(cmd.ProcessState), After: res.Took}
	switch {
	case stopped && ctx.Err() != nil:
		return res, last, fmt.Errorf("stopped: %w", ctx.Err())
	case stopped:
		exit.Code, exit.TimedOut = -1, true
		return res, last, exit
	}
	res.ExitCode = exit.Code
	switch {
	case exit.Code != 0:
		return res, last, exit
	case waitErr != nil:
		return res, last, waitErr
	}
	select {
	case err := <-fed: // nil, or the reason why not all of the input was written
		return res, last, err
	default: // it ended without reading all of its input, which is not an error
		return res, last, nil
	}
}

// feed writes the command's input. With exec's own copying, we would wait for a reader that never ends.
func feed(cmd *exec.Cmd, in io.Reader) (<-chan error, error) {
	fed := make(chan error, 2)
	if file, ok := in.(*os.File); ok || in == nil {
		if ok {
			cmd.Stdin = file
		}
		return fed, nil
	}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	fail.Go(func(err error) { fed <- err }, func() {
		_, err := io.Copy(onlyWriter{pipe}, in)
		var gone *os.PathError // the program closed its end, or is gone
		if err != nil && !errors.As(err, &gone) {
			fed <- fmt.Errorf("reading its input: %w", err)
		}
	}, func() { _ = pipe.Close() })
	return fed, nil
}

// onlyWriter hides the pipe's other methods, so that io.Copy returns the reader's errors unchanged.
type onlyWriter struct{ io.Writer }

// failed makes the error of a command that did not succeed.
func (c Command) failed(ctx context.Context, res Result, last string, cause error) error {
	code := fail.CodeFailed
	if errors.Is(ctx.Err(), context.Canceled) {
		code = fail.CodeInterrupted
	}
	tries := ""
	if res.Attempts > 1 {
		tries = fmt.Sprintf(" (attempt %d)", res.Attempts)
	}
	e := fail.With(code, "%s: %w%s", c.String(), cause, tries)
	e.Output = last
	return e
}

// String is the command line as a person would type it, without secrets; a very long one is shortened.
func (c Command) String() string {
	const longest = 400
	s := c.words()
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "…"
	}
	if c.Dir != "" {
		s += " (in " + redact(c.Dir, c.Secrets) + ")"
	}
	return s
}

// CommandLine is the whole command in a shell's syntax, the folder first, without secrets.
func (c Command) CommandLine() string {
	if c.Dir == "" {
		return c.words()
	}
	return "cd " + redact(quoted(c.Dir), c.Secrets) + " && " + c.words()
}

func (c Command) words() string {
	words := make([]string, 0, 1+len(c.Args))
	for _, w := range append([]string{c.Name}, c.Args...) {
		words = append(words, quoted(w))
	}
	return redact(strings.Join(words, " "), c.Secrets)
}

// quoted puts a word in quotes if a shell would not take it literally.
func quoted(word string) string {
	if word == "" || strings.ContainsAny(word, " \t\n\"'\\$`;|&<>()*?#[]{}~!") {
		return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return word
}
