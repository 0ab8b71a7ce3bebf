package local

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
)

// SpawnOptions say how a child platform is started. Of Options, Dir and Token may be empty: then a folder under Root
// and a random token are made. Getenv and Warnf are the child's own and ignored.
type SpawnOptions struct {
	Options
	Root       string            // state root, see StateRoot
	Executable string            // the program that knows `local serve`; default: this one
	Line       func(line string) // gets the child's warnings; may be nil
}

func (o SpawnOptions) complete() (SpawnOptions, error) {
	if o.Dir == "" {
		if !filepath.IsAbs(o.Root) {
			return o, fail.Input("local platform: state root %q is not an absolute path", o.Root)
		}
		o.Dir = filepath.Join(o.Root, dirPrefix+randomHex(6))
	}
	if o.Token == "" {
		secret := make([]byte, 32)
		_, _ = rand.Read(secret) // never fails
		o.Token = hex.EncodeToString(secret)
	}
	if o.Executable == "" {
		program, err := os.Executable()
		if err != nil {
			return o, fail.With(fail.CodeFailed, "local platform: find this program: %w", err)
		}
		o.Executable = program
	}
	if o.Line == nil {
		o.Line = func(string) {}
	}
	return o, nil
}

// Child is a platform in a process of its own that ends with this process, also after kill -9.
type Child struct {
	*client.Client
	Gateway string
	PID     int
	Dir     string // its state folder, gone when it has ended

	owner   *os.File    // the child's standard input: its end is the child's
	watcher *os.Process // the child that has the platform as its own
	done    chan struct{}
	err     error // how it ended; read after done
	once    sync.Once
	end     error
}

// Spawn starts a platform as a child process. The child, its instances and its folder last until Close, or until this
// process ends in any way. ctx limits only the start.
func Spawn(ctx context.Context, o SpawnOptions) (*Child, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	if o.Root != "" {
		if _, err := Sweep(o.Root); err != nil {
			o.Line(err.Error())
		}
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fail.With(fail.CodeFailed, "local platform: %w", err)
	}
	defer read.Close()
	cmd, secret, err := o.command("--stdin-owner")
	if err != nil {
		return nil, errors.Join(fail.With(fail.CodeFailed, "local platform: %w", err), write.Close())
	}
	defer secret.Close()
	alive, err := markAlive(o.Dir)
	if err != nil {
		return nil, errors.Join(fail.With(fail.CodeFailed, "local platform: %w", err), write.Close())
	}
	defer alive.Close() // the child has it then
	cmd.ExtraFiles = append(cmd.ExtraFiles, alive)
	cmd.Stdin = read
	c := &Child{owner: write, Dir: o.Dir, done: make(chan struct{})}
	state, output, err := launchChild(ctx, cmd, o.Line, func(err error) { c.err = err; close(c.done) })
	if err != nil {
		_ = write.Close()
		return nil, errors.Join(startFailed(err, output, o.Dir), dropAlive(o.Dir))
	}
	sandbox.HideMemory() // this process's environment may hold secrets, too
	c.watcher = cmd.Process
	c.Client, c.Gateway, c.PID = client.New(state.URL, o.Token), state.Gateway, state.PID
	return c, nil
}

// command makes the child's command, and the pipe with its secrets; the caller closes the pipe after the child has
// started. The child gets its own session, so that Ctrl-C at the terminal reaches only the owner, which then ends the
// platform.
func (o SpawnOptions) command(extra ...string) (*exec.Cmd, *os.File, error) {
	secret, err := secrets{Token: o.Token, Environ: os.Environ()}.send()
	if err != nil {
		return nil, nil, err
	}
	args := append([]string{"local", "serve"}, extra...)
	cmd := exec.Command(o.Executable,
		append(args, o.args()...)...) //nolint:gosec,noctx // its own program; it outlives ctx
	cmd.Args[0] = watcherName
	cmd.Env = plainEnvironment(os.Environ())
	cmd.ExtraFiles = []*os.File{secret} // number secretsFD
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, secret, nil
}

func startFailed(err error, output, dir string) error {
	e := fail.With(fail.CodeFailed, "local platform: start: %w", errors.Join(err, sandbox.RemoveTree(dir)))
	e.Output = output
	return e
}

