package generate

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// published reports whether a name is that of a function of published experiments whose code is not part of stellar
// (vHive's chameleon and rnnserving): such a file is valid, but cannot run before the code is added.
func published(function string) bool { return function == "chameleon" || function == "rnnserving" }

// findFolder finds the user's own function: a path from the experiment file's folder, or a folder of raw-code/ there or
// in the working directory.
func findFolder(r *run.Run, name string) (string, error) {
	if name == "" {
		return "", fail.Input("a function has no name").
			WithHint(`write "Function": "measure" for the measurement function`)
	}
	tries := []string{filepath.Join(r.BaseDir, name)}
	switch {
	case filepath.IsAbs(name):
		tries = []string{name}
	case !strings.ContainsAny(name, `/\`):
		tries = append(tries, filepath.Join(r.BaseDir, "raw-code", name), filepath.Join("raw-code", name))
	}
	for _, try := range tries {
		info, err := os.Stat(try)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", fail.Input("function %q: %w", name, err)
		}
		if !info.IsDir() {
			return "", fail.Input("function %q: %s is a file, but a function is a folder; did you mean %q?", name, try,
				filepath.Dir(filepath.Clean(name))).
				WithHint("name the folder in Function, and the entry point in Handler")
		}
		return filepath.Abs(try)
	}
	return "", fail.Input("function %q: there is no such function; looked for %s%s", name, strings.Join(tries, ", "),
		meantFolder(r, name, tries)).
		WithHint("a function of your own is the path of its folder, relative to %s; the functions in the binary are %s",
			cmp.Or(r.BaseDir, "the experiment file"), strings.Join(measurementNames(), ", "))
}

func measurementNames() []string {
	names := make([]string, 0, len(measurement))
	for n := range measurement {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// meantFolder is "; did you mean …?" with the name nearest to a missing one; empty if none is near.
func meantFolder(r *run.Run, name string, tries []string) string {
	known := []string{}
	if len(tries) > 1 { // a bare name
		known = measurementNames()
	}
	for _, try := range tries {
		missing := firstMissing(try)
		beside, err := os.ReadDir(filepath.Dir(missing))
		if err != nil {
			continue
		}
		var folders []string
		for _, e := range beside {
			if e.IsDir() {
				folders = append(folders, e.Name())
			}
		}
		near := fail.Nearest(filepath.Base(missing), folders)
		if near == "" {
			continue
		}
		found := filepath.Join(filepath.Dir(missing), near, strings.TrimPrefix(try, missing))
		if info, err := os.Stat(found); err != nil || !info.IsDir() {
			continue
		}
		if len(tries) > 1 {
			known = append(known, near)
			continue
		}
		if rel, err := filepath.Rel(cmp.Or(r.BaseDir, "."), found); err == nil && !filepath.IsAbs(name) {
			found = rel
			if strings.HasPrefix(name, "."+string(filepath.Separator)) {
				found = "." + string(filepath.Separator) + rel
			}
		}
		return `; did you mean "` + found + `"?`
	}
	return fail.DidYouMean(name, known)
}

// firstMissing is the first part of a path that is not there.
func firstMissing(path string) string {
	for path != filepath.Dir(path) {
		if _, err := os.Stat(filepath.Dir(path)); err == nil {
			break
		}
		path = filepath.Dir(path)
	}
	return path
}
