package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// The test binary is also the program under test: with this variable set, it acts instead of testing.
const actVar = "STELLAR_SHELL_TEST_ACT"

func TestMain(m *testing.M) {
	switch act := os.Getenv(actVar); act {
	case "":
		m.Run() // its result becomes the exit code
	case "parent": // runs a long sleep through Run, says its pid, waits to be killed
		_, _ = Run(context.Background(), Command{Name: "sh", Args: []string{"-c", "echo $$; exec sleep 300"},
			Env: []string{actVar + "="}, Line: func(l string) { fmt.Println(l) }})
	case "launcher": // likewise, for a program that starts another one to do the work
		_, _ = Run(context.Background(), Command{Name: "sh", Args: []string{"-c", "sleep 300 & echo $!; wait"},
			Env: []string{actVar + "="}, Line: func(l string) { fmt.Println(l) }})
	}
}

func sh(script string) Command {
	return Command{Name: "sh", Args: []string{"-c", script}}
}

func TestRunOutcomes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name           string
		cmd            Command
		stdout, stderr string
		code           int
		err            string // part of it; empty: none
	}{
		{name: "both streams", cmd: sh("echo out; echo err >&2"), stdout: "out\n", stderr: "err\n"},
		{name: "exit code", cmd: sh("echo why >&2; exit 3"), stderr: "why\n", code: 3, err: "exit code 3"},
		{name: "signal", cmd: sh("kill -9 $$"), code: -1, err: `ended by signal "killed"`},
		{name: "no input", cmd: sh("cat; echo end"), stdout: "end\n"},
		{name: "input", cmd: Command{Name: "cat", Stdin: strings.NewReader("abc")}, stdout: "abc"},
		{name: "input not read", cmd: Command{Name: "true", Stdin: strings.NewReader(strings.Repeat("x", 1<<20))}},
		{name: "dir and env", cmd: Command{Name: "sh", Args: []string{"-c", `pwd; echo "$A"`}, Dir: "/",
			Env: []string{"A=1", "A=2"}},
			stdout: "/\n2\n"},
		{name: "no such dir", cmd: Command{Name: "true", Dir: "/no/such/dir"}, code: -1, err: "/no/such/dir"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			res, err := Run(t.Context(), tc.cmd)
			if res.Stdout != tc.stdout || res.Stderr != tc.stderr || res.ExitCode != tc.code {
				t.Errorf("got %+v", res)
			}
			if (err == nil) != (tc.err == "") || (err != nil && !strings.Contains(err.Error(), tc.err)) {
				t.Errorf("error %v, want %q", err, tc.err)
			}
			var e *fail.Error
			if err != nil && (!errors.As(err, &e) || e.Code != fail.CodeFailed ||
				!strings.Contains(err.Error(), tc.cmd.Name)) {
				t.Errorf("not a fail.Error that says what was run: %#v", err)
			}
			if e != nil && tc.stderr != "" && !strings.Contains(e.Output, strings.TrimSpace(tc.stderr)) {
				t.Errorf("output in the error: %q", e.Output)
			}
		})
	}
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errors.New("bad disk") }

func TestRunBrokenAndEndlessInput(t *testing.T) {
	t.Parallel()
	if _, err := Run(t.Context(), Command{Name: "cat", Stdin: brokenReader{}}); err == nil ||
		!strings.Contains(err.Error(), "bad disk") {
		t.Errorf("an unreadable input must be said: %v", err)
	}
	r, w := io.Pipe()
	defer w.Close()
	if _, err := Run(t.Context(), Command{Name: "true", Stdin: r}); err != nil {
		t.Errorf("a program that ignores an endless input succeeds: %v", err)
	}
}

func TestRunNotFound(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"no-such-program-here", "./no-such-program-here"} {
		_, err := Run(t.Context(), Command{Name: name, Retry: Retry{Attempts: 5, Wait: time.Hour}})
		var e *fail.Error
		if !errors.As(err, &e) || !errors.Is(err, exec.ErrNotFound) || e.Hint == "" || e.Code != fail.CodeFailed {
			t.Errorf("%s: %#v", name, err)
		}
	}
}