// launchChild starts the command and waits until it has reported its address. ended is called once, when it has ended.
func launchChild(ctx context.Context, cmd *exec.Cmd, line func(string), ended func(error)) (s State, output string,
	err error) {
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return s, "", err
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return s, "", err
	}
	if err := cmd.Start(); err != nil {
		return s, "", err
	}
	told := make(chan error, 1)
	var reads sync.WaitGroup
	var last tail
	reads.Go(fail.Caught(fail.Report(ctx), func() {
		in := bufio.NewReader(stdout)
		text, err := in.ReadBytes('\n')
		if err == nil {
			err = json.Unmarshal(text, &s)
		}
		told <- err
		_, _ = io.Copy(io.Discard, in)
	}))
	reads.Go(fail.Caught(fail.Report(ctx), func() {
		for in := bufio.NewScanner(stderr); in.Scan(); {
			last.add(in.Text())
			line(in.Text())
		}
	}))
	exited := make(chan struct{})
	fail.Go(fail.Report(ctx), func() {
		reads.Wait()
		err := cmd.Wait()
		close(exited)
		ended(err)
	})
	timer := time.NewTimer(startTime)
	defer timer.Stop()
	select {
	case err = <-told:
		if err == nil {
			return s, "", nil
		}
		err = fmt.Errorf("it ended before it reported its address: %w", err)
	case <-timer.C:
		err = fmt.Errorf("it did not report its address within %v", startTime)
	case <-ctx.Done():
		err = ctx.Err()
	}
	_ = cmd.Process.Kill()
	<-exited
	return State{}, last.String(), err
}

// launchDetached starts the command with nothing of this process except a log file, and waits until it has reported its
// address. It is not waited for, because init becomes its parent.
func launchDetached(ctx context.Context, cmd *exec.Cmd, log string) (s State, output string, err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return s, "", err
	}
	defer read.Close()
	warnings, err := os.OpenFile(log, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return s, "", errors.Join(err, write.Close())
	}
	defer warnings.Close()
	cmd.Stdout, cmd.Stderr = write, warnings
	err = cmd.Start()
	_ = write.Close()
	if err != nil {
		return s, "", err
	}
	stop := context.AfterFunc(ctx, fail.Caught(fail.Report(ctx), func() { _ = read.SetReadDeadline(time.Now()) }))
	defer stop()
	_ = read.SetReadDeadline(time.Now().Add(startTime))
	text, err := bufio.NewReader(read).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err == nil {
		fail.Go(fail.Report(ctx), func() { _ = cmd.Wait() }) // this process may live on: leave no zombie
		return s, "", nil
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	said, _ := os.ReadFile(log)
	return State{}, string(said[max(0, len(said)-2000):]),
		fmt.Errorf("it did not report its address: %w", errors.Join(ctx.Err(), err))
}

// tail keeps the last lines of a program's output.
type tail struct {
	mu    sync.Mutex
	lines []string
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lines = append(t.lines, line); len(t.lines) > 20 {
		t.lines = t.lines[1:]
	}
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}

// Done is closed when the child has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// Close ends the child and returns when it, its instances and its folder are gone; otherwise the error says what is
// left (exit code 4). It may be called more than once.
func (c *Child) Close() error {
	c.once.Do(func() { c.end = c.close() })
	return c.end
}

func (c *Child) close() error {
	_ = c.owner.Close()
	select {
	case <-c.done:
	case <-time.After(closeTime + closeTime/2): // the platform's own time, killTime twice, and a second more
		_ = c.watcher.Kill() // the kernel then kills the platform
		<-c.done
	}
	if err := RemoveDead(context.Background(), c.Dir); err != nil {
		return errors.Join(err, c.err)
	}
	var exit *exec.ExitError
	if errors.As(c.err, &exit) && exit.ExitCode() == fail.CodeLeftBehind {
		return fail.With(fail.CodeLeftBehind, "local platform: ended with %w", c.err)
	}
	return nil
}

// Died says how the child ended, if that was before Close was called; else nil.
func (c *Child) Died() error {
	select {
	case <-c.done:
		return fail.With(fail.CodeFailed, "the local platform has ended before the run: %w",
			cmp.Or(c.err, errors.New("without an error"))).WithHint("its output is in the run's log")
	default:
		return nil
	}
}

// endLeft ends and removes what the platform of that folder left if both it and its watcher have ended. If there is
// nothing, it changes nothing.
func endLeft(ctx context.Context, dir string) error {
	if left := sandbox.EndStrays(ctx, strayMarker(dir)); len(left) > 0 {
		return fail.With(fail.CodeLeftBehind, "local platform: processes %v do not end", left).
			WithHint("end them by hand: kill -9")
	}
	var err error
	sandbox.WaitUntil(ctx, 20*time.Millisecond, func() bool { // its lock may last a moment longer than its process
		if absent(dir) {
			return true
		}
		_, err = sweepOne(dir, 0)
		return err != nil
	})
	if err != nil {
		return fail.With(fail.CodeLeftBehind, "local platform: remove what a killed platform left: %w", err)
	}
	return nil
}

// strayMarker is in the environment of every process instance of the platform with that folder.
func strayMarker(dir string) string {
	return "\x00LAMBDA_TASK_ROOT=" + dir + string(filepath.Separator)
}

func absent(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, os.ErrNotExist)
}
