package sandbox

import (
	"context"
	"errors"
	"net"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Cell is where one instance runs: a resource group and a mount namespace, a folder, a pipe and a listener, and an OS
// thread inside them that is the process's parent. So all that can be made before the function is known is made by
// then. The thread lives exactly as long as the process, because a parent-death signal is tied to the thread that
// forked. Its methods are for one goroutine, except LimitCPU.
type Cell struct {
	pool     *Pool
	group    *cgroup
	private  bool // it has mounts of its own
	mounts   ground
	tmp      folder
	emptied  bool // its processes have ended, all of them
	listener net.Listener
	read     *os.File // ends of the pipe
	write    *os.File
	jobs     chan *Process
	ended    chan struct{} // the thread is gone
}

// PrivateTmp is the folder that instances have each their own of, where they have mounts of their own.
const PrivateTmp = "/tmp"

func (s *Pool) newCell() (*Cell, error) {
	group, err := s.groups.make()
	if err != nil {
		return nil, err
	}
	c := &Cell{
		pool: s, group: group, private: s.shared == nil,
		jobs: make(chan *Process, 1), ended: make(chan struct{}),
	}
	if err := c.furnish(); err != nil {
		return nil, errors.Join(err, c.clear(), group.remove())
	}
	joined := make(chan error, 1)
	fail.Go(s.defect, func() { c.thread(joined, s.defect) }, func() { notJoined(joined) })
	if err := <-joined; err != nil {
		<-c.ended
		return nil, errors.Join(err, c.clear(), group.remove())
	}
	return c, nil
}

// furnish makes what the cell has beside its group and its thread.
func (c *Cell) furnish() error {
	var err error
	if c.tmp, err = c.pool.acquireFolder(); err != nil {
		return err
	}
	// Both ends are on this machine: no keep-alive probes.
	config := net.ListenConfig{KeepAlive: -1}
	if c.listener, err = config.Listen(context.Background(), "tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	c.read, c.write, err = outputPipe()
	return err
}

// clear removes what furnish has made.
func (c *Cell) clear() error {
	if c.listener != nil {
		_ = c.listener.Close() // its owner may have done so
	}
	if c.read != nil {
		_, _ = c.read.Close(), c.write.Close()
	}
	return c.RemoveTmp()
}

// outputPipe is a pipe whose writing end is a process's output, and blocks therefore.
func outputPipe() (read, write *os.File, err error) {
	var ends [2]int
	syscall.ForkLock.RLock()
	err = syscall.Pipe(ends[:])
	if err == nil {
		syscall.CloseOnExec(ends[0])
		syscall.CloseOnExec(ends[1])
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return nil, nil, os.NewSyscallError("pipe", err)
	}
	_ = syscall.SetNonblock(ends[0], true) // so that Go's poller waits for it
	return os.NewFile(uintptr(ends[0]), "output"), os.NewFile(uintptr(ends[1]), "output"), nil
}

// thread runs the cell's one process. It never unlocks its OS thread, so that the thread, which is in the group, ends
// with it. The process's main thread cannot end and is therefore not used.
func (c *Cell) thread(joined chan error, defect func(error)) {
	runtime.LockOSThread()
	if onMainThread() {
		passed := make(chan error, 1)
		fail.Go(defect, func() { c.thread(passed, defect) }, func() { notJoined(passed) })
		joined <- <-passed
		runtime.UnlockOSThread()
		return
	}
	defer close(c.ended)
	err := c.group.join()
	if err == nil && c.private {
		err = c.mounts.make(c.tmp.path, c.pool.stubs)
	}
	defer c.mounts.leave()
	dropPrivileges()
	joined <- err
	if err != nil {
		return
	}
	p, ok := <-c.jobs
	if !ok {
		return
	}
	p.run(c)
}

// notJoined answers who waits for a cell's thread that has panicked.
func notJoined(joined chan error) {
	select {
	case joined <- errors.New("its thread has panicked"):
	default: // it has told
	}
}

// HasPrivateTmp reports whether the cell's process has a /tmp of its own.
func (c *Cell) HasPrivateTmp() bool { return c.private }

// Tmp is the folder that the process sees as /tmp, where it has one of its own. The caller calls RemoveTmp, except for
// a cell that is discarded.
func (c *Cell) Tmp() string { return c.tmp.path }

// Listener listens on a port of its own. It is the caller's to close, except in a cell that is discarded.
func (c *Cell) Listener() net.Listener { return c.listener }

// LimitMemory caps the memory of the cell, swap included.
func (c *Cell) LimitMemory(mb int) error { return c.group.limitMemory(mb) }

// LimitCPU allows the cell the given processor time in every period.
func (c *Cell) LimitCPU(quota, period time.Duration) error { return c.group.limitCPU(quota, period) }

// Discard removes a cell that has started nothing.
func (c *Cell) Discard() error {
	close(c.jobs)
	err := c.remove()
	c.emptied = err == nil
	err = errors.Join(err, c.clear())
	c.pool.replenish()
	return err
}

// remove waits for the end of the cell's thread and removes its group, with whatever is still in it.
func (c *Cell) remove() error {
	<-c.ended
	return c.group.remove()
}

// Start runs the process in the cell and returns once it is executing its program. output is what it prints; the
// caller closes it. After an error the cell is removed.
func (c *Cell) Start(p *Process) (output *os.File, err error) {
	p.cell, p.started, p.exited = c, make(chan error, 1), make(chan struct{})
	c.tmp.usedAt = time.Now()
	c.jobs <- p
	err = <-p.started
	c.pool.replenish()
	_ = c.write.Close()
	if err != nil {
		return nil, errors.Join(err, c.read.Close(), c.remove())
	}
	return c.read, nil
}
