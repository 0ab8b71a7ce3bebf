package build

import (
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// gemPath is a path in a Gemfile: of a gem, of a block of gems, or of a further Gemfile.
var gemPath = regexp.MustCompile(`(?:\bpath:\s*|:path\s*=>\s*|^\s*path\s*\(?\s*|` +
	`^\s*eval_gemfile\s*\(?\s*)["']([^"']+)["']`)

// gemPathsWithin refuses gems by a path that leads out of the function's folder: Bundler uses them in place, and a
// package would not contain them. Paths that a Gemfile computes are found in the lock file.
func gemPathsWithin(dir string) error {
	text, err := wholefile.ReadFile(filepath.Join(dir, "Gemfile"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fail.Input("%w", err)
	}
	number := 0
	for line := range strings.Lines(string(text)) {
		number++
		code, _, _ := strings.Cut(line, " #")
		if strings.HasPrefix(strings.TrimSpace(code), "#") {
			continue
		}
		for _, m := range gemPath.FindAllStringSubmatch(code, -1) {
			if err := gemWithin(dir, m[1], "Gemfile:"+itoa(number)); err != nil {
				return err
			}
		}
	}
	_, paths := readGemLock(dir)
	for _, path := range paths {
		if err := gemWithin(dir, path, "Gemfile.lock"); err != nil {
			return err
		}
	}
	return nil
}

func gemWithin(dir, path, where string) error {
	at := path
	if !filepath.IsAbs(at) {
		at = filepath.Join(dir, at)
	}
	if rel, err := filepath.Rel(dir, at); err == nil && filepath.IsLocal(rel) {
		return nil
	}
	return fail.Input("%s names %s, which is outside the function's folder", where, path).
		WithHint("copy it into the folder, or depend on it by version or git")
}

// gemSpec matches a gem in a lock file, "    rack (3.0.8)"; its dependencies are indented further.
var gemSpec = regexp.MustCompile(`^    ([^\s(]+) \(([^)]+)\)$`)

// readGemLock lists the gems of a folder's Gemfile.lock, and the folders that some of them come from.
func readGemLock(dir string) (installed []run.Installed, paths []string) {
	text, err := wholefile.ReadFile(filepath.Join(dir, "Gemfile.lock"))
	if err != nil {
		return nil, nil
	}
	section := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\r\n")
		if line != "" && !strings.HasPrefix(line, " ") {
			section = line
		}
		if remote, ok := strings.CutPrefix(line, "  remote: "); ok && section == "PATH" {
			paths = append(paths, remote)
		}
		if m := gemSpec.FindStringSubmatch(line); m != nil && slices.Contains([]string{"GEM", "GIT", "PATH"}, section) {
			installed = append(installed, run.Installed{Name: m[1], Version: m[2]})
		}
	}
	slices.SortFunc(installed, byName)
	return installed, paths
}
