package shell

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// capture reads a program's output through its own pipes. With the pipes of exec.Cmd, the output is complete only after
// the program is reaped, but its group has to be killed before that (see startAndWait).
type capture struct {
	to     []io.Writer
	reads  []*os.File
	writes []*os.File // the program's ends, until it has started
	copied chan error // one of each stream
}

func newCapture(cmd *exec.Cmd, stdout, stderr io.Writer) (*capture, error) {
	c := &capture{to: []io.Writer{stdout, stderr}, copied: make(chan error, 2)}
	for range c.to {
		r, w, err := os.Pipe()
		if err != nil {
			c.close()
			return nil, err
		}
		c.reads, c.writes = append(c.reads, r), append(c.writes, w)
	}
	cmd.Stdout, cmd.Stderr = c.writes[0], c.writes[1]
	return c, nil
}

// begin starts to read; the program has started.
func (c *capture) begin() {
	for i, r := range c.reads {
		_ = c.writes[i].Close()
		fail.Go(func(err error) { c.copied <- err }, func() {
			err := fail.Try(func() error { _, err := io.Copy(onlyWriter{c.to[i]}, r); return err })
			if err != nil {
				_, _ = io.Copy(io.Discard, r) // a program whose output is not read would wait for ever
			}
			c.copied <- err
		})
	}
	c.writes = nil
}

// finish waits for the end of both streams, but no longer than its limit: a background child can hold them open for
// ever.
func (c *capture) finish(patience time.Duration) error {
	end := time.AfterFunc(patience, fail.Caught(func(err error) { c.copied <- err }, func() {
		for _, r := range c.reads {
			_ = r.SetReadDeadline(time.Now())
		}
	}))
	defer end.Stop()
	var errs []error
	for range c.reads {
		if err := <-c.copied; !errors.Is(err, os.ErrDeadlineExceeded) {
			errs = append(errs, err)
		}
	}
	c.close()
	return errors.Join(errs...)
}

func (c *capture) close() {
	for _, f := range append(c.reads, c.writes...) {
		_ = f.Close()
	}
	c.reads, c.writes = nil, nil
}
