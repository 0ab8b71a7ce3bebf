package build

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"stellar/src/fail"
	"stellar/src/run"
)

const (
	keepUnused   = 30 * 24 * time.Hour // an entry that no run has used for so long is removed
	keepUnmade   = 24 * time.Hour      // what a killed process left half made
	manifestName = "manifest.json"
	filesName    = "files"
	tempPrefix   = ".new-"
	trashPrefix  = ".old-"
)

// cache keeps builds as <dir>/<key>/{manifest.json,files/}. An entry comes into being by one rename, complete, so that
// processes can share the folder without locks; its files are compared with the manifest before they are used.
type cache struct{ dir string }

// manifest lists an entry's files. Its own modification time is the instant of last use.
type manifest struct {
	Files []manifestFile `json:"files"`
}

type manifestFile struct {
	Path   string `json:"path"`
	Exec   bool   `json:"exec"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// cacheKey names a build by all that decides its result.
func cacheKey(src *run.Source, in Inputs) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "build 1\n%q %q %q\n%q\n", src.Language, src.Architecture, in.Toolchain, in.Settings)
	for _, dir := range append([]string{src.Dir}, in.Dirs...) {
		fmt.Fprintln(h, "folder")
		if err := hashTree(h, dir); err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// get returns the folder of an entry's files, or false where there is none that is whole.
func (c cache) get(key string) (string, bool) {
	entry := filepath.Join(c.dir, key)
	now := time.Now()
	// First, so that another process's prune finds it in use.
	if os.Chtimes(filepath.Join(entry, manifestName), now, now) != nil {
		return "", false
	}
	if verify(entry) != nil {
		return "", false
	}
	return filepath.Join(entry, filesName), true
}

// put makes an entry with build, which gets an empty folder, and returns the folder of its files.
func (c cache) put(key string, build func(out string) error) (files string, err error) {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return "", unusable(c.dir, err)
	}
	temp, err := os.MkdirTemp(c.dir, tempPrefix)
	if err != nil {
		return "", unusable(c.dir, err)
	}
	defer func() { _ = os.RemoveAll(temp) }() // gone already where all went well
	out := filepath.Join(temp, filesName)
	if err := os.Mkdir(out, 0o755); err != nil {
		return "", unusable(c.dir, err)
	}
	if err := build(out); err != nil {
		return "", err
	}
	if err := seal(temp); err != nil {
		return "", fmt.Errorf("keeping a build in %s: %w", c.dir, err)
	}
	entry := filepath.Join(c.dir, key)
	for range 5 { // each round lost to another process that made or removed the same entry
		if err = os.Rename(temp, entry); err == nil {
			return filepath.Join(entry, filesName), nil
		}
		if files, ok := c.get(key); ok {
			return files, nil
		}
		c.discard(key)
	}
	return "", fmt.Errorf("keeping a build in %s: %w", c.dir, err)
}

func unusable(dir string, err error) error {
	return fail.With(fail.CodeFailed, "the cache of builds cannot be written: %w", err).
		WithHint("make %s writable, or set STELLAR_CACHE_DIR to a folder that is", dir)
}

// discard takes an entry away. The rename makes it one step, so that nobody sees half an entry.
func (c cache) discard(key string) {
	trash, err := os.MkdirTemp(c.dir, trashPrefix)
	if err != nil {
		return
	}
	_ = os.Rename(filepath.Join(c.dir, key), filepath.Join(trash, key))
	_ = os.RemoveAll(trash)
}

// seal makes a new entry's files read only and writes its manifest.
func seal(entry string) error {
	list, err := inventory(entry)
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return errors.New("the build made no file")
	}
	for _, f := range list {
		mode := fs.FileMode(0o444)
		if f.Exec {
			mode = 0o555
		}
		if err := os.Chmod(filepath.Join(entry, filesName, filepath.FromSlash(f.Path)), mode); err != nil {
			return err
		}
	}
	b, err := json.Marshal(manifest{list})
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(entry, manifestName), b, 0o644)
}

// verify says what is wrong with an entry: a power cut or a person may have changed it.
func verify(entry string) error {
	b, err := os.ReadFile(filepath.Join(entry, manifestName))
	if err != nil {
		return err
	}
	var m manifest
	if err := json.Unmarshal(b, &m); err != nil {
		return err
	}
	list, err := inventory(entry)
	if err != nil {
		return err
	}
	if len(m.Files) == 0 || !slices.Equal(m.Files, list) {
		return errors.New("its files are not those of its manifest")
	}
	return nil
}

func inventory(entry string) ([]manifestFile, error) {
	root := filepath.Join(entry, filesName)
	var list []manifestFile
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is no regular file", path)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		sum, size, err := hashFile(path)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		list = append(list, manifestFile{filepath.ToSlash(rel), info.Mode().Perm()&0o111 != 0, size, hex.EncodeToString(sum)})
		return nil
	})
	return list, err
}

// prune removes entries that have not been used for a month, and what killed processes left, and tells how many.
func (c cache) prune(now time.Time) int {
	entries, err := os.ReadDir(c.dir)
	if err != nil {
		return 0
	}
	n := 0
	for _, e := range entries {
		name := e.Name()
		path := filepath.Join(c.dir, name)
		if strings.HasPrefix(name, tempPrefix) || strings.HasPrefix(name, trashPrefix) {
			if info, err := e.Info(); err == nil && now.Sub(info.ModTime()) > keepUnmade {
				_ = os.RemoveAll(path)
			}
			continue
		}
		if unused(path, now) && c.retire(name, now) {
			n++
		}
	}
	return n
}

// retire removes an entry, unless somebody has taken it into use in the meantime.
func (c cache) retire(key string, now time.Time) bool {
	trash, err := os.MkdirTemp(c.dir, trashPrefix)
	if err != nil {
		return false
	}
	defer func() { _ = os.RemoveAll(trash) }()
	entry, moved := filepath.Join(c.dir, key), filepath.Join(trash, key)
	if os.Rename(entry, moved) != nil {
		return false
	}
	if !unused(moved, now) {
		return os.Rename(moved, entry) != nil // where it is back already, this one is the spare
	}
	return true
}

func unused(entry string, now time.Time) bool {
	info, err := os.Stat(filepath.Join(entry, manifestName))
	if err != nil { // no entry without a manifest is ever used
		info, err = os.Stat(entry)
	}
	return err == nil && now.Sub(info.ModTime()) > keepUnused
}
