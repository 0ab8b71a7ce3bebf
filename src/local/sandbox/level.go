// Package sandbox is the process side of an instance of the local platform: the namespaces and control groups that a
// function's process runs in (Pool, Cell), the process itself (Process), and what ends and removes everything that a
// function has started (EndDescendants, EndStrays, RemoveGroups). Without Linux it offers what a process group can do.
package sandbox

import "time"

// Level is how much of this machine a platform and its functions see.
type Level string

const (
	LevelFull   Level = "processes" // namespaces of its own for processes and mounts: all in them end with the platform
	LevelMounts Level = "mounts"    // a namespace of its own for mounts
	LevelNone   Level = "none"
)

// Limits says which limits are enforced, and why others are not.
type Limits struct {
	Memory bool
	CPU    bool
	Why    string
}

// Period is the period of a processor time quota that cells are made with: Lambda's, not the kernel's default of
// 100 ms.
const Period = 20 * time.Millisecond
