package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// fullDisk says which disk is full, as far as the error names a file on it, and how much is free there; empty where the error is
// of another kind.
func fullDisk(err error) string {
	what := "the disk is full"
	switch {
	case errors.Is(err, syscall.EDQUOT):
		what = "the disk quota is used up"
	case !errors.Is(err, syscall.ENOSPC):
		return ""
	}
	path := fullPath(err)
	if path == "" {
		return what + ": whole rows up to there are kept; free some space, or name another folder with --output"
	}
	dir := filepath.Dir(path)
	var st syscall.Statfs_t
	for ; dir != filepath.Dir(dir) && syscall.Statfs(dir, &st) != nil; dir = filepath.Dir(dir) {
	}
	if serr := syscall.Statfs(dir, &st); serr != nil {
		return fmt.Sprintf("%s: that of %s; free some space there", what, path)
	}
	return fmt.Sprintf("%s: that of %s, with %d of %d KiB and %d of %d files free; free some space there, or choose another folder for it "+
		"(--output for results, STELLAR_CACHE_DIR for builds, TMPDIR for scratch, XDG_STATE_HOME for the index of runs). Whole rows up to there are kept",
		what, path, uint64(st.Bavail)*uint64(st.Bsize)/1024, uint64(st.Blocks)*uint64(st.Bsize)/1024, uint64(st.Ffree), uint64(st.Files))
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
