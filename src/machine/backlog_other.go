//go:build !linux

package machine

// ListenBacklog is 0: other systems do not say it.
func ListenBacklog(int) (int, error) { return 0, nil }
