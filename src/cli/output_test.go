package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// failing is a stream whose writes fail from the n-th on.
type failing struct {
	err   error
	after int
	text  bytes.Buffer
	tries int
}

func (f *failing) Write(p []byte) (int, error) {
	if f.tries++; f.tries > f.after {
		return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: f.err}
	}
	return f.text.Write(p)
}

// A reader that has gone is no error, and nothing is written to it again; any other failed write is one.
func TestOutputOutlivesItsReader(t *testing.T) {
	for _, c := range []struct {
		err      error
		terminal bool
		lost     bool
	}{
		{syscall.EPIPE, false, true},
		{syscall.ECONNRESET, false, true},
		{syscall.EIO, true, true},
		{syscall.EIO, false, false}, // a broken disk
		{syscall.ENOSPC, false, false},
		{syscall.ENOSPC, true, false},
	} {
		t.Run(fmt.Sprint(c.err, c.terminal), func(t *testing.T) {
			to := &failing{err: c.err, after: 1}
			o := &output{to: to, terminal: c.terminal}
			for i := range 3 {
				n, err := o.Write([]byte("line\n"))
				if lost := i == 0 || err == nil && n == 5; lost != (i == 0 || c.lost) {
					t.Errorf("write %d: %d, %v", i, n, err)
				}
			}
			if to.text.String() != "line\n" || c.lost && to.tries != 2 {
				t.Errorf("%q was written, in %d tries", &to.text, to.tries)
			}
		})
	}
}

func testProcess(args ...string) Process {
	return Process{Args: append([]string{"stellar"}, args...), Stdin: strings.NewReader(""), Stdout: &bytes.Buffer{},
		Stderr: &bytes.Buffer{}, Getenv: func(string) string { return "" }, Executable: "stellar"}
}

// A command whose only product is its standard output ends with 0 when nobody reads that, and with 1 on a full disk.
func TestCommandsWithoutAReader(t *testing.T) {
	for _, args := range [][]string{{"schema"}, {"version", "--json"}, {"completion", "bash"}, {"--help"}} {
		for err, want := range map[error]int{syscall.EPIPE: fail.CodeDone, syscall.ENOSPC: fail.CodeFailed} {
			if args[0] != "schema" && want != fail.CodeDone {
				continue
			}
			w := testProcess(args...)
			w.Stdout = &failing{err: err}
			if code := Run(t.Context(), w); code != want {
				t.Errorf("%v, %v: exit code %d, want %d\n%s", args, err, code, want, w.Stderr)
			}
		}
	}
}

// A lost screen, for whatever reason, costs the run's log no line.
func TestLogFileOutlivesTheScreen(t *testing.T) {
	for _, err := range []error{syscall.EPIPE, syscall.ENOSPC} {
		path := filepath.Join(t.TempDir(), "run_logs.txt")
		file := &logFile{}
		s := &screen{out: &output{to: &failing{err: err}}}
		log, lerr := newLogger("info", s, file)
		if lerr != nil {
			t.Fatal(lerr)
		}
		log.Infof("early")
		if err := file.open(path, ""); err != nil {
			t.Fatal(err)
		}
		log.Infof("late")
		file.close()
		text, rerr := os.ReadFile(path)
		if rerr != nil || !bytes.Contains(text, []byte("early")) || !bytes.Contains(text, []byte("late")) {
			t.Errorf("%v: the log is %q, %v", err, text, rerr)
		}
	}
}

// A panic of a command is exit code 1, with its stack; so is one on a goroutine that nobody waits for.
func TestDefectOfACommand(t *testing.T) {
	for name, in := range map[string]func() error{
		"own goroutine": func() error { panic("broken") },
		"beside it":     func() error { return errors.New("stopped") },
	} {
		c := newCommand(testProcess())
		err := fail.Try(in)
		if name == "beside it" {
			err = errors.Join(&fail.Defect{Panic: "broken", Stack: []byte("goroutine 1")}, fail.Input("%w", err))
		}
		code := c.report(t.Context(), err)
		text := c.outside.Stderr.(*bytes.Buffer).String()
		if code != fail.CodeFailed || !strings.Contains(text, "defect") || !strings.Contains(text, "goroutine") {
			t.Errorf("%s: exit code %d\n%s", name, code, text)
		}
	}
}

// TestMessagesAreInert: what others have named reaches neither the terminal nor the log as a command to it, whether it
// is in a log line, an error, its advice or the output of a program.
func TestMessagesAreInert(t *testing.T) {
	const evil = "a\x1b]0;x\x07\u202eb\nc"
	var screen bytes.Buffer
	log, err := newLogger("info", &screen, &logFile{})
	if err != nil {
		t.Fatal(err)
	}
	log.Warnf("%s", evil)
	if got := screen.String(); !strings.HasSuffix(got, " WARNING a ]0;x  b\nc\n") {
		t.Errorf("logged %q", got)
	}
	w := testProcess()
	bad := fail.Input("%s", evil).WithHint("%s", evil)
	bad.Output = evil
	newCommand(w).report(t.Context(), bad)
	const want = "stellar: a ]0;x  b\nc\n  its last output:\n  | a ]0;x  b\n  | c\n  → a ]0;x  b\nc\n"
	if got := w.Stderr.(*bytes.Buffer).String(); got != want {
		t.Errorf("told %q", got)
	}
}
