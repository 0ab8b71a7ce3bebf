// Package content reads a function's folder: its files, and the entries that a package cannot contain.
package content

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// File is one regular file below a folder. A link to a file counts as that file.
type File struct {
	Rel  string // slash separated
	Path string
	Exec bool
	Size int64
}

// Odd is an entry that a package cannot contain: a link to nothing, a socket, a file that cannot be read.
type Odd struct {
	Rel    string
	Path   string
	Target string // of a link, as it is written
	What   string // what it is
	Hint   string // what to do about it
	Folder bool   // a link to a folder that exists
}

// Err returns the error that refuses the entry.
func (o Odd) Err() error { return fail.Input("%s %s", o.Path, o.What).WithHint("%s", o.Hint) }

// Scan lists a folder's files and odd entries, both in lexical order. It leaves out repositories, bytecode, virtual
// environments and the lock files of editors. The folder itself may be a link.
func Scan(dir string) (files []File, odd []Odd, err error) {
	root, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, nil, missing(dir, err)
	}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		rel := "."
		if path != root {
			rel = filepath.ToSlash(strings.TrimPrefix(path, strings.TrimSuffix(root, "/")+string(filepath.Separator)))
		}
		shown := filepath.Join(dir, filepath.FromSlash(rel)) // as the user calls it
		switch {
		case errors.Is(err, fs.ErrPermission):
			odd = append(odd, unreadable(rel, shown))
			return nil
		case err != nil:
			return err
		case d.IsDir() && path != root && unwantedDir(path, d.Name()):
			return filepath.SkipDir
		case d.IsDir() || unwantedFile(d):
			return nil
		}
		f, o, err := look(path, rel, shown, d)
		if o != nil {
			odd = append(odd, *o)
		} else if err == nil {
			files = append(files, f)
		}
		return err
	})
	return files, odd, err
}

func missing(dir string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fail.Input("the folder %s does not exist: %w", dir, err)
	}
	return err
}

// look returns what one entry is.
func look(path, rel, shown string, d fs.DirEntry) (File, *Odd, error) {
	info, err := os.Stat(path) // follows links
	if d.Type()&fs.ModeSymlink != 0 {
		target, lerr := os.Readlink(path)
		if lerr != nil {
			return File{}, nil, lerr
		}
		if o := oddLink(rel, shown, target, info, err); o != nil {
			return File{}, o, nil
		}
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		o := unreadable(rel, shown)
		return File{}, &o, nil
	case err != nil:
		return File{}, nil, err
	case !info.Mode().IsRegular():
		return File{}, &Odd{Rel: rel, Path: shown, What: "is " + kind(info.Mode()) + ", which a package cannot contain",
			Hint: leaveOut}, nil
	}
	if info.Mode().Perm()&0o444 != 0o444 { // perhaps this user may not
		in, err := os.Open(path)
		if errors.Is(err, fs.ErrPermission) {
			o := unreadable(rel, shown)
			return File{}, &o, nil
		}
		if err == nil {
			_ = in.Close()
		}
	}
	return File{rel, path, info.Mode().Perm()&0o111 != 0, info.Size()}, nil, nil
}

const leaveOut = "remove it, or leave it out with PackagePattern"

func unreadable(rel, shown string) Odd {
	return Odd{Rel: rel, Path: shown, What: "cannot be read: permission denied",
		Hint: "make it readable (chmod -R u+rX), or leave it out with PackagePattern"}
}

// oddLink returns what is wrong with a link; nil if it leads to a file.
func oddLink(rel, shown, target string, info fs.FileInfo, err error) *Odd {
	o := &Odd{Rel: rel, Path: shown, Target: target,
		Hint: "correct or remove the link, or leave it out with PackagePattern"}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		o.What = fmt.Sprintf("is a link to %s, which does not exist", target)
	case errors.Is(err, syscall.ELOOP):
		o.What = fmt.Sprintf("is a link to %s, which leads back to itself", target)
	case err == nil && info.IsDir():
		o.What, o.Folder = fmt.Sprintf("is a link to a folder (%s), which a package cannot contain", target), true
		o.Hint = "put the folder itself there, or leave it out with PackagePattern"
	default:
		return nil
	}
	return o
}

func kind(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeSocket != 0:
		return "a socket"
	case mode&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case mode&fs.ModeDevice != 0:
		return "a device"
	}
	return "not a regular file"
}

// Refuse reports the odd entries of a folder that a pattern would put into the package; an empty pattern means all
// files. Entries that a build makes again are not among them.
func Refuse(dir, pattern string, made func(rel string) bool) error {
	match := func(string) bool { return true }
	if pattern != "" {
		var err error
		if match, err = Match(pattern); err != nil {
			return BadPattern(pattern, err)
		}
	}
	_, odd, err := Scan(dir)
	if err != nil {
		return err
	}
	var wanted []error
	for _, o := range odd {
		if match(o.Rel) && !made(o.Rel) {
			wanted = append(wanted, o.Err())
		}
	}
	if len(wanted) == 0 {
		return nil
	}
	return fail.Input("%w", errors.Join(wanted...)).WithHint("%s", fail.Hint(wanted[0]))
}

// BadPattern returns the error that refuses a PackagePattern.
func BadPattern(pattern string, err error) error {
	return fail.Input("PackagePattern %q: %w", pattern, err).
		WithHint("use *, **, ?, [a-z] and {a,b}, with / between folders")
}

func unwantedDir(path, name string) bool {
	switch name {
	case ".git", ".hg", ".svn", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache":
		return true
	}
	_, err := os.Stat(filepath.Join(path, "pyvenv.cfg"))
	return err == nil
}

// swapFile matches the file that Vim, and similarly LibreOffice, keeps beside an open file.
var swapFile = regexp.MustCompile(`^\..*\.sw[a-p]$|^\.~lock\..*#$`)

func unwantedFile(d fs.DirEntry) bool {
	name := d.Name()
	lock := strings.HasPrefix(name, ".#") && d.Type()&fs.ModeSymlink != 0 // Emacs: a link to user@host.pid
	return lock || Leftover(name) || swapFile.MatchString(name)
}

// Leftover reports whether a file is bytecode or a note of a desktop.
func Leftover(name string) bool {
	return name == ".DS_Store" || strings.HasSuffix(name, ".pyc") || strings.HasSuffix(name, ".pyo")
}
