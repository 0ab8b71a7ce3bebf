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

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// setGroup puts the program into its own process group, so that Ctrl-C on a terminal does not reach it (stellar decides
// what is stopped, and when) and all of its children can be stopped with it.
func setGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(cmd.SysProcAttr)
}

// setSession puts the program into its own session: neither Ctrl-C on the terminal nor the terminal's end reaches it.
func setSession(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }

// startAndWait runs the command to its end and reports whether it was stopped: if ctx ends first, the group is
// terminated, and killed after the grace period. No process of the group survives in any case.
//
// The program is reaped last. Until then, its process id, which is also the id of its group, cannot be given to another
// process, so that a signal to the group reaches no other process.
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

// terminate asks the group to end, and kills it after the grace period. It returns when the program has ended.
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

// startOnThread starts the program on a thread that is locked while the program lives. The kernel ties a parent-death
// signal to the thread that forked, not to the process: the program would be killed when the Go runtime ends an idle
// thread.
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

// guard makes sure that the whole group is killed when this process dies, also by kill -9. The parent-death signal
// reaches only the program: its children, such as those of the launchers of Node.js programs, would continue to deploy.
// The pipe's other end closes with this process, however it ends.
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

// waitAlone waits for the group's other members, for the rest of the grace period, after its leader has ended.
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

// signalOf names the signal that ended the program; empty if it exited.
func signalOf(s *os.ProcessState) string {
	if ws, ok := s.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return ws.Signal().String()
	}
	return ""
}
