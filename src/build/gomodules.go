package build

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// goEdit is what is read of a go.mod or go.work.
type goEdit struct {
	Replace []struct {
		Old, New struct{ Path, Version string }
	}
	Use []struct{ DiskPath string }
}

// localModules lists the folders outside the source folder whose packages may be compiled in, and the files that refer
// to them. A folder that does not exist is refused.
func (g Go) localModules(ctx context.Context, src *run.Source) (dirs, files []string, err error) {
	mod, work, err := g.location(ctx, src)
	if err != nil {
		return nil, nil, badSource(ctx, src, err)
	}
	if mod != "" && filepath.Dir(mod) != filepath.Clean(src.Dir) {
		dirs = append(dirs, filepath.Dir(mod)) // the function is a folder of a larger module
	}
	mods := []string{mod}
	if work != "" {
		files = append(files, work, work+".sum")
		edit, err := g.edit(ctx, src, "work", work)
		if err != nil {
			return nil, nil, err
		}
		found, err := edit.folders(work)
		if err != nil {
			return nil, nil, badSource(ctx, src, err)
		}
		dirs = append(dirs, found...)
		for _, u := range edit.Use { // in a workspace, the replacements of all its modules apply
			mods = append(mods, filepath.Join(rooted(work, u.DiskPath), "go.mod"))
		}
	}
	slices.Sort(mods)
	for _, file := range slices.Compact(mods) {
		if file == "" {
			continue
		}
		edit, err := g.edit(ctx, src, "mod", file)
		if err != nil {
			return nil, nil, err
		}
		found, err := edit.folders(file)
		if err != nil {
			return nil, nil, badSource(ctx, src, err)
		}
		dirs = append(dirs, found...)
	}
	return dirs, files, nil
}

// edit reads a go.mod or go.work.
func (g Go) edit(ctx context.Context, src *run.Source, verb, file string) (*goEdit, error) {
	c := g.command(src, verb, "edit", "-json", file)
	c.Line = func(string) {}
	res, err := g.run(ctx, c)
	if err != nil {
		return nil, badSource(ctx, src, err)
	}
	var edit goEdit
	if err := json.Unmarshal([]byte(res.Stdout), &edit); err != nil {
		return nil, fmt.Errorf("reading the answer of %s: %w", c, err)
	}
	return &edit, nil
}

// folders are those that a go.mod or go.work refers to.
func (e *goEdit) folders(file string) ([]string, error) {
	var dirs []string
	add := func(path, what, undo string) error {
		dir := rooted(file, path)
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return fail.Input("%s %s %s, which is no folder%s", file, what, path, lineOf(file, path)).
				WithHint("put the module there, or take it out: %s", undo)
		}
		dirs = append(dirs, dir)
		return nil
	}
	for _, r := range e.Replace {
		if r.New.Version != "" {
			continue
		}
		if err := add(r.New.Path, "replaces "+r.Old.Path+" by", "go mod edit -dropreplace "+r.Old.Path); err != nil {
			return nil, err
		}
	}
	for _, u := range e.Use {
		if err := add(u.DiskPath, "uses", "go work edit -dropuse "+u.DiskPath); err != nil {
			return nil, err
		}
	}
	return dirs, nil
}

// rooted makes a path from a file absolute.
func rooted(file, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(filepath.Dir(file), path)
}

// linkedPackages lists the folders of packages that are reached through links: the compiler follows links, a hash of
// the folder does not.
func (g Go) linkedPackages(ctx context.Context, src *run.Source) ([]string, error) {
	const local = `{{if not .Standard}}{{with .Module}}` +
		`{{if or .Main (and .Replace (not .Replace.Version))}}{{$.Dir}}{{end}}{{end}}{{end}}`
	c := g.command(src, "list", "-e", "-deps", "-f", local, ".")
	c.Line = func(string) {}
	res, err := g.run(ctx, c)
	if err != nil {
		return nil, badSource(ctx, src, err)
	}
	root, err := filepath.EvalSymlinks(src.Dir)
	if err != nil {
		return nil, err
	}
	var linked []string
	for dir := range strings.Lines(res.Stdout) {
		dir = strings.TrimSpace(dir)
		if dir == "" {
			continue
		}
		if rel, err := filepath.Rel(src.Dir, dir); err == nil && filepath.IsLocal(rel) {
			dir = filepath.Join(root, rel) // the function's folder itself may be a link
		}
		if real, err := filepath.EvalSymlinks(dir); err == nil && real != dir {
			linked = append(linked, real)
		}
	}
	return linked, nil
}
