//go:build !linux && !darwin

package machine

import "math"

// RaiseOpenFiles has nothing to raise here: the system sets no such limit, or offers no way to change it.
func RaiseOpenFiles() (int, error) { return math.MaxInt, nil }
