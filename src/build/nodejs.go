package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/raw-code/bootstraps"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

const nodeHint = "install Node.js 18 or later (apt install nodejs npm, brew install node) and put node on the PATH"

// Node copies sources, checks their syntax and installs the dependencies of a package.json.
type Node struct{ Options }

var (
	_ Builder = Node{}
	_ Looper  = Node{}
)

func (n Node) interpreter() interpreter {
	return interpreter{Options: n.Options, program: "node", oldest: "18", hint: nodeHint}
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

// Inputs names the runtime and whether the function runs on this machine: packages can have parts for one machine only.
func (n Node) Inputs(ctx context.Context, src *run.Source) (Inputs, error) {
	version, err := n.Version(ctx)
	if err != nil {
		return Inputs{}, err
	}
	in := Inputs{Toolchain: version, Settings: []string{src.Runtime, fmt.Sprint(n.Local)}}
	p, err := readPackageJSON(src.Dir)
	if err == nil && p.installs() {
		err = errors.Join(npmPathsWithin(src.Dir), notOfWorkspace(src.Dir, p))
	}
	if err != nil {
		return in, badSource(ctx, src, err)
	}
	if p.installs() && !src.Unbuilt {
		in.Variables, err = n.npmSettings(ctx, src)
	}
	return in, err
}

// Build copies the folder and installs the dependencies of its package.json, from the lock file if there is one.
func (n Node) Build(ctx context.Context, src *run.Source, out string) (Made, error) {
	files, err := tree(src.Dir)
	if err != nil {
		return Made{}, badSource(ctx, src, err)
	}
	if err := n.interpreter().checkFiles(ctx, src, "--check", files, ownScript); err != nil {
		return Made{}, err
	}
	p, err := readPackageJSON(src.Dir)
	if err != nil {
		return Made{}, badSource(ctx, src, err)
	}
	if !p.installs() { // existing node_modules are the user's own
		return Made{}, copyTree(ctx, src, files, out, anyFile)
	}
	if err := copyTree(ctx, src, files, out, ownFile); err != nil {
		return Made{}, err
	}
	return n.install(ctx, src, out)
}

// ownFile reports whether a file was not installed by npm.
func ownFile(f file) bool {
	return !strings.HasPrefix(f.rel, "node_modules/") && !strings.Contains(f.rel, "/node_modules/")
}

func ownScript(f file) bool {
	return ownFile(f) && slices.Contains([]string{".js", ".mjs", ".cjs"}, filepath.Ext(f.rel))
}

// install runs npm in the copy. Links to programs are left out, and what npm links from a folder is copied: a package
// contains no links.
func (n Node) install(ctx context.Context, src *run.Source, out string) (Made, error) {
	verb, made := "ci", Made{}
	if lockFile(src.Dir) == "" {
		verb, made.Floating = "install", "package.json has no package-lock.json beside it (npm install makes it)"
	}
	args := []string{verb, "--omit=dev", "--no-audit", "--no-fund", "--no-bin-links", "--loglevel=error"}
	if !n.Local { // optional packages with native parts are installed for the cloud's machine
		args = append(args, "--os=linux", "--libc=glibc",
			"--cpu="+map[string]string{"amd64": "x64", "arm64": "arm64"}[src.Architecture])
	}
	_, err := n.run(ctx, shell.Command{Name: "npm", Args: args, Dir: out, Timeout: installTimeout,
		Env: []string{"NO_UPDATE_NOTIFIER=1"}})
	if err != nil {
		return made, n.noNpm(ctx, src, err)
	}
	if made.Installed, err = npmInstalled(out); err != nil {
		return made, err
	}
	if err := replaceLinks(out); err != nil {
		return made, badSource(ctx, src, err)
	}
	// npm's own record of the installation differs between its versions.
	return made, os.RemoveAll(filepath.Join(out, "node_modules", ".package-lock.json"))
}

func (n Node) noNpm(ctx context.Context, src *run.Source, err error) error {
	return missingTool(ctx, src, "npm", nodeHint, err)
}

// Loop writes the loop of managed runtimes, for images on a plain base.
func (Node) Loop(_ context.Context, out string) error {
	return writeLoop(out, "bootstrap.js", bootstraps.Node)
}
