package cli

import (
	"errors"
	"io"
	"sync/atomic"
	"syscall"
)

// output is standard output or standard error. A reader that has gone (`| head`, a tee that Ctrl-C has ended, a
// terminal that was closed) must not end a run: what is written from then on is lost, and that is no error. Any other
// failed write, such as one to a full disk, is.
type output struct {
	to       io.Writer
	terminal bool
	closed   atomic.Bool // there is no reader any more
}

func (o *output) Write(p []byte) (int, error) {
	if o.closed.Load() {
		return len(p), nil
	}
	n, err := o.to.Write(p)
	if o.lost(err) {
		o.closed.Store(true)
		return len(p), nil
	}
	return n, err
}

// lost reports whether a write failed because there is no reader. A terminal that was closed answers EIO, which is a
// broken disk elsewhere.
func (o *output) lost(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) ||
		o.terminal && errors.Is(err, syscall.EIO)
}
