package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/local/resident"
)

// Process is one function process and everything that it starts.
type Process struct {
	Path   string   // of its program
	Args   []string // its name first
	Env    []string
	Dir    string // working directory
	Marker string // is in its environment, and so in that of what it starts; see EndStrays
	View   *View  // what it sees, in a cell with a private /tmp

	cell *Cell

	started chan error    // of one place: gets the outcome of the start
	exited  chan struct{} // closed once it is reaped and its group is killed
	state   *os.ProcessState

	mu     sync.Mutex
	pid    int
	reaped bool
	meter  *resident.Meter // made by the first Peak
}

// run starts the process on the cell's thread and stays with it to its end.
func (p *Process) run(c *Cell) {
	defer close(p.exited)
	defer func() {
		select {
		case p.started <- errors.New("its thread has panicked"):
		default: // it has told
		}
	}()
	sys := &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(sys)
	c.group.setBirthplace(sys)
	if c.private {
		if err := c.mounts.show(p.View); err != nil {
			p.started <- fmt.Errorf("start %s: %w", p.Path, err)
			return
		}
	}
	proc, err := os.StartProcess(p.Path, p.Args, &os.ProcAttr{
		Dir: p.Dir, Env: p.Env, Files: []*os.File{c.pool.null, c.write, c.write}, Sys: sys,
	})
	if err != nil {
		p.started <- fmt.Errorf("start %s: %w", p.Path, err)
		return
	}
	p.mu.Lock()
	p.pid = proc.Pid
	p.mu.Unlock()
	p.started <- nil
	// The one who waits runs now: the call below blocks, and the scheduler takes milliseconds to see that.
	runtime.Gosched()
	p.state = p.await(proc)
}

// Kill ends the whole process group. It does nothing once the leader is reaped: its number may be another's by then.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pid > 0 && !p.reaped {
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	}
}

// PID is the process's number, as this process sees it.
func (p *Process) PID() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pid
}

// Exited is closed when the process has ended and what it left in its process group is killed.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Verdict says, once it has exited, how it ended, in Lambda's words, and whether it was out of memory.
func (p *Process) Verdict() (how string, outOfMemory bool) {
	status, ok := p.state.Sys().(syscall.WaitStatus)
	switch {
	case ok && status.Signaled() && status.Signal() == syscall.SIGKILL && p.cell.group.outOfMemory():
		return "signal: killed (out of memory)", true
	case ok && status.Signaled():
		return "signal: " + status.Signal().String(), false
	case ok && status.ExitStatus() != 0:
		return fmt.Sprintf("exit status %d", status.ExitStatus()), false
	}
	return "without providing a reason", false
}

// LimitCPU allows the process the given processor time in every period.
func (p *Process) LimitCPU(quota, period time.Duration) error { return p.cell.LimitCPU(quota, period) }

// Peak is the most memory that it and what it has started had resident, in bytes, 0 where that is not known. Of an
// ended process it is at least the most that its control group was charged.
func (p *Process) Peak() int64 {
	p.mu.Lock()
	if p.meter == nil && p.pid > 0 && !p.reaped {
		p.meter = resident.Tree(p.pid)
		if list := p.cell.group.processes(); list != "" {
			p.meter = resident.Group(list)
		}
	}
	meter, ended := p.meter, p.reaped
	p.mu.Unlock()
	var seen int64
	if meter != nil {
		seen = meter.Peak()
	}
	if seen == 0 || ended { // what it did last was not seen
		return max(seen, p.cell.group.peak())
	}
	return seen
}

// strayTime is how long processes that have left their group may take to end after they are killed.
const strayTime = 10 * time.Second

// Release removes the cell, once the process has exited, and ends what it has started. After an error, it is called
// again.
func (p *Process) Release() error {
	<-p.cell.ended
	p.mu.Lock()
	if p.meter != nil {
		p.meter.Close()
	}
	p.mu.Unlock()
	if !p.cell.group.holdsAll() {
		ctx, cancel := context.WithTimeout(context.Background(), strayTime)
		defer cancel()
		if left := EndStrays(ctx, p.Marker); len(left) > 0 {
			return errors.Join(fmt.Errorf("processes %v do not end", left), p.cell.group.remove())
		}
	}
	err := p.cell.group.remove()
	p.cell.emptied = err == nil && p.cell.group.holdsAll()
	return err
}
