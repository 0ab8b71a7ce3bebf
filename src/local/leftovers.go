package local

import (
	"context"
	"errors"
	"sync"

	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
)

// leftovers are failed steps of a function's removal. Each is tried again whenever its service is to be removed, and
// the service exists until none is left. A step must be safe to repeat.
type leftovers struct {
	mu    sync.Mutex
	steps []func() error
}

// try runs a step and keeps it if it fails.
func (l *leftovers) try(step func() error) error {
	err := step()
	if err != nil {
		l.mu.Lock()
		l.steps = append(l.steps, step)
		l.mu.Unlock()
	}
	return err
}

// retry runs the steps that are left.
func (l *leftovers) retry() error {
	l.mu.Lock()
	steps := l.steps
	l.steps = nil
	l.mu.Unlock()
	var errs []error
	for _, step := range steps {
		errs = append(errs, l.try(step))
	}
	return errors.Join(errs...)
}

func (l *leftovers) none() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.steps) == 0
}

// giveUpCode releases the package.
func (f *function) giveUpCode() {
	if err := f.releaseCode(); err != nil {
		_ = f.left.try(f.removeCode) // it failed just now
		f.platform.opts.Warnf("function %s: remove package: %v", f.spec.Name, err)
	}
	close(f.ended)
}

// releaseCode releases the package or image.
func (f *function) releaseCode() error {
	if f.image != nil {
		return f.image.Release(context.Background())
	}
	return f.pkg.release()
}

// removeCode removes what giveBack, which counts users, could not remove.
func (f *function) removeCode() error {
	if f.image != nil {
		return f.image.Release(context.Background())
	}
	return sandbox.RemoveTree(f.pkg.dir)
}