func TestTimeoutEndsTheGroup(t *testing.T) {
	t.Parallel()
	start := time.Now()
	// The shell's child ignores SIGTERM and holds the pipe: only the SIGKILL to the group can end it.
	res, err := Run(t.Context(), Command{Name: "sh",
		Args:    []string{"-c", `trap '' TERM; sleep 300 & echo $!; wait; wait`},
		Timeout: 300 * time.Millisecond, Grace: 300 * time.Millisecond})
	var exit *ExitError
	if !errors.As(err, &exit) || !exit.TimedOut || res.ExitCode != -1 || !strings.Contains(err.Error(), "timed out") {
		t.Fatalf("%v, %+v", err, res)
	}
	if took := time.Since(start); took > 60*time.Second {
		t.Errorf("took %v", took)
	}
	wantGone(t, res.Stdout)
}

func TestTimeoutWithCleanExitIsStillATimeout(t *testing.T) {
	t.Parallel()
	_, err := Run(t.Context(), Command{Name: "sh",
		Args:    []string{"-c", `trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done`},
		Timeout: 500 * time.Millisecond, Grace: time.Minute})
	var exit *ExitError
	if !errors.As(err, &exit) || !exit.TimedOut {
		t.Errorf("%v", err)
	}
	var e *fail.Error
	if errors.As(err, &e) && !strings.Contains(e.Output, "bye") {
		t.Errorf("what it said while it was stopped is lost: %q", e.Output)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := sh("echo ready; sleep 300")
	c.Line = func(string) { cancel() }
	c.Retry = Retry{Attempts: 3, Wait: time.Hour}
	res, err := Run(ctx, c)
	if !errors.Is(err, context.Canceled) || fail.Code(err) != fail.CodeInterrupted || res.Attempts != 1 {
		t.Errorf("%v, code %d, %+v", err, fail.Code(err), res)
	}
	if res, err := Run(ctx, sh("echo never")); err == nil || res.Stdout != "" {
		t.Errorf("a cancelled context starts nothing: %+v, %v", res, err)
	}
}

func TestCancelWhileWaitingToRetry(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	c := sh("exit 1")
	c.Retry = Retry{Attempts: 2, Wait: time.Hour, If: func(Result) bool { cancel(); return true }}
	if res, err := Run(ctx, c); err == nil || res.Attempts != 1 {
		t.Errorf("%v, %+v", err, res)
	}
}

func TestRetry(t *testing.T) {
	t.Parallel()
	count := filepath.Join(t.TempDir(), "n")
	c := sh(`cat; echo x >> ` + count + `; [ $(wc -l < ` + count + `) -ge 3 ]`)
	c.Stdin = strings.NewReader("in")
	c.Retry = Retry{Attempts: 4, Wait: 20 * time.Millisecond}
	start := time.Now()
	res, err := Run(t.Context(), c)
	if err != nil || res.Attempts != 3 || res.Stdout != "in" {
		t.Fatalf("%v, %+v", err, res)
	}
	if took := time.Since(start); took < 60*time.Millisecond { // 20, then twice that
		t.Errorf("waits did not double: %v", took)
	}
	c = sh("exit 7")
	c.Retry = Retry{Attempts: 4, If: func(r Result) bool { return r.ExitCode != 7 }}
	if res, err := Run(t.Context(), c); err == nil || res.Attempts != 1 {
		t.Errorf("a failure that is not worth it was tried again: %v, %+v", err, res)
	}
	c.Retry.If = nil
	if res, err := Run(t.Context(), c); res.Attempts != 4 || err == nil || !strings.Contains(err.Error(), "attempt 4") {
		t.Errorf("%v, %+v", err, res)
	}
}

func TestBackgroundChildDoesNotHangUs(t *testing.T) {
	t.Parallel()
	res, err := Run(t.Context(), sh("sleep 300 & echo $!"))
	if err != nil {
		t.Fatal(err)
	}
	if res.Took > 60*time.Second {
		t.Errorf("took %v", res.Took)
	}
	wantGone(t, res.Stdout)
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t-token"
	var lines []string
	c := sh(`printf 's3cr3t'; sleep 0.2; printf -- '-token and more\n'; echo "args: $1" >&2; exit 1`)
	c.Args = append(c.Args, "sh", "--key="+secret)
	c.Secrets = []string{"", secret}
	c.Line = func(l string) { lines = append(lines, l) }
	res, err := Run(t.Context(), c)
	var e *fail.Error
	if !errors.As(err, &e) {
		t.Fatal(err)
	}
	all := strings.Join(append(lines, res.Stdout, res.Stderr, err.Error(), e.Output), "\n")
	if strings.Contains(all, secret) || !strings.Contains(res.Stdout, "*** and more") ||
		!strings.Contains(err.Error(), "--key=***") {
		t.Errorf("secret not replaced:\n%s", all)
	}
	if !slices.Contains(lines, "*** and more") {
		t.Errorf("lines %q", lines)
	}
}

func TestLinesComeLive(t *testing.T) {
	t.Parallel()
	seen := make(chan string, 10)
	c := sh("echo first; read x; printf second")
	r, w := io.Pipe()
	c.Stdin = r
	c.Line = func(l string) { seen <- l }
	done := make(chan error, 1)
	go func() { _, err := Run(context.Background(), c); done <- err }()
	if l := <-seen; l != "first" { // the program waits for us, so this line came while it ran
		t.Errorf("got %q", l)
	}
	fmt.Fprintln(w, "go on")
	w.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if l := <-seen; l != "second" {
		t.Errorf("a last line without its end: %q", l)
	}
}

func TestKill9OfTheParentEndsTheChildren(t *testing.T) {
	for _, act := range []string{"parent", "launcher"} {
		t.Run(act, func(t *testing.T) {
			self, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			parent := exec.Command(self)
			parent.Env = append(os.Environ(), actVar+"="+act)
			out, err := parent.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := parent.Start(); err != nil {
				t.Fatal(err)
			}
			buf := make([]byte, 32)
			n, _ := out.Read(buf)
			awaitGuard(t, parent.Process.Pid) // it is started right after the program
			if err := parent.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = parent.Wait()
			wantGone(t, string(buf[:n]))
		})
	}
}

// awaitGuard waits until a process has started the one that watches over its children.
func awaitGuard(t *testing.T, parent int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		out, err := exec.Command("ps", "-A", "-o", "ppid=,args=").Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			if f := strings.Fields(line); f[0] == strconv.Itoa(parent) && slices.Contains(f, "guard") {
				return
			}
		}
	}
	t.Fatal("the program has no guard")
}

