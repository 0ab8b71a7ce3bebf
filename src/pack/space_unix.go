//go:build linux || darwin

package pack

import (
	"syscall"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
)

// freeBytes is the free space for this user on the disk of dir, in bytes.
func freeBytes(dir string) (bytesize.Size, bool) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, false
	}
	return bytesize.Size(st.Bavail) * bytesize.Size(st.Bsize), true
}
