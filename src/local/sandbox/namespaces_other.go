//go:build !linux

package local

import (
	"errors"
	"os"
	"syscall"
)

// levels is what there is without namespaces.
func levels() []level { return []level{levelNone} }

func (l level) attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func (l level) enter() error { return nil }

func tryPrivateMounts() error { return errors.New("it needs Linux") }

func leaveMounts() error { return tryPrivateMounts() }

func dropPrivileges() {}

func (p *process) mount() error { return tryPrivateMounts() }

func outerPID() int { return os.Getpid() }

func hideMemory() {}
