package build

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/content"
)

// file is one regular file below a folder.
type file struct {
	rel  string // slash separated
	path string
	exec bool
	size int64
}

// tree lists the files of a folder that a package can contain. Other files have been refused before, or the package's
// pattern leaves them out.
func tree(dir string) ([]file, error) {
	all, _, err := content.Scan(dir)
	files := make([]file, len(all))
	for i, f := range all {
		files[i] = file{f.Rel, f.Path, f.Exec, f.Size}
	}
	return files, err
}

// hashTree writes the names, modes and contents of a folder's files into h, in a form that differs for every other
// folder. It does not follow links to folders.
func hashTree(h io.Writer, dir string) error {
	files, odd, err := content.Scan(dir)
	if err != nil {
		return fmt.Errorf("reading the sources in %s: %w", dir, err)
	}
	for _, f := range files {
		sum, size, err := hashFile(f.Path)
		if err != nil {
			return fmt.Errorf("reading the sources in %s: %w", dir, err)
		}
		fmt.Fprintf(h, "%q %t %d %x\n", f.Rel, f.Exec, size, sum)
	}
	for _, o := range odd {
		fmt.Fprintf(h, "%q odd %q\n", o.Rel, o.Target)
	}
	return nil
}

func hashFile(path string) (sum []byte, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, 0, err
	}
	defer f.Close()
	h := sha256.New()
	size, err = io.Copy(h, f)
	return h.Sum(nil), size, err
}

// copyFile replaces an existing file: the function's own file has priority over an installed one.
func copyFile(from file, to string) (err error) {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	in, err := os.Open(from.path)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.Remove(to); err != nil && !os.IsNotExist(err) {
		return err
	}
	mode := os.FileMode(0o644)
	if from.exec {
		mode = 0o755
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	if _, err = io.Copy(out, in); err != nil {
		_ = out.Close()
		return err
	}
	return out.Close()
}

// dropBytecode removes what an installer compiled although it was asked not to.
func dropBytecode(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "__pycache__":
			if err := os.RemoveAll(path); err != nil {
				return err
			}
			return filepath.SkipDir
		case !d.IsDir() && content.Leftover(d.Name()):
			return os.Remove(path)
		}
		return nil
	})
}
