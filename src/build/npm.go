package build

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// packageJSON is the part of a package.json that is read.
type packageJSON struct {
	Name                                                                  string
	Dependencies, OptionalDependencies, DevDependencies, PeerDependencies map[string]any
	Workspaces                                                            json.RawMessage
}

func readPackageJSON(dir string) (*packageJSON, error) {
	var p packageJSON
	text, err := wholefile.ReadFile(filepath.Join(dir, "package.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return &p, nil
	}
	if err != nil {
		return nil, fail.Input("%w", err)
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, fail.Input("package.json: %w", err)
	}
	return &p, nil
}

// installs reports whether npm has something to install.
func (p *packageJSON) installs() bool { return len(p.Dependencies)+len(p.OptionalDependencies) > 0 }

// lockFile is the name of the folder's lock file, empty if it has none that npm ci accepts.
func lockFile(dir string) string {
	for _, name := range []string{"npm-shrinkwrap.json", "package-lock.json"} {
		if exists(filepath.Join(dir, name)) {
			return name
		}
	}
	return ""
}

// npmPathsWithin refuses dependencies by a path that leads out of the function's folder: npm would link to them, or not
// find them in the copy that is built. Packages within the folder are checked too.
func npmPathsWithin(root string) error {
	return npmPathsOf(root, root, map[string]bool{})
}

func npmPathsOf(root, dir string, seen map[string]bool) error {
	if seen[dir] {
		return nil
	}
	seen[dir] = true
	p, err := readPackageJSON(dir)
	if err != nil {
		return err
	}
	for _, group := range []map[string]any{p.Dependencies, p.OptionalDependencies, p.PeerDependencies} {
		for _, name := range keys(group) {
			spec, _ := group[name].(string)
			to, ok := npmPath(dir, spec)
			if !ok {
				continue
			}
			if rel, err := filepath.Rel(root, to); err != nil || !filepath.IsLocal(rel) {
				return fail.Input("%s depends on %s by a path that leads outside the function's folder: %s%s",
					shownIn(root, filepath.Join(dir, "package.json")), name, spec,
					lineOf(filepath.Join(dir, "package.json"), spec)).
					WithHint("copy %s into the folder (\"file:./%s\"), pack it (npm pack) and name the .tgz there, "+
						"or depend on a published version", to, path.Base(name))
			}
			if info, err := os.Stat(to); err == nil && info.IsDir() {
				if err := npmPathsOf(root, to, seen); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// npmPath is the folder or archive that a dependency names.
func npmPath(dir, spec string) (string, bool) {
	rest, named := spec, false
	for _, scheme := range []string{"file:", "link:", "portal:"} {
		if cut, ok := strings.CutPrefix(rest, scheme); ok {
			rest, named = strings.TrimPrefix(cut, "//"), true
		}
	}
	if !named && !strings.HasPrefix(rest, ".") && !strings.HasPrefix(rest, "/") && !strings.HasPrefix(rest, "~/") {
		return "", false
	}
	if filepath.IsAbs(rest) {
		return filepath.Clean(rest), true
	}
	return filepath.Join(dir, filepath.FromSlash(rest)), true
}

// lineOf returns the position of a text in a file, as " (line 3)".
func lineOf(file, text string) string {
	all, err := wholefile.ReadFile(file)
	if at := strings.Index(string(all), text); err == nil && at >= 0 && text != "" {
		return fmt.Sprintf(" (line %d)", 1+strings.Count(string(all[:at]), "\n"))
	}
	return ""
}

func shownIn(root, name string) string {
	if rel, err := filepath.Rel(root, name); err == nil {
		return filepath.ToSlash(rel)
	}
	return name
}

func keys(m map[string]any) []string {
	var all []string
	for k := range m {
		all = append(all, k)
	}
	slices.Sort(all)
	return all
}

// notOfWorkspace refuses a function that depends on other packages of its npm workspace: the copy that is built is in
// no workspace, and npm would install a published package of the same name.
func notOfWorkspace(dir string, p *packageJSON) error {
	for up := filepath.Dir(dir); ; up = filepath.Dir(up) {
		outer, err := readPackageJSON(up)
		if err == nil && len(outer.Workspaces) > 0 {
			for _, name := range keys(p.Dependencies) {
				if at := workspaceMember(up, outer.Workspaces, name); at != "" && at != dir {
					return fail.Input("package.json depends on %s, which is %s of the npm workspace in %s, outside "+
						"the function's folder", name, shownIn(up, at), up).
						WithHint("pack it (npm pack), and depend on the .tgz in the function's folder by \"file:./…\"")
				}
			}
			return nil
		}
		if up == filepath.Dir(up) {
			return nil
		}
	}
}

// workspaceMember finds the folder of a workspace's package by its name.
func workspaceMember(root string, workspaces json.RawMessage, name string) string {
	var patterns []string
	if json.Unmarshal(workspaces, &patterns) != nil {
		var long struct{ Packages []string }
		_ = json.Unmarshal(workspaces, &long)
		patterns = long.Packages
	}
	for _, pattern := range patterns {
		found, _ := filepath.Glob(filepath.Join(globQuoted(root),
			filepath.FromSlash(strings.TrimSuffix(pattern, "/**"))))
		for _, dir := range found {
			if p, err := readPackageJSON(dir); err == nil && p.Name == name {
				return dir
			}
		}
	}
	return ""
}

// npmSettings are the settings in npm's configuration files and variables.
func (n Node) npmSettings(ctx context.Context, src *run.Source) ([]string, error) {
	res, err := n.run(ctx, shell.Command{Name: "npm", Args: []string{"config", "list", "--json"}, Dir: src.Dir,
		Timeout: askTimeout,
		Env:     []string{"NO_UPDATE_NOTIFIER=1"}, Line: func(string) {}})
	if err != nil {
		return nil, n.noNpm(ctx, src, err)
	}
	files := variables("NPM_CONFIG_", "npm_config_", "NODE_OPTIONS", "CC", "CXX", "CFLAGS", "CXXFLAGS", "LDFLAGS")
	return append(files, res.Stdout), nil
}

// npmInstalled lists what npm has installed, from its own record in node_modules.
func npmInstalled(out string) ([]run.Installed, error) {
	text, err := wholefile.ReadFile(filepath.Join(out, "node_modules", ".package-lock.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var note struct {
		Packages map[string]struct {
			Version, Resolved string
			Link              bool
		}
	}
	if err := json.Unmarshal(text, &note); err != nil {
		return nil, fmt.Errorf("npm's list of what it installed: %w", err)
	}
	var all []run.Installed
	for where, p := range note.Packages {
		if p.Link { // a link to a folder of the function
			p.Version = note.Packages[p.Resolved].Version
		}
		if at := strings.LastIndex(where, "node_modules/"); at >= 0 && p.Version != "" {
			all = append(all, run.Installed{Name: where[at+len("node_modules/"):], Version: p.Version})
		}
	}
	slices.SortFunc(all, byName)
	return slices.Compact(all), nil
}

// replaceLinks replaces every link below a folder by a copy, because a package contains no links. npm links to the
// packages that a path names and to those of workspaces.
func replaceLinks(root string) error {
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return err
	}
	return replaceLinksIn(real, real, nil)
}

// replaceLinksIn works on one folder; within lists the folders whose copies contain it.
func replaceLinksIn(root, dir string, within []string) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink == 0 {
			return err
		}
		target, err := filepath.EvalSymlinks(name)
		if err != nil {
			return fail.Input("npm left a broken link, %s: %w", shownIn(root, name), err)
		}
		rel, err := filepath.Rel(root, target)
		if err != nil || !filepath.IsLocal(rel) {
			return fail.Input("npm left a link that leads out of the package: %s to %s", shownIn(root, name), target).
				WithHint("copy %s into the function's folder, or depend on a published version", target)
		}
		if slices.Contains(within, target) || target == name ||
			strings.HasPrefix(name, target+string(filepath.Separator)) {
			return fail.Input("the packages %s and %s depend on each other by paths, which cannot be copied",
				shownIn(root, target), shownIn(root, name)).
				WithHint("let one of the two not depend on the other, or publish them")
		}
		if err := os.Remove(name); err != nil {
			return err
		}
		if err := copyWithLinks(target, name); err != nil {
			return err
		}
		return replaceLinksIn(root, name, append(slices.Clone(within), target))
	})
}

// copyWithLinks copies a file or folder; links in it lead to the same targets as before.
func copyWithLinks(from, to string) error {
	return filepath.WalkDir(from, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		at := to
		if name != from {
			at = filepath.Join(to, strings.TrimPrefix(name, from+string(filepath.Separator)))
		}
		if d.IsDir() {
			return os.MkdirAll(at, 0o755)
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			return copyFile(file{path: name, exec: info.Mode().Perm()&0o111 != 0}, at)
		}
		target, err := os.Readlink(name)
		if err == nil && !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(name), target)
		}
		return errors.Join(err, os.Symlink(target, at))
	})
}
