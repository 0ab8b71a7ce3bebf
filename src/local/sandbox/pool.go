package sandbox

import (
	"errors"
	"os"
	"sync/atomic"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Pool makes the cells that instances run in and keeps a few ready, because joining a resource group can cost more
// (some kernels wait for an RCU grace period, over 10 ms) than starting the process.
type Pool struct {
	groups *Groups
	dir    string        // of the platform
	stubs  []shownFolder // for what is in dir
	next   atomic.Int64
	unused chan folder // that instances have left as they were
	shared error       // why instances share this machine's /tmp; nil: each has its own
	null   *os.File
	stock  chan *Cell
	refill chan struct{}
	stop   chan struct{}
	done   chan struct{}
	defect func(error) // told of a panic
}

// SpareCells is the number of cells that are kept ready.
const SpareCells = 4

// NewPool makes a pool. dir is the platform's folder, in which the packages of its functions lie; the cells' own
// folders are in its tmp.
func NewPool(groups *Groups, dir string, defect func(error)) (*Pool, error) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	stubs, err := stubsFor(dir, dir)
	if err == nil {
		err = os.MkdirAll(tmpFolders(dir), 0o755)
	}
	if err != nil {
		return nil, errors.Join(err, null.Close())
	}
	s := &Pool{
		groups: groups, dir: dir, unused: make(chan folder, 2*SpareCells),
		stubs: stubs, null: null, shared: TryPrivateMounts(),
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

// Acquire returns a cell from the stock, or a new one. The stock is filled up once the cell's process has started, or
// the cell is discarded: the kernel's locks on mounts and control groups would hold up the start.
func (s *Pool) Acquire() (*Cell, error) {
	select {
	case c := <-s.stock:
		return c, nil
	default:
		return s.newCell()
	}
}

// replenish asks for a full stock.
func (s *Pool) replenish() {
	select {
	case s.refill <- struct{}{}:
	default: // it is asked to already
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
	close(s.unused)
	for f := range s.unused {
		errs = append(errs, s.removeFolder(f))
	}
	return errors.Join(append(errs, s.groups.Close(), s.null.Close())...)
}
