package sandbox

import (
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// folder is a folder of this machine's disk that an instance sees as its /tmp.
type folder struct {
	path   string
	made   stamps    // when it was complete
	usedAt time.Time // when the instance's process was started; zero: it was not
}

// tmpFolders holds the cells' own folders.
func tmpFolders(dir string) string { return filepath.Join(dir, "tmp") }

// acquireFolder gives an empty folder, but for what the pool's stubs are mounted at. It is one that an instance has
// left as it was, or a new one: ext4 does not use the inodes of folders that were removed within the last minutes, and
// looks at each of them for every new one, so that many cold starts in a row would slow each other down.
func (s *Pool) acquireFolder() (folder, error) {
	select {
	case f := <-s.unused:
		return f, nil
	default:
	}
	f := folder{path: filepath.Join(tmpFolders(s.dir), strconv.FormatInt(s.next.Add(1), 10))}
	if err := os.Mkdir(f.path, 0o700); err != nil {
		return f, err
	}
	if s.shared != nil {
		return f, nil
	}
	for _, at := range s.stubsIn(f.path) {
		if err := os.Mkdir(at, 0o755); err != nil {
			return f, err
		}
	}
	f.made = stampsOf(f.path)
	return f, nil
}

// stubsIn names what the pool's stubs are mounted at in a folder.
func (s *Pool) stubsIn(path string) (names []string) {
	for _, stub := range s.stubs {
		names = append(names, filepath.Join(path, filepath.Base(stub.target)))
	}
	return names
}

// RemoveTmp removes the cell's folder, or keeps it for another cell where nothing in it was touched. After an error, it
// is called again.
func (c *Cell) RemoveTmp() error {
	f := c.tmp
	if c.private && c.emptied && f.untouched() {
		select {
		case c.pool.unused <- folder{path: f.path, made: f.made}:
			return nil
		default: // there are enough
		}
	}
	return c.pool.removeFolder(f)
}

func (s *Pool) removeFolder(f folder) error {
	for _, at := range s.stubsIn(f.path) {
		_ = syscall.Rmdir(at)
	}
	if syscall.Rmdir(f.path) == nil { // the process has left nothing: RemoveTree takes many more system calls for that
		return nil
	}
	return RemoveTree(f.path)
}

// untouched reports whether the folder is as it was made. Each change of its entries, its mode, owner, times, flags and
// attributes changes the time that no process can set; it is different from the time of the making if that was a step
// of the clock before the process was started.
func (f *folder) untouched() bool {
	now := stampsOf(f.path)
	return now == f.made && now.known() && (f.usedAt.IsZero() || f.usedAt.Sub(now.changed()) > clockStep())
}
