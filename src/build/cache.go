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
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

const (
	keepUnused   = 30 * 24 * time.Hour // an entry that no run has used for so long is removed
	keepUnmade   = 24 * time.Hour      // what a killed process left half made
	manifestName = "manifest.json"
	filesName    = "files"
	tempPrefix   = ".new-"
	trashPrefix  = ".old-"
)

// cache keeps builds as <dir>/<key>/{manifest.json,files/}. An entry is created complete, by one rename, so that
// processes can share the folder without locks. Its files are compared with the manifest before they are used.
type cache struct{ dir string }

// manifest lists an entry's files. Its modification time is the time of the last use.
type manifest struct {
	Files     []manifestFile  `json:"files"`
	Installed []run.Installed `json:"installed,omitempty"`
}

// entry is a build in the cache.
type entry struct {
	key       string
	files     string // folder
	installed []run.Installed
	found     bool   // it was there before
	floating  string // Made's
}

type manifestFile struct {
	Path   string `json:"path"`
	Exec   bool   `json:"exec"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// cacheKey names a build by everything that decides its result.
func cacheKey(src *run.Source, in Inputs) (string, error) {
	h := sha256.New()
	fmt.Fprintf(h, "build 3\n%s %s\n", runtime.GOOS, runtime.GOARCH) // a cache can be shared between machines
	fmt.Fprintf(h, "%q %q %q\n%q\n%q\n", src.Language, src.Architecture, in.Toolchain, in.Settings, in.Variables)
	for _, dir := range append([]string{src.Dir}, in.Dirs...) {
		fmt.Fprintln(h, "folder")
		if err := hashTree(h, dir); err != nil {
			return "", err
		}
	}
	for _, name := range in.Files {
		sum, size, err := hashFile(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fail.Input("%w", err).WithHint("the build reads this file: make it readable")
		}
		fmt.Fprintf(h, "file %q %d %x\n", name, size, sum)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// contentKey names a build that its inputs do not decide: by the inputs and by the result.
func contentKey(key string, list []manifestFile) string {
	h := sha256.New()
	fmt.Fprintf(h, "floating %s\n", key)
	for _, f := range list {
		fmt.Fprintf(h, "%q %t %d %s\n", f.Path, f.Exec, f.Size, f.SHA256)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// get returns an entry, or false if there is no complete one.
func (c cache) get(key string) (entry, bool) {
	dir := filepath.Join(c.dir, key)
	now := time.Now()
	// This is done first, so that the prune of another process sees the entry in use.
	if os.Chtimes(filepath.Join(dir, manifestName), now, now) != nil {
		return entry{}, false
	}
	m, err := verify(dir)
	if err != nil {
		return entry{}, false
	}
	return entry{key: key, files: filepath.Join(dir, filesName), installed: m.Installed, found: true}, true
}

// put makes an entry with build, which gets an empty folder. A complete entry of that name stays, unless replace says
// that its content is not trusted; an entry with the same files always stays.
func (c cache) put(key string, replace bool, build func(out string) (Made, error)) (entry, error) {
	if err := os.MkdirAll(c.dir, 0o755); err != nil {
		return entry{}, unusable(c.dir, err)
	}
	temp, err := os.MkdirTemp(c.dir, tempPrefix)
	if err != nil {
		return entry{}, unusable(c.dir, err)
	}
	defer func() { _ = os.RemoveAll(temp) }() // already removed after success
	out := filepath.Join(temp, filesName)
	if err := os.Mkdir(out, 0o755); err != nil {
		return entry{}, unusable(c.dir, err)
	}
	made, err := build(out)
	if err != nil {
		return entry{}, onFullDisk(err, c.dir)
	}
	list, err := seal(temp, made.Installed)
	if err != nil {
		return entry{}, fmt.Errorf("keeping a build in %s: %w", c.dir, err)
	}
	if made.Floating != "" {
		key, replace = contentKey(key, list), false
	}
	e, err := c.place(temp, key, list, replace)
	e.installed, e.floating, e.found = made.Installed, made.Floating, false
	return e, err
}

// place moves a new entry to its name.
func (c cache) place(temp, key string, list []manifestFile, replace bool) (entry, error) {
	dir := filepath.Join(c.dir, key)
	if m, err := verify(dir); replace && err == nil && !slices.Equal(m.Files, list) {
		c.discard(key)
	}
	var err error
	for range 5 { // each round means: another process made or removed the same entry first
		if err = os.Rename(temp, dir); err == nil {
			return entry{key: key, files: filepath.Join(dir, filesName)}, nil
		}
		if e, ok := c.get(key); ok {
			return e, nil
		}
		c.discard(key)
	}
	return entry{}, fmt.Errorf("keeping a build in %s: %w", c.dir, err)
}

func unusable(dir string, err error) error {
	return fail.With(fail.CodeFailed, "cannot write the cache of builds: %w", err).
		WithHint("make %s writable, or set STELLAR_CACHE_DIR to a folder that is", dir)
}

// discard removes an entry. The rename makes it one step, so that no process sees half an entry.
func (c cache) discard(key string) {
	trash, err := os.MkdirTemp(c.dir, trashPrefix)
	if err != nil {
		return
	}
	_ = os.Rename(filepath.Join(c.dir, key), filepath.Join(trash, key))
	_ = os.RemoveAll(trash)
}

// seal makes a new entry's files read only, writes its manifest and lists the files.
func seal(dir string, installed []run.Installed) ([]manifestFile, error) {
	list, err := inventory(dir)
	if err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errors.New("the build made no file")
	}
	for _, f := range list {
		mode := fs.FileMode(0o444)
		if f.Exec {
			mode = 0o555
		}
		if err := os.Chmod(filepath.Join(dir, filesName, filepath.FromSlash(f.Path)), mode); err != nil {
			return nil, err
		}
	}
	b, err := json.Marshal(manifest{list, installed})
	if err != nil {
		return nil, err
	}
	return list, os.WriteFile(filepath.Join(dir, manifestName), b, 0o644)
}

// verify reports what is wrong with an entry: a power cut or a person may have changed it.
func verify(dir string) (manifest, error) {
	var m manifest
	b, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(b, &m); err != nil {
		return m, err
	}
	list, err := inventory(dir)
	if err != nil {
		return m, err
	}
	if len(m.Files) == 0 || !slices.Equal(m.Files, list) {
		return m, errors.New("its files are not those of its manifest")
	}
	return m, nil
}

func inventory(entry string) ([]manifestFile, error) {
	root := filepath.Join(entry, filesName)
	var list []manifestFile
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if !d.Type().IsRegular() {
			return fmt.Errorf("%s is not a regular file", path)
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
		list = append(list, manifestFile{filepath.ToSlash(rel), info.Mode().
			Perm()&0o111 != 0, size, hex.EncodeToString(sum)})
		return nil
	})
	return list, err
}

// prune removes entries that have not been used for a month and what killed processes left, and returns their number.
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

// retire removes an entry, unless another process has used it in the meantime.
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
		return os.Rename(moved, entry) != nil // if it exists again, this one is the spare
	}
	return true
}

func unused(entry string, now time.Time) bool {
	info, err := os.Stat(filepath.Join(entry, manifestName))
	if err != nil { // an entry without a manifest is never used
		info, err = os.Stat(entry)
	}
	return err == nil && now.Sub(info.ModTime()) > keepUnused
}
