//go:build !linux

package machine

import "github.com/vhive-serverless/STeLLAR/src/fail"

// usableCores has no answer here: this system binds no thread to a core.
func usableCores() (Cores, error) {
	return nil, fail.Input("this system cannot bind a process to cores: only Linux can")
}

// Bind is an error here.
func (c Cores) Bind() (restore func() error, err error) {
	_, err = usableCores()
	return nil, err
}

// Run calls f: there are no cores to bind to.
func (c Cores) Run(f func() error) error { return f() }
