package build

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"stellar/src/fail"
)

// file is one regular file below a folder.
type file struct {
	rel  string // slash separated
	path string
	exec bool
	size int64
}

// purpose says what a list of files is for.
type purpose int

const (
	forPackage purpose = iota // what a function can use; a link to a folder is refused, a package holds no links
	forHash                   // what a compiler may look at; it does not follow links to folders
)

// tree lists a folder's files in lexical order, without repositories, bytecode and virtual environments. A link to a file
// counts as that file.
func tree(dir string, why purpose) ([]file, error) {
	var files []file
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if path != dir && unwantedDir(path, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if why == forPackage && unwantedFile(d.Name()) {
			return nil
		}
		info, err := os.Stat(path) // follows links
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		switch {
		case info.Mode().IsRegular():
			files = append(files, file{filepath.ToSlash(rel), path, info.Mode().Perm()&0o111 != 0, info.Size()})
		case why == forHash:
		case info.IsDir():
			return fail.Input("%s is a link to a folder, which a package cannot hold", path).
				WithHint("put the folder itself there")
		default:
			return fail.Input("%s is no regular file (%s)", path, info.Mode().Type())
		}
		return nil
	})
	return files, err
}

func unwantedDir(path, name string) bool {
	switch name {
	case ".git", ".hg", ".svn", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache":
		return true
	}
	_, err := os.Stat(filepath.Join(path, "pyvenv.cfg"))
	return err == nil
}

func unwantedFile(name string) bool {
	return name == ".DS_Store" || strings.HasSuffix(name, ".pyc") || strings.HasSuffix(name, ".pyo")
}

// hashTree writes names, modes and contents of a folder's files into h in a form that no other folder has.
func hashTree(h io.Writer, dir string) error {
	files, err := tree(dir, forHash)
	if err != nil {
		return fmt.Errorf("reading the sources in %s: %w", dir, err)
	}
	for _, f := range files {
		sum, size, err := hashFile(f.path)
		if err != nil {
			return fmt.Errorf("reading the sources in %s: %w", dir, err)
		}
		fmt.Fprintf(h, "%q %t %d %x\n", f.rel, f.exec, size, sum)
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

// copyFile replaces what is there: the function's own file wins over an installed one.
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

// dropBytecode removes what an installer compiled in spite of being told not to.
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
		case !d.IsDir() && unwantedFile(d.Name()):
			return os.Remove(path)
		}
		return nil
	})
}
