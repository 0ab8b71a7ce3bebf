//go:build !linux

package sandbox

import (
	"errors"
	"os"
	"syscall"
)

// Levels is what there is without namespaces.
func Levels() []Level { return []Level{LevelNone} }

func (l Level) Attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func (l Level) Enter() error { return nil }

// TryPrivateMounts says that instances cannot have mounts of their own here.
func TryPrivateMounts() error { return errors.New("it needs Linux") }

func leaveMounts() error { return TryPrivateMounts() }

func dropPrivileges() {}

func (p *Process) mount() error { return TryPrivateMounts() }

func OuterPID() int { return os.Getpid() }

func HideMemory() {}
