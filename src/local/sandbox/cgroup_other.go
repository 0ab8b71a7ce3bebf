//go:build !linux

package sandbox

import (
	"syscall"
	"time"
)

// Groups enforces nothing here: this system has no control groups.
type Groups struct{ limits Limits }

type cgroup struct{}

// OpenGroups returns groups that enforce nothing.
func OpenGroups(string, bool, bool) *Groups {
	return &Groups{limits: Limits{Why: "limits need Linux control groups"}}
}

func (c *Groups) make() (*cgroup, error) { return &cgroup{}, nil }

// Close has nothing to remove.
func (c *Groups) Close() error { return nil }

func (g *cgroup) join() error                                 { return nil }
func (g *cgroup) setBirthplace(*syscall.SysProcAttr)          {}
func (g *cgroup) limitMemory(int) error                       { return nil }
func (g *cgroup) limitCPU(time.Duration, time.Duration) error { return nil }
func (g *cgroup) peak() int64                                 { return 0 }
func (g *cgroup) processes() string                           { return "" }
func (g *cgroup) outOfMemory() bool                           { return false }
func (g *cgroup) holdsAll() bool                              { return false }
func (g *cgroup) remove() error                               { return nil }

// RemoveGroups removes what a killed platform left.
func RemoveGroups(string) error { return nil }
