package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// fullDisk says which disk is full, as far as the error names a file on it, and how much is free there; empty where the
// error is of another kind.
func fullDisk(err error) string {
	what := "the disk is full"
	said, says := fail.SaysDiskFull(err) // a program that was run
	switch {
	case errors.Is(err, syscall.EDQUOT):
		what = "the disk quota is used up"
	case !errors.Is(err, syscall.ENOSPC) && !says:
		return ""
	}
	path := cmp.Or(fullPath(err), said)
	if path == "" && !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return "a disk that the program above writes to is full, and it does not say which: free some space there; " +
			"TMPDIR is for scratch, STELLAR_CACHE_DIR for builds, the Docker Engine has a folder of its own " +
			"(docker info, docker system df)"
	}
	if path == "" {
		return what + ": whole rows up to there are kept; free some space, or name another folder with --output"
	}
	dir := path
	var st syscall.Statfs_t
	for ; dir != filepath.Dir(dir) && syscall.Statfs(dir, &st) != nil; dir = filepath.Dir(dir) {
	}
	if serr := syscall.Statfs(dir, &st); serr != nil {
		return fmt.Sprintf("%s: that of %s; free some space there", what, path)
	}
	return fmt.Sprintf("%s: that of %s, with %d of %d KiB and %d of %d files free; free some space there, or choose "+
		"another folder for it (--output for results, STELLAR_CACHE_DIR for builds, TMPDIR for scratch, "+
		"XDG_STATE_HOME for the index of runs). Whole rows up to there are kept",
		what, path, uint64(st.Bavail)*uint64(st.Bsize)/1024, uint64(st.Blocks)*uint64(st.Bsize)/1024, uint64(st.Ffree),
		uint64(st.Files))
}

// fullPath is the file that could not be written, found in the tree of errors.
func fullPath(err error) string {
	switch e := err.(type) { //nolint:errorlint // the tree is walked here
	case *fs.PathError:
		if errors.Is(e.Err, syscall.ENOSPC) || errors.Is(e.Err, syscall.EDQUOT) {
			return e.Path
		}
	case *os.LinkError:
		return e.New
	case interface{ Unwrap() error }:
		if inner := e.Unwrap(); inner != nil {
			return fullPath(inner)
		}
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			if path := fullPath(one); path != "" {
				return path
			}
		}
	}
	return ""
}
