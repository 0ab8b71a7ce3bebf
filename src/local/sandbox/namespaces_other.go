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

func dropPrivileges() {}

// ground is empty: there are no mounts of a cell's own.
type ground struct{}

func (g *ground) make(string, []shownFolder) error { return TryPrivateMounts() }
func (g *ground) show(*View) error                 { return TryPrivateMounts() }
func (g *ground) leave()                           {}

func OuterPID() int { return os.Getpid() }

func HideMemory() {}