// wantGone waits until the process has ended, whether it is reaped or not.
func wantGone(t *testing.T, pid string) {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(pid))
	if err != nil {
		t.Fatalf("no process number: %q", pid)
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if syscall.Kill(n, 0) != nil {
			return
		}
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n))
		if _, rest, ok := strings.Cut(string(stat), ") "); ok && strings.HasPrefix(rest, "Z") {
			return
		}
	}
	t.Errorf("process %d is still there", n)
}

func TestLookPath(t *testing.T) {
	dir, extra := t.TempDir(), t.TempDir()
	for _, f := range []struct {
		path string
		mode os.FileMode
	}{
		{filepath.Join(dir, "tool"), 0o755}, {filepath.Join(extra, "tool"), 0o755},
		{filepath.Join(extra, "other"), 0o755},
		{filepath.Join(dir, "plain"), 0o644},
	} {
		if err := os.WriteFile(f.path, nil, f.mode); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", "relative"+string(os.PathListSeparator)+dir)
	for _, tc := range []struct{ name, want string }{
		{"tool", filepath.Join(dir, "tool")}, {"other", filepath.Join(extra, "other")}, {"plain", ""}, {"none", ""},
		{filepath.Join(extra, "other"), filepath.Join(extra, "other")}, {dir, ""},
	} {
		got, err := LookPath(tc.name, extra)
		if got != tc.want || (err == nil) != (tc.want != "") {
			t.Errorf("%s: %q, %v", tc.name, got, err)
		}
		if err != nil && fail.Code(err) != fail.CodeInput {
			t.Errorf("%s: exit code %d", tc.name, fail.Code(err))
		}
	}
}

func TestCommandString(t *testing.T) {
	c := Command{Name: "go", Args: []string{"build", "a b", "", strings.Repeat("é", 500)}, Dir: "/x"}
	got := c.String()
	if !strings.HasPrefix(got, `go build 'a b' '' é`) || !strings.HasSuffix(got, "… (in /x)") || len(got) > 430 {
		t.Errorf("%d bytes: %s", len(got), got)
	}
}

// A shell understands a printed command as it was meant.
func TestCommandLine(t *testing.T) {
	args := []string{"plain", "a b", "", `it's`, "$HOME", "x;y", "--labels=a=b", "*"}
	c := Command{Name: "printf", Args: append([]string{`%s\n`}, args...), Dir: t.TempDir()}
	out, err := exec.Command("sh", "-c", c.CommandLine()).Output()
	if got := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"); err != nil || !slices.Equal(got, args) {
		t.Errorf("%s gave %q, %v", c.CommandLine(), got, err)
	}
	secret := Command{Name: "x", Args: []string{"tell s3cret"}, Secrets: []string{"s3cret"}}
	if got := secret.CommandLine(); got != "x 'tell ***'" {
		t.Errorf("got %s", got)
	}
}
