//go:build linux || darwin

package pack

import (
	"syscall"

	"stellar/src/bytesize"
)

// freeBytes is what the disk that holds dir has left for us.
func freeBytes(dir string) (bytesize.Size, bool) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, false
	}
	return bytesize.Size(st.Bavail) * bytesize.Size(st.Bsize), true
}
