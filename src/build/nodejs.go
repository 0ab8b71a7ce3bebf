package build

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"stellar/raw-code/bootstraps"
	"stellar/src/fail"
	"stellar/src/run"
)

const nodeHint = "install Node.js 18 or later (apt install nodejs npm, brew install node) and put node on the PATH"

// Node copies sources, checks their syntax and installs what a package.json depends on.
type Node struct{ Options }

var (
	_ Builder = Node{}
	_ Looper  = Node{}
)

func (n Node) interpreter() interpreter {
	return interpreter{Options: n.Options, program: "node", oldest: 1800, oldText: "18", hint: nodeHint}
}

// Language is nodejs.
func (Node) Language() string { return "nodejs" }

// Check asks for a node of at least version 18.
func (n Node) Check(ctx context.Context) error { return n.interpreter().check(ctx) }

// Version is that of the node on the PATH, as in Node.js v22.1.0.
func (n Node) Version(ctx context.Context) (string, error) {
	version, err := n.interpreter().version(ctx)
	return "Node.js " + version, err
}

// Inputs names the runtime and, because packages can have parts for one machine only, whether this machine is meant.
func (n Node) Inputs(ctx context.Context, src *run.Source) (Inputs, error) {
	version, err := n.Version(ctx)
	if err != nil {
		return Inputs{}, err
	}
	return Inputs{Toolchain: version, Settings: []string{src.Runtime, fmt.Sprint(n.Local)}}, nil
}

// Build copies the folder and installs the dependencies of its package.json: as its lock file says where it has one.
func (n Node) Build(ctx context.Context, src *run.Source, out string) error {
	files, err := tree(src.Dir, forPackage)
	if err != nil {
		return badSource(ctx, src, err)
	}
	if err := n.interpreter().checkFiles(ctx, src, "--check", files, ownScript); err != nil {
		return err
	}
	depends, err := dependsOnPackages(src.Dir)
	if err != nil {
		return badSource(ctx, src, err)
	}
	if !depends { // node_modules that lie there are the user's own
		return copyTree(ctx, src, files, out, func(file) bool { return true })
	}
	if err := copyTree(ctx, src, files, out, ownFile); err != nil {
		return err
	}
	return n.install(ctx, src, out, files)
}

// ownFile is one that npm has not installed.
func ownFile(f file) bool {
	return !strings.HasPrefix(f.rel, "node_modules/") && !strings.Contains(f.rel, "/node_modules/")
}

func ownScript(f file) bool {
	return ownFile(f) && slices.Contains([]string{".js", ".mjs", ".cjs"}, filepath.Ext(f.rel))
}

// install runs npm in the copy. Links to programs are left out, and what npm links from a folder is copied: a package holds
// no links.
func (n Node) install(ctx context.Context, src *run.Source, out string, files []file) error {
	verb := "install"
	if slices.ContainsFunc(files, func(f file) bool { return f.rel == "package-lock.json" || f.rel == "npm-shrinkwrap.json" }) {
		verb = "ci"
	}
	args := []string{verb, "--omit=dev", "--no-audit", "--no-fund", "--no-bin-links", "--loglevel=error"}
	if !n.Local { // optional packages with native parts come for the cloud's machine
		args = append(args, "--os=linux", "--libc=glibc", "--cpu="+map[string]string{"amd64": "x64", "arm64": "arm64"}[src.Architecture])
	}
	if err := n.interpreter().installer(ctx, src, out, "npm", nodeHint, []string{"NO_UPDATE_NOTIFIER=1"}, args...); err != nil {
		return err
	}
	if err := copyLinked(filepath.Join(out, "node_modules")); err != nil {
		return badSource(ctx, src, err)
	}
	// npm's note to itself; it differs between its versions.
	return os.RemoveAll(filepath.Join(out, "node_modules", ".package-lock.json"))
}

// copyLinked puts a folder's copy in the place of every link to one.
func copyLinked(dir string) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) || err == nil && d.Type()&fs.ModeSymlink == 0 {
			return nil
		}
		if err != nil {
			return err
		}
		target, err := filepath.EvalSymlinks(name)
		if err != nil {
			return fail.Input("npm left a link that leads nowhere: %w", err)
		}
		if err := os.Remove(name); err != nil {
			return err
		}
		return os.CopyFS(name, os.DirFS(target))
	})
}

// dependsOnPackages says whether the folder's package.json names dependencies.
func dependsOnPackages(dir string) (bool, error) {
	text, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if os.IsNotExist(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var p struct {
		Dependencies, OptionalDependencies map[string]any
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return false, fail.Input("package.json: %w", err)
	}
	return len(p.Dependencies)+len(p.OptionalDependencies) > 0, nil
}

// Loop writes the loop of managed runtimes, for images on a plain base.
func (Node) Loop(_ context.Context, out string) error {
	return writeLoop(out, "bootstrap.js", bootstraps.Node)
}
