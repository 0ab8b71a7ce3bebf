package local

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"stellar/src/fail"
)

// sandboxes makes the cells that instances run in and keeps a few in stock, because joining a resource group can cost
// more (some kernels wait for an RCU grace period, over 10 ms) than starting the process.
type sandboxes struct {
	groups *cgroups
	shared error // why instances share this machine's /tmp; nil: each has its own
	null   *os.File
	stock  chan *cell
	refill chan struct{}
	stop   chan struct{}
	done   chan struct{}
	defect func(error) // told of a panic
}

// spareCells is how many cells are kept ready.
const spareCells = 4

func newSandboxes(groups *cgroups, defect func(error)) (*sandboxes, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	s := &sandboxes{
		groups: groups, null: null, shared: tryPrivateMounts(),
		stock: make(chan *cell, spareCells), refill: make(chan struct{}, 1),
		stop: make(chan struct{}), done: make(chan struct{}), defect: defect,
	}
	s.refill <- struct{}{}
	fail.Go(defect, s.restock, func() { close(s.done) })
	return s, nil
}

// restock keeps the stock full; it is the only goroutine that puts cells into it.
func (s *sandboxes) restock() {
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

// take gives a cell from the stock, or a new one.
func (s *sandboxes) take() (*cell, error) {
	select {
	case c := <-s.stock:
		select {
		case s.refill <- struct{}{}:
		default:
		}
		return c, nil
	default:
		return s.newCell()
	}
}

// close removes the spare cells and the platform's resource groups. All taken cells must be gone.
func (s *sandboxes) close() error {
	close(s.stop)
	<-s.done
	close(s.stock)
	var errs []error
	for c := range s.stock {
		close(c.jobs)
		<-c.ended
		errs = append(errs, c.group.remove())
	}
	return errors.Join(append(errs, s.groups.close(), s.null.Close())...)
}

// cell is the place of one instance: a resource group and a mount namespace, and an OS thread inside them that is the
// process's parent. The
// thread lives exactly as long as the process, because a parent-death signal is tied to the thread that forked.
type cell struct {
	group   *cgroup
	private bool // it has mounts of its own
	null    *os.File
	jobs    chan *process
	ended   chan struct{} // the thread is gone
}

// privateTmp is the folder that instances have each their own of, where they have mounts of their own.
const privateTmp = "/tmp"

func (s *sandboxes) newCell() (*cell, error) {
	group, err := s.groups.make()
	if err != nil {
		return nil, err
	}
	c := &cell{
		group: group, private: s.shared == nil, null: s.null,
		jobs: make(chan *process, 1), ended: make(chan struct{}),
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
// with it; the process's main thread cannot end and is therefore passed over.
func (c *cell) thread(joined chan error, defect func(error)) {
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

// process is one function process and everything that it starts.
type process struct {
	path   string
	args   []string
	env    []string
	dir    string
	output *os.File // stdout and stderr

	// Of a cell with mounts of its own: what it sees as /tmp, and the folders that it cannot write to.
	tmp      string
	readOnly []shownFolder
	stubs    []shownFolder // what the former need to be mounted at, where they lie below /tmp

	started chan error    // gets the outcome of the start
	exited  chan struct{} // closed once it is reaped and its group is killed
	state   *os.ProcessState

	mu     sync.Mutex
	pid    int
	reaped bool
}

// shownFolder is a folder of this machine and where an instance sees it.
type shownFolder struct{ source, target string }

// show has the process see folders read-only where they are. For those that its own /tmp would hide, skeleton is a
// folder with the empty folders to mount them at, the same for all instances: to make them for each would cost a cold
// start more than everything else here. Hidden folders are empty to it.
func (p *process) show(folders, hidden []string, skeleton string) error {
	if err := os.MkdirAll(filepath.Join(skeleton, ".empty"), 0o755); err != nil {
		return err
	}
	for _, dir := range hidden {
		if !strings.HasPrefix(dir, privateTmp+"/") {
			p.readOnly = append(p.readOnly, shownFolder{filepath.Join(skeleton, ".empty"), dir})
		}
	}
	for _, dir := range folders {
		p.readOnly = append(p.readOnly, shownFolder{dir, dir})
		below, ok := strings.CutPrefix(dir, privateTmp+"/")
		if !ok {
			continue
		}
		if err := os.MkdirAll(filepath.Join(skeleton, below), 0o755); err != nil {
			return err
		}
		top, _, _ := strings.Cut(below, "/")
		stub := shownFolder{filepath.Join(skeleton, top), filepath.Join(privateTmp, top)}
		if !slices.Contains(p.stubs, stub) {
			p.stubs = append(p.stubs, stub)
		}
	}
	return nil
}

// start runs the process in the cell and returns once it is executing its program.
func (c *cell) start(p *process) error {
	p.started, p.exited = make(chan error, 1), make(chan struct{})
	c.jobs <- p
	return <-p.started
}

// run starts the process on the cell's thread and stays with it to its end.
func (p *process) run(c *cell) {
	defer close(p.exited)
	defer func() {
		select {
		case p.started <- errors.New("its thread has panicked"):
		default: // it has told
		}
	}()
	sys := &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(sys)
	c.group.place(sys)
	if c.private {
		if err := p.mount(); err != nil {
			p.started <- fmt.Errorf("start %s: %w", p.path, err)
			return
		}
	}
	proc, err := os.StartProcess(p.path, p.args, &os.ProcAttr{
		Dir: p.dir, Env: p.env, Files: []*os.File{c.null, p.output, p.output}, Sys: sys,
	})
	if err != nil {
		p.started <- fmt.Errorf("start %s: %w", p.path, err)
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

// kill ends the whole process group. It does nothing once the leader is reaped: its number may be another's by then.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pid > 0 && !p.reaped {
		_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	}
}
