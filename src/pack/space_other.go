//go:build !linux && !darwin

package pack

// freeBytes is not known here: a full disk is found while writing.
func freeBytes(string) (int64, bool) { return 0, false }
