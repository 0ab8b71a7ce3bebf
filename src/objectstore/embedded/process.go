package embedded

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/filelock"
)

// Files that a store's process is started with, beside the standard ones.
const (
	keysFD = 3 // pipe with the keys: arguments and environment can be read by others
	lockFD = 4 // the locked file of its folder
)

// Child is a store in a process of its own that ends with this process, also after kill -9.
type Child struct {
	State
	Keys Keys

	owner *os.File // the child's standard input: its end is the child's
	cmd   *exec.Cmd
	done  chan struct{}
	err   error // how it ended; read after done
	once  sync.Once
	end   error
}

// Spawn starts a store as a child process. It and its folder last until Close, or until this process ends in any way.
// ctx limits only the start. executable is the program that knows `storage serve`; empty: this one. warn gets the lines
// that the store writes.
func Spawn(ctx context.Context, executable string, o Options, warn func(line string)) (*Child, error) {
	held, err := hold(o.Dir, o.Dir+besideLock)
	if err != nil {
		return nil, fail.With(fail.CodeFailed, "object store: %w", err)
	}
	defer held.Close() // the child has it then
	read, write, err := os.Pipe()
	if err != nil {
		return nil, fail.With(fail.CodeFailed, "object store: %w", err)
	}
	defer read.Close()
	cmd, err := command(executable, o, held, "--stdin-owner")
	if err != nil {
		return nil, errors.Join(err, write.Close())
	}
	cmd.Stdin = read
	said := &lines{each: warn}
	cmd.Stderr = said
	c := &Child{Keys: o.Keys, owner: write, cmd: cmd, done: make(chan struct{})}
	c.State, err = launch(ctx, cmd)
	if err != nil {
		e := fail.With(fail.CodeFailed, "object store: start: %w", errors.Join(err, write.Close()))
		_ = cmd.Wait()
		e.Output = said.text()
		return nil, errors.Join(e, os.RemoveAll(o.Dir), os.Remove(o.Dir+besideLock))
	}
	fail.Go(fail.Report(ctx), func() { c.err = cmd.Wait() }, func() { close(c.done) })
	return c, nil
}

// hold makes a store's folder and takes its lock, which ends with the store's process.
func hold(dir, path string) (*os.File, error) {
	if err := os.MkdirAll(dir, folderMode); err != nil {
		return nil, err
	}
	return filelock.Try(path)
}

// command makes the command of a store's process. It has a session of its own, so that Ctrl-C at the terminal reaches
// only its owner.
func command(executable string, o Options, held *os.File, extra ...string) (*exec.Cmd, error) {
	if executable == "" {
		program, err := os.Executable()
		if err != nil {
			return nil, fail.With(fail.CodeFailed, "object store: find this program: %w", err)
		}
		executable = program
	}
	keys, err := send(o.Keys)
	if err != nil {
		return nil, fail.With(fail.CodeFailed, "object store: %w", err)
	}
	args := append([]string{"storage", "serve", "--dir", o.Dir, "--port", strconv.Itoa(o.Port), "--region",
		cmp.Or(o.Region, Region)}, extra...)
	if o.MD5 {
		args = append(args, "--md5")
	}
	cmd := exec.Command(executable, args...) //nolint:gosec,noctx // its own program; it outlives ctx
	cmd.ExtraFiles = []*os.File{keys, held}
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "TZ", "GOCOVERDIR"} {
		if value, set := os.LookupEnv(name); set {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, nil
}

// send gives the read end of a pipe that holds the keys. They fit into it: nothing waits for a reader.
func send(k Keys) (*os.File, error) {
	text, err := json.Marshal(k)
	if err != nil {
		return nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	_, err = write.Write(text)
	return read, errors.Join(err, write.Close())
}

// launch starts the command and waits until it has reported where it is. After an error, the process has been killed
// and has to be waited for.
func launch(ctx context.Context, cmd *exec.Cmd) (s State, err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return s, err
	}
	defer read.Close()
	cmd.Stdout = write
	err = cmd.Start()
	_ = write.Close()
	_ = cmd.ExtraFiles[0].Close()
	if err != nil {
		return s, err
	}
	stop := context.AfterFunc(ctx, fail.Caught(fail.Report(ctx), func() { _ = read.SetReadDeadline(time.Now()) }))
	defer stop()
	_ = read.SetReadDeadline(time.Now().Add(startTime))
	text, err := bufio.NewReader(read).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	if err != nil {
		_ = cmd.Process.Kill()
		return s, fmt.Errorf("it did not report its address: %w", errors.Join(ctx.Err(), err))
	}
	return s, nil
}

// Done is closed when the child has ended.
func (c *Child) Done() <-chan struct{} { return c.done }

// Died says how the child ended, if that was before Close was called; else nil.
func (c *Child) Died() error {
	select {
	case <-c.done:
		return fail.With(fail.CodeFailed, "the object store has ended before the run: %w",
			cmp.Or(c.err, errors.New("without an error"))).WithHint("its output is in the run's log")
	default:
		return nil
	}
}

// Close ends the child and returns when it and its folder are gone; otherwise the error says what is left (exit code
// 4). It may be called more than once.
func (c *Child) Close() error {
	c.once.Do(func() {
		_ = c.owner.Close()
		select {
		case <-c.done:
		case <-time.After(endTime):
			_ = c.cmd.Process.Kill()
			<-c.done
		}
		c.end = RemoveDead(context.Background(), c.Dir)
	})
	return c.end
}

// RemoveDead waits until the process of a store that Spawn started has ended, and removes its folder. Its owner has
// ended, or has ended it: the process then does so too. That it does not within 15 s is an error (exit code 4). dir is
// the folder that the store was to have, whether or not it ever had it.
func RemoveDead(ctx context.Context, dir string) error {
	if absent(dir) && absent(dir+besideLock) {
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, endTime+endTime/2)
	defer cancel()
	// The lock lasts as long as the process, which removes its folder before.
	held, err := filelock.Await(wait, dir+besideLock)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return fail.With(fail.CodeLeftBehind, "object store: a process of it still has %s", dir).
			WithHint("end the process that has %s among its arguments, and try again", dir)
	}
	if err != nil {
		return fail.With(fail.CodeLeftBehind, "object store: %w", err)
	}
	defer held.Close()
	if err := errors.Join(os.RemoveAll(dir), remove(dir+besideLock)); err != nil {
		return fail.With(fail.CodeLeftBehind, "object store: remove its folder: %w", err)
	}
	return nil
}

func absent(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, os.ErrNotExist)
}

// remove removes a file. That it is not there is success.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// lines passes a process's output on line by line and keeps the last of it.
type lines struct {
	mu   sync.Mutex
	each func(line string) // may be nil
	part []byte            // a line that has not ended
	last []byte
}

func (l *lines) Write(p []byte) (int, error) {
	const keep = 2000
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = append(l.last, p...)
	l.last = l.last[max(0, len(l.last)-keep):]
	l.part = append(l.part, p...)
	for {
		line, rest, whole := bytes.Cut(l.part, []byte{'\n'})
		if !whole {
			return len(p), nil
		}
		if l.each != nil {
			l.each(string(line))
		}
		l.part = rest
	}
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.last)
}
