package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
)

// Files that a platform's processes inherit, behind the standard ones.
const (
	secretsFD       = 3
	watchFD         = 4 // of the platform
	aliveFD         = 4 // of the watcher; see markAlive
	platformAliveFD = 5
)

// supervise is the watcher: it starts the platform as its child, in the best namespaces that the kernel allows, waits
// for its end and ends and removes whatever is left. It does nothing else, so that hardly anything can end it. If it is
// killed, the kernel kills the platform, and the owner or the next start removes the rest.
func supervise(ctx context.Context, s ServeIO, best sandbox.Level) error {
	program, err := os.Executable()
	if err != nil {
		return fail.With(fail.CodeFailed, "local serve: %w", err)
	}
	secret, err := inherited(secretsFD)
	if err != nil {
		return fail.Input("local serve is started by stellar, not by hand: %w", err)
	}
	defer secret.Close()
	alive := inheritAlive(aliveFD)
	sandbox.NameProcess(watcherName)
	sandbox.AdoptOrphans()
	choice, why := sandbox.Levels(), ""
	if i := slices.Index(choice, best); i > 0 {
		choice, why = choice[i:], "turned off"
	}
	for _, l := range choice {
		args := slices.Concat([]string{"local", "serve", "--platform", string(l), "--why", why}, s.Args)
		cmd := exec.Command(program, args...)
		cmd.Env, cmd.Dir = plainEnvironment(os.Environ()), "/"
		cmd.Stdin, cmd.Stdout, cmd.Stderr = s.Stdin, s.Stdout, s.Stderr
		cmd.SysProcAttr = l.Attributes()
		told, ended, err := runPlatform(ctx, cmd, secret, alive)
		switch {
		case told.unfit != "":
			why = told.unfit
		case told.order.Dir == "" && err != nil && cmd.Process == nil && l != sandbox.LevelNone:
			why = err.Error() // the kernel does not make such namespaces
		default:
			return errors.Join(ended, told.cleanUp(s.Getenv))
		}
	}
	return fail.With(fail.CodeFailed, "local platform: start: %s", why)
}

// runPlatform runs the platform to its end and ends what it leaves. err says why it could not be started, ended how it
// ended.
func runPlatform(ctx context.Context, cmd *exec.Cmd, secret *os.File, alive bool) (told watched, ended, err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return told, err, err
	}
	defer read.Close()
	cmd.ExtraFiles = []*os.File{secret, write}
	if alive {
		lock, err := copyAlive(aliveFD)
		if err != nil {
			return told, err, errors.Join(err, write.Close())
		}
		defer lock.Close()
		cmd.ExtraFiles = append(cmd.ExtraFiles, lock)
	}
	started, exited := make(chan error, 1), make(chan error, 2)
	fail.Go(func(err error) { exited <- err }, func() {
		runtime.LockOSThread() // the platform gets its parent-death signal when this thread ends
		err := cmd.Start()
		started <- err
		if err == nil {
			err = cmd.Wait()
		}
		exited <- err
	})
	err = <-started
	_ = write.Close()
	if err != nil {
		return told, err, err
	}
	sandbox.HideMemory()
	stop := context.AfterFunc(ctx, fail.Caught(fail.Report(ctx), func() { _ = cmd.Process.Signal(syscall.SIGTERM) }))
	defer stop()
	reading := make(chan watched, 1)
	fail.Go(func(error) { reading <- watched{} }, func() { reading <- readWatch(read) })
	ended = endingOf(<-exited, cmd.Stderr)
	left := sandbox.EndDescendants(killTime)
	_ = read.SetReadDeadline(time.Now().Add(time.Second)) // the other end should be closed now
	told = <-reading
	if len(left) > 0 {
		ended = errors.Join(ended, fail.With(fail.CodeLeftBehind, "local platform: processes %v do not end", left))
	}
	return told, ended, nil
}

// endingOf is how the watcher reports the platform's end: it uses the platform's exit code, and a killed platform is no
// failure if nothing of it is left.
func endingOf(err error, stderr io.Writer) error {
	var exit *exec.ExitError
	switch {
	case !errors.As(err, &exit):
		return err
	case exit.Exited():
		return fail.With(exit.ExitCode(), "local platform: %w", err)
	}
	fmt.Fprintf(stderr, "local platform: it was ended by a signal: %v\n", err)
	return nil
}

// inherited returns a file that this process was started with, and does not pass it to its own children.
func inherited(fd int) (*os.File, error) {
	var info syscall.Stat_t
	if err := syscall.Fstat(fd, &info); err != nil {
		return nil, fmt.Errorf("file %d: %w", fd, err)
	}
	if info.Mode&syscall.S_IFMT != syscall.S_IFIFO {
		return nil, fmt.Errorf("file %d is not a pipe", fd)
	}
	syscall.CloseOnExec(fd)
	_ = syscall.SetNonblock(fd, true) // so that it can have deadlines
	return os.NewFile(uintptr(fd), fmt.Sprintf("inherited %d", fd)), nil
}
