package local

import (
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// maxTail is how many bytes of an invocation's log a caller of Invoke gets: the last 4 KB, as on Lambda.
const maxTail = 4096

// logTail is the end of an invocation's log.
type logTail struct {
	mu  sync.Mutex
	all []byte
}

// line adds a line. What is older than the tail is dropped now and then.
func (t *logTail) line(text []byte) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.all = append(append(t.all, text...), '\n')
	if len(t.all) > 16*maxTail {
		t.all = append(t.all[:0], t.all[len(t.all)-maxTail:]...)
	}
}

func (t *logTail) bytes() []byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all[max(0, len(t.all)-maxTail):]
}

// drainTime is how long the answer of an invocation waits for what its function has printed before it.
const drainTime = 50 * time.Millisecond

// outputPipe is an instance's output. It says when everything that was printed has been read: what a function prints
// and what it answers come on two ways.
type outputPipe struct {
	io.ReadCloser
	reading atomic.Bool
}

func (o *outputPipe) Read(p []byte) (int, error) {
	o.reading.Store(true)
	n, err := o.ReadCloser.Read(p)
	if n > 0 || err != nil {
		o.reading.Store(false)
	}
	return n, err
}

// drain waits until all that was printed is read, at most drainTime. How much a container's output holds is not known.
func (o *outputPipe) drain() {
	if o == nil {
		return
	}
	quiet := 0
	for deadline := time.Now().Add(drainTime); quiet < 3 && time.Now().Before(deadline); {
		if o.reading.Load() && !pending(o.ReadCloser) {
			quiet++
		} else {
			quiet = 0
		}
		time.Sleep(200 * time.Microsecond)
	}
}

// pending reports whether a pipe holds something that is not read yet; false where that is not known.
func pending(r io.ReadCloser) (some bool) {
	file, ok := r.(*os.File)
	if !ok {
		return false
	}
	raw, err := file.SyscallConn()
	if err != nil {
		return false
	}
	_ = raw.Control(func(fd uintptr) {
		look := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		_, _ = unix.Poll(look, 0)
		some = look[0].Revents&unix.POLLIN != 0
	})
	return some
}
