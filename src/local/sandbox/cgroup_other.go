//go:build !linux

package local

import "syscall"

// cgroups enforces nothing here: this system has no control groups.
type cgroups struct{ limits Limits }

type cgroup struct{}

func openCgroups(string, bool, bool) *cgroups {
	return &cgroups{limits: Limits{Why: "limits need Linux control groups"}}
}

func (c *cgroups) make() (*cgroup, error) { return &cgroup{}, nil }

func (c *cgroups) close() error { return nil }

func (g *cgroup) join() error                { return nil }
func (g *cgroup) place(*syscall.SysProcAttr) {}
func (g *cgroup) limitMemory(int) error      { return nil }
func (g *cgroup) limitCPU(int) error         { return nil }
func (g *cgroup) peak() int64                { return 0 }
func (g *cgroup) outOfMemory() bool          { return false }
func (g *cgroup) holdsAll() bool             { return false }
func (g *cgroup) remove() error              { return nil }

// removeCgroups removes what a killed platform left.
func removeCgroups(string) error { return nil }
