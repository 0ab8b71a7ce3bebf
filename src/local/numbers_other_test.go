//go:build !linux

package local

// Without namespaces a process has one number.
func outerOf(_, inner int) int { return inner }

func parentOf(int) int { return 0 }
