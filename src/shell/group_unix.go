//go:build unix

package shell

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// setGroup puts the program into a process group of its own, so that a terminal's Ctrl-C does not reach it (stellar
// decides what is stopped, and when) and all of its children can be stopped with it.
func setGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(cmd.SysProcAttr)
}

// startAndWait runs the command to its end and tells whether it was stopped: when ctx ends first the group is terminated,
// after the grace killed. Nothing of the group is left in any case: what a command leaves running is not wanted.
//
// The kernel ties a parent-death signal to the thread that forked, not to the process: the program is started on a
// thread that is locked for as long as the program lives, else it would be killed when the Go runtime drops an idle one.
func startAndWait(ctx context.Context, cmd *exec.Cmd, grace time.Duration) (stopped bool, err error) {
	done := make(chan error, 1)
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			done <- cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return false, err
	}
	group := -cmd.Process.Pid
	defer func() { _ = syscall.Kill(group, syscall.SIGKILL) }()
	defer guard(group)()
	select {
	case err := <-done:
		return false, err
	case <-ctx.Done():
	}
	_ = syscall.Kill(group, syscall.SIGTERM)
	deadline := time.NewTimer(grace)
	defer deadline.Stop()
	select {
	case err := <-done:
		waitEmpty(group, deadline.C)
		return true, err
	case <-deadline.C:
		_ = syscall.Kill(group, syscall.SIGKILL)
		return true, <-done
	}
}

// guard has the whole group killed when this process dies, kill -9 included. The parent-death signal reaches the program
// alone: what it has started, as the launchers of Node.js programs do, would go on deploying. The pipe's other end closes
// with this process, whatever ends it.
func guard(group int) (release func()) {
	r, w, err := os.Pipe()
	if err != nil {
		return func() {}
	}
	watch := exec.Command("/bin/sh", "-c", `read -r _; kill -s KILL -- "-$1"`, "guard", strconv.Itoa(-group))
	watch.Stdin, watch.SysProcAttr = r, &syscall.SysProcAttr{Setpgid: true}
	err = watch.Start()
	_ = r.Close()
	if err != nil {
		_ = w.Close()
		return func() {}
	}
	return func() {
		_ = watch.Process.Kill() // before the pipe closes
		_ = watch.Wait()
		_ = w.Close()
	}
}

// waitEmpty gives the group's other members what is left of the grace once its leader is gone.
func waitEmpty(group int, deadline <-chan time.Time) {
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for syscall.Kill(group, 0) == nil {
		select {
		case <-poll.C:
		case <-deadline:
			return
		}
	}
}

// signalOf names the signal that ended the program, empty where it exited.
func signalOf(s *os.ProcessState) string {
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return ws.Signal().String()
	}
	return ""
}
