package local

import (
	"errors"
	"sync"
)

// leftovers are steps of a function's removal that failed. Each is tried again whenever its service is to be removed, and
// the service is there until none is left. A step must be safe to repeat.
type leftovers struct {
	mu    sync.Mutex
	steps []func() error
}

// try does a step and keeps it where it fails.
func (l *leftovers) try(step func() error) error {
	err := step()
	if err != nil {
		l.mu.Lock()
		l.steps = append(l.steps, step)
		l.mu.Unlock()
	}
	return err
}

// retry does the steps that are left.
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
