package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// running is what an instance is once it has started: a process or a container.
type running interface {
	kill() // it may have ended already
	// exited is closed when it runs no more.
	exited() <-chan struct{}
	// verdict says, once it has exited, how, in Lambda's words, and whether for want of memory.
	verdict() (how string, outOfMemory bool)
	// limitCPU gives it the share of a CPU that its memory buys, from the end of its init on.
	limitCPU(memoryMB int) error
	// peak is the most memory that it has used, in bytes, 0 where that is not known.
	peak() int64
	// release gives back, once it has exited, everything that it used. After an error it is called again.
	release() error
}

// inCell is a process in its cell.
type inCell struct {
	*process
	cell   *cell
	watch  *watch
	marker string // in the environment of the process and of what it starts
}

var _ running = (*inCell)(nil)

// startProcess starts the function's program in a cell; its output is to be read to its end.
func (in *instance) startProcess(api string) (body running, output io.ReadCloser, err error) {
	defer close(in.spawned)
	p := in.fn.platform
	cell, err := p.sandboxes.take()
	if err != nil {
		return nil, nil, err
	}
	in.cell.Store(cell)
	giveBack := func() {
		close(cell.jobs)
		<-cell.ended
		_ = cell.group.remove()
	}
	if err := cell.group.limitMemory(in.fn.spec.MemoryMB); err != nil {
		giveBack()
		return nil, nil, fmt.Errorf("limit memory: %w", err)
	}
	read, write, err := os.Pipe()
	if err != nil {
		giveBack()
		return nil, nil, err
	}
	path, args := in.fn.launch.command(in.fn.pkg.dir, in.fn.spec.Handler)
	proc := &process{path: path, args: args, dir: in.fn.pkg.dir, env: in.environment(api), output: write}
	if cell.private {
		proc.env = append(proc.env, "TMPDIR="+privateTmp)
		proc.tmp = in.tmp
		folders, skeleton := in.fn.launch.folders(in.fn.pkg.dir), filepath.Join(p.opts.Dir, "skeleton")
		if err := proc.show(folders, in.fn.hidden, skeleton); err != nil {
			giveBack()
			return nil, nil, errors.Join(err, read.Close(), write.Close())
		}
	} else {
		proc.env = append(proc.env, "TMPDIR="+in.tmp)
		p.noteSharedTmp()
	}
	err = cell.start(proc)
	_ = write.Close()
	if err != nil {
		_ = read.Close()
		<-cell.ended
		_ = cell.group.remove()
		return nil, nil, err
	}
	in.pid.Store(int64(proc.pid))
	p.watch.add(proc.pid)
	return &inCell{proc, cell, p.watch, in.marker()}, read, nil
}

func (c *inCell) exited() <-chan struct{} { return c.process.exited }

func (c *inCell) verdict() (how string, outOfMemory bool) {
	status, ok := c.state.Sys().(syscall.WaitStatus)
	switch {
	case ok && status.Signaled() && status.Signal() == syscall.SIGKILL && c.cell.group.outOfMemory():
		return "signal: killed (out of memory)", true
	case ok && status.Signaled():
		return "signal: " + status.Signal().String(), false
	case ok && status.ExitStatus() != 0:
		return fmt.Sprintf("exit status %d", status.ExitStatus()), false
	}
	return "without providing a reason", false
}

func (c *inCell) limitCPU(memoryMB int) error { return c.cell.group.limitCPU(memoryMB) }

func (c *inCell) peak() int64 {
	if v := c.cell.group.peak(); v > 0 {
		return v
	}
	return peakOf(c.pid)
}

func (c *inCell) release() error {
	c.watch.remove(c.pid)
	<-c.cell.ended
	if !c.cell.group.holdsAll() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTime)
		defer cancel()
		if left := endStrays(ctx, c.marker); len(left) > 0 {
			return errors.Join(fmt.Errorf("processes %v do not end", left), c.cell.group.remove())
		}
	}
	return c.cell.group.remove()
}

// limiter is what limits the instance's CPU, also while its start has not returned yet.
func (in *instance) limiter() interface{ limitCPU(memoryMB int) error } {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.body == nil {
		return unstarted{in}
	}
	return in.body
}

// unstarted stands for an instance that asks for work before its start has returned.
type unstarted struct{ in *instance }

func (u unstarted) limitCPU(memoryMB int) error {
	if cell := u.in.cell.Load(); cell != nil {
		return cell.group.limitCPU(memoryMB)
	}
	return nil
}
