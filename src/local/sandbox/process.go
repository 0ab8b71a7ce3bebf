package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
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
	Dir    string   // working directory
	Output *os.File // stdout and stderr
	Marker string   // is in its environment, and so in that of what it starts; see EndStrays
	Tmp    string   // the folder that it sees as /tmp, in a cell with a private /tmp

	cell     *Cell
	readOnly []shownFolder // folders that it cannot write to, in a cell with a private /tmp
	stubs    []shownFolder // what the former need to be mounted at, where they lie below /tmp

	started chan error    // of one place: gets the outcome of the start
	exited  chan struct{} // closed once it is reaped and its group is killed
	state   *os.ProcessState

	mu     sync.Mutex
	pid    int
	reaped bool
	meter  *resident.Meter // made by the first Peak
}

// shownFolder is a folder of this machine and where an instance sees it.
type shownFolder struct{ source, target string }

// Show makes the process see folders read-only at their paths. For those that its own /tmp would hide, skeleton is a
// folder with the empty folders to mount them at, the same for all instances: making them for each would take longer
// than the rest of a cold start here. Hidden folders are empty for it.
func (p *Process) Show(folders, hidden []string, skeleton string) error {
	if err := os.MkdirAll(filepath.Join(skeleton, ".empty"), 0o755); err != nil {
		return err
	}
	for _, dir := range hidden {
		if !strings.HasPrefix(dir, PrivateTmp+"/") {
			p.readOnly = append(p.readOnly, shownFolder{filepath.Join(skeleton, ".empty"), dir})
		}
	}
	for _, dir := range folders {
		p.readOnly = append(p.readOnly, shownFolder{dir, dir})
		below, ok := strings.CutPrefix(dir, PrivateTmp+"/")
		if !ok {
			continue
		}
		if err := os.MkdirAll(filepath.Join(skeleton, below), 0o755); err != nil {
			return err
		}
		top, _, _ := strings.Cut(below, "/")
		stub := shownFolder{filepath.Join(skeleton, top), filepath.Join(PrivateTmp, top)}
		if !slices.Contains(p.stubs, stub) {
			p.stubs = append(p.stubs, stub)
		}
	}
	return nil
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
		if err := p.mount(); err != nil {
			p.started <- fmt.Errorf("start %s: %w", p.Path, err)
			return
		}
	}
	proc, err := os.StartProcess(p.Path, p.Args, &os.ProcAttr{
		Dir: p.Dir, Env: p.Env, Files: []*os.File{c.null, p.Output, p.Output}, Sys: sys,
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
	return p.cell.group.remove()
}
