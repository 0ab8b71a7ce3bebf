package sandbox

import (
	"errors"
	"os"
	"runtime"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Pool makes the cells that instances run in and keeps a few ready, because joining a resource group can cost more
// (some kernels wait for an RCU grace period, over 10 ms) than starting the process.
type Pool struct {
	groups *Groups
	shared error // why instances share this machine's /tmp; nil: each has its own
	null   *os.File
	stock  chan *Cell
	refill chan struct{}
	stop   chan struct{}
	done   chan struct{}
	defect func(error) // told of a panic
}

// SpareCells is the number of cells that are kept ready.
const SpareCells = 4

func NewPool(groups *Groups, defect func(error)) (*Pool, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	s := &Pool{
		groups: groups, null: null, shared: TryPrivateMounts(),
		stock: make(chan *Cell, SpareCells), refill: make(chan struct{}, 1),
		stop: make(chan struct{}), done: make(chan struct{}), defect: defect,
	}
	s.refill <- struct{}{}
	fail.Go(defect, s.restock, func() { close(s.done) })
	return s, nil
}

// restock keeps the stock full; it is the only goroutine that puts cells into it.
func (s *Pool) restock() {
	for {
		select {
		case <-s.stop:
			return
		case <-s.refill:
		}
		for len(s.stock) < cap(s.stock) {
			c, err := s.newCell()
			if err != nil {
				break // the request that needs a cell will make its own, and report what is wrong
			}
			s.stock <- c
		}
	}
}

// Limits says which limits the cells enforce.
func (s *Pool) Limits() Limits { return s.groups.limits }

// SharedTmp says why instances share this machine's /tmp; nil: each has its own.
func (s *Pool) SharedTmp() error { return s.shared }

// Acquire returns a cell from the stock, or a new one.
func (s *Pool) Acquire() (*Cell, error) {
	select {
	case c := <-s.stock:
		select {
		case s.refill <- struct{}{}:
		default: // it is asked to already
		}
		return c, nil
	default:
		return s.newCell()
	}
}

// Close removes the spare cells and the platform's resource groups. All acquired cells must be released or discarded
// first.
func (s *Pool) Close() error {
	close(s.stop)
	<-s.done
	close(s.stock)
	var errs []error
	for c := range s.stock {
		errs = append(errs, c.Discard())
	}
	return errors.Join(append(errs, s.groups.Close(), s.null.Close())...)
}

// Cell is where one instance runs: a resource group and a mount namespace, and an OS thread inside them that is the
// process's parent. The thread lives exactly as long as the process, because a parent-death signal is tied to the
// thread that forked. Its methods are for one goroutine, except limitCPU.
type Cell struct {
	group   *cgroup
	private bool // it has mounts of its own
	null    *os.File
	jobs    chan *Process
	ended   chan struct{} // the thread is gone
}

// PrivateTmp is the folder that instances have each their own of, where they have mounts of their own.
const PrivateTmp = "/tmp"

func (s *Pool) newCell() (*Cell, error) {
	group, err := s.groups.make()
	if err != nil {
		return nil, err
	}
	c := &Cell{
		group: group, private: s.shared == nil, null: s.null,
		jobs: make(chan *Process, 1), ended: make(chan struct{}),
	}
	joined := make(chan error, 1)
	fail.Go(s.defect, func() { c.thread(joined, s.defect) }, func() { notJoined(joined) })
	if err := <-joined; err != nil {
		<-c.ended
		return nil, errors.Join(err, group.remove())
	}
	return c, nil
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
		err = leaveMounts()
	}
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

// LimitMemory caps the memory of the cell, swap included.
func (c *Cell) LimitMemory(mb int) error { return c.group.limitMemory(mb) }

// LimitCPU allows the cell the given processor time in every period.
func (c *Cell) LimitCPU(quota, period time.Duration) error { return c.group.limitCPU(quota, period) }

// Discard removes a cell that has started nothing.
func (c *Cell) Discard() error {
	close(c.jobs)
	return c.remove()
}

// remove waits for the end of the cell's thread and removes its group, with whatever is still in it.
func (c *Cell) remove() error {
	<-c.ended
	return c.group.remove()
}

// Start runs the process in the cell and returns once it is executing its program. After an error the cell is removed.
func (c *Cell) Start(p *Process) error {
	p.cell, p.started, p.exited = c, make(chan error, 1), make(chan struct{})
	c.jobs <- p
	if err := <-p.started; err != nil {
		_ = c.remove()
		return err
	}
	return nil
}
