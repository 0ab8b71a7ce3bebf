//go:build linux || darwin

package shell

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"stellar/src/fail"
)

// setGroup puts the program into a process group of its own, so that a terminal's Ctrl-C does not reach it (stellar
// decides what is stopped, and when) and all of its children can be stopped with it.
func setGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(cmd.SysProcAttr)
}

// startAndWait runs the command to its end and tells whether it was stopped: when ctx ends first the group is
// terminated, after the grace killed. Nothing of the group is left in any case: what a command leaves running is not
// wanted.
//
// The program is reaped last. Until then its number, which is also that of its group, cannot be given to another
// process, and a signal to the group reaches nobody else.
func startAndWait(ctx context.Context, cmd *exec.Cmd, out *capture, grace time.Duration) (stopped bool, err error) {
	p, err := startOnThread(cmd)
	if err != nil {
		out.close()
		return false, err
	}
	out.begin()
	group := -cmd.Process.Pid
	release := guard(group)
	select {
	case <-p.exited:
	case <-ctx.Done():
		stopped = true
		terminate(group, p, grace)
	}
	copied := out.finish(drain)
	_ = syscall.Kill(group, syscall.SIGKILL)
	release()
	return stopped, errors.Join(p.reap(), copied)
}

// terminate has the group end by itself, and kills it once the grace has passed. It returns when the program has ended.
func terminate(group int, p *program, grace time.Duration) {
	_ = syscall.Kill(group, syscall.SIGTERM)
	deadline := time.NewTimer(grace)
	defer deadline.Stop()
	select {
	case <-p.exited:
		waitAlone(-group, deadline.C)
	case <-deadline.C:
	}
	_ = syscall.Kill(group, syscall.SIGKILL)
	<-p.exited
}

// program is a started program, and the thread that started it.
type program struct {
	exited chan struct{} // closed when it has ended; it is not reaped yet
	leave  chan struct{} // closed when it may be
	reaped chan error    // how it ended
}

// startOnThread starts the program on a thread that is locked for as long as the program lives. The kernel ties a
// parent-death signal to the thread that forked, not to the process: the program would be killed when the Go runtime
// drops an idle thread.
func startOnThread(cmd *exec.Cmd) (*program, error) {
	p := &program{exited: make(chan struct{}), leave: make(chan struct{}), reaped: make(chan error, 2)}
	started := make(chan error, 2)
	fail.Go(func(err error) { started <- err; p.reaped <- err }, func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		awaitExit(cmd.Process.Pid)
		close(p.exited)
		<-p.leave
		p.reaped <- cmd.Wait()
	})
	return p, <-started
}

func (p *program) reap() error {
	close(p.leave)
	return <-p.reaped
}

// guard has the whole group killed when this process dies, kill -9 included. The parent-death signal reaches the
// program alone: what it has started, as the launchers of Node.js programs do, would go on deploying. The pipe's other
// end closes with this process, whatever ends it.
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

// waitAlone gives the group's other members what is left of the grace once its leader has ended.
func waitAlone(leader int, deadline <-chan time.Time) {
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for hasOthers(leader) {
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
