package pack

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/vhive-serverless/STeLLAR/src/content"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// source is one file of a build.
type source struct {
	name string // in the archive, slash separated
	path string
	exec bool
	size int64
}

// selectFiles lists the files of a build that a pattern selects, in the order of their names.
//
// Experiment files for the original tool name the file of its own function (hellopy/lambda_function.py). With our
// measurement function, such a pattern matches nothing, and all files are meant. With a user's folder, it is a mistake.
func selectFiles(sel selection, log run.Logger) ([]source, error) {
	all, err := list(sel.source.BuildDir)
	if err != nil {
		return nil, fmt.Errorf("reading the build in %s: %w", sel.source.BuildDir, err)
	}
	match, err := content.Match(sel.pattern)
	if err != nil {
		return nil, content.BadPattern(sel.pattern, err)
	}
	var chosen []source
	for _, f := range all {
		if match(f.name) {
			chosen = append(chosen, f)
		}
	}
	switch {
	case len(chosen) > 0:
		return withBeside(sel.source, chosen)
	case sel.source.Generated && len(all) > 0:
		log.Infof("the pattern %q names no file of the measurement function: all of it goes into the package",
			sel.pattern)
		return withBeside(sel.source, all)
	}
	return nil, fail.Input("PackagePattern %q matches no file of the function in %s, which has %s",
		sel.pattern, sel.source.Dir, some(all)).WithHint("leave PackagePattern out to package everything")
}

// withBeside adds the files that the platform wants beside the code. A file that the function has already keeps its
// content.
func withBeside(src *run.Source, files []source) ([]source, error) {
	if src.Beside == "" {
		return files, nil
	}
	more, err := list(src.Beside)
	if err != nil {
		return nil, err
	}
	has := map[string]bool{}
	for _, f := range files {
		has[f.name] = true
	}
	out := slices.Clone(files)
	for _, f := range more {
		if !has[f.name] {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b source) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

func some(files []source) string {
	const most = 20
	if len(files) == 0 {
		return "none"
	}
	names := make([]string, 0, most+1)
	for i, f := range files {
		if i == most {
			names = append(names, fmt.Sprintf("and %d more", len(files)-most))
			break
		}
		names = append(names, f.name)
	}
	return strings.Join(names, ", ")
}

// list walks a build in lexical order of the files' names.
func list(dir string) ([]source, error) {
	var files []source
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, p)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		info, err := d.Info()
		if err != nil {
			return err
		}
		switch {
		case !info.Mode().IsRegular():
			return fail.Input("%s is not a regular file, so a package cannot contain it", name)
		case !utf8.ValidString(name) || strings.Contains(name, `\`):
			return fail.Input("the file name %q does not work in ZIP files on every system", name).WithHint("rename it")
		case isFiller(name):
			return fail.Input("the function has a file %s, but stellar uses that name for padding", name).
				WithHint("rename it")
		}
		exec := info.Mode().Perm()&0o111 != 0 || name == "bootstrap"
		files = append(files, source{name, p, exec, info.Size()})
		return nil
	})
	return files, err
}
