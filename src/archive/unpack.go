package archive

import (
	"archive/zip"
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/unzip"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// What an archive may become. Rows shrink to a tenth or so; what shrinks to less than a hundredth is no run.
const (
	mostEntries = 1_000_000
	mostRatio   = 100
	freeBytes   = int64(bytesize.GiB) // for small archives, whatever their ratio
)

// Is reports whether a path is that of a ZIP file.
func Is(path string) bool {
	f, err := wholefile.Open(path)
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // only read from
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return false
	}
	var magic [4]byte
	_, err = io.ReadFull(f, magic[:])
	return err == nil && string(magic[:]) == "PK\x03\x04"
}

// Unpack unpacks an archive into the empty folder dir and compares each file with its checksum. keep selects the files
// by their names; nil: all. An archive that is unsafe to unpack, or has files that were changed, added or removed is an
// error of bad input that names them. Checksums show changes by mistake: whoever writes a new archive writes new ones.
func Unpack(path, dir string, keep func(name string) bool) error {
	if err := unpack(path, dir, keep); err != nil {
		if fail.Code(err) == fail.CodeInput {
			return err
		}
		return fmt.Errorf("unpack %s: %w", path, err)
	}
	return nil
}

func unpack(path, dir string, keep func(name string) bool) error {
	f, err := wholefile.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // only read from
	info, err := f.Stat()
	if err != nil {
		return err
	}
	opts := unzip.Options{Bytes: max(freeBytes, mostRatio*info.Size()), Entries: mostEntries, NoLinks: true}
	if keep != nil {
		opts.Keep = func(name string) bool { return name == SumsFile || keep(name) }
	}
	if err := unzip.Unpack(f, info.Size(), dir, opts); err != nil {
		if isOurs(err) {
			return err
		}
		return fail.Input("%s cannot be unpacked: %w", path, err).
			WithHint("`stellar archive` makes such files; name an unchanged copy of the archive")
	}
	changed, err := verify(dir, keep)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fail.Input("%s is no archive of a run: it has no %s", path, SumsFile).
			WithHint("`stellar archive RUN` makes one")
	case err != nil:
		return err
	case len(changed) > 0:
		return fail.Input("%s was changed since it was made: %s", path, strings.Join(changed, ", ")).
			WithHint("name an unchanged copy of the archive")
	}
	return nil
}

// isOurs reports whether an error is one of this machine, such as a full disk, rather than of the archive: of names in
// it, which cannot be made, or of its contents.
func isOurs(err error) bool {
	var path *fs.PathError
	theirs := func(cause error) bool { return errors.Is(err, cause) }
	return errors.As(err, &path) && !slices.ContainsFunc([]error{fs.ErrExist, zip.ErrChecksum, syscall.ENAMETOOLONG,
		syscall.ENOTDIR, syscall.EISDIR, syscall.EINVAL, syscall.EILSEQ}, theirs)
}

// Changed says what of the experiment of an unpacked archive is not as its checksums say; none: it is whole.
func Changed(dir string) ([]string, error) {
	return verify(dir, func(name string) bool { return strings.HasPrefix(name, InputDir+"/") })
}

// verify says what of a folder is not as its checksums say. It reads each file once.
func verify(dir string, keep func(name string) bool) (changed []string, err error) {
	want, err := readSums(filepath.Join(dir, SumsFile))
	if err != nil {
		return nil, err
	}
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil || rel == SumsFile {
			return err
		}
		name := filepath.ToSlash(rel)
		sum, has := want[name]
		delete(want, name)
		if !has {
			changed = append(changed, name+" was added")
			return nil
		}
		is, err := HashFile(path)
		if err == nil && is != sum {
			changed = append(changed, name+" is not as "+SumsFile+" says")
		}
		return err
	})
	for name := range want {
		if keep == nil || keep(name) {
			changed = append(changed, name+" is missing")
		}
	}
	slices.Sort(changed)
	return changed, err
}

// readSums reads a file of checksums: name to SHA-256 in hex.
func readSums(path string) (map[string]string, error) {
	f, err := wholefile.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read from
	sums := map[string]string{}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if sum, name, ok := strings.Cut(lines.Text(), "  "); ok {
			sums[name] = sum
		}
	}
	return sums, lines.Err()
}

// HashFile gives the SHA-256 of a file's content in hex.
func HashFile(path string) (string, error) {
	f, err := wholefile.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read from
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
