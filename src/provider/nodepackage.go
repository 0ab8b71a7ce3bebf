package provider

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/shell"
	"github.com/vhive-serverless/STeLLAR/src/toolversion"
)

// nodePackage is what package.json says of an installed package
// (docs.npmjs.com/cli/configuring-npm/package-json).
type nodePackage struct {
	Name    string
	Version string
	Engines struct{ Node string }
}

const nodeModules = "node_modules"

// InstalledPackage reads the name and the version of the npm package that a program belongs to. To start such a program
// for its version takes one to several seconds. ok is false wherever something else than that version might run, or
// nothing at all, and the program itself has to be asked:
//   - the program is not a file of an installed package with one of the names;
//   - the current folder, or one above it, has a copy of its own, which such programs start in their place;
//   - node does not answer, or is not of a version that the package is for.
func InstalledPackage(ctx context.Context, run shell.Runner, bin string, names ...string) (
	name, version string, ok bool,
) {
	program, err := filepath.EvalSymlinks(bin)
	if err != nil || len(names) == 0 || !startsNode(program) {
		return "", "", false
	}
	dir, p, ok := packageOf(program)
	if !ok || !slices.Contains(names, p.Name) || toolversion.Of(p.Version) == (toolversion.Version{}) {
		return "", "", false
	}
	here, err := filepath.Abs(".")
	if err != nil || hasOtherCopy(here, dir, names) {
		return "", "", false
	}
	res, err := run(ctx, shell.Command{Name: "node", Args: []string{"--version"}, Timeout: VersionTimeout,
		Grace: AskGrace, Line: func(string) {}})
	if err != nil || !inRange(p.Engines.Node, toolversion.Of(res.Stdout)) {
		return "", "", false
	}
	return p.Name, p.Version, true
}

// startsNode reports whether a script is run by the node on the PATH.
func startsNode(program string) bool {
	f, err := os.Open(program)
	if err != nil {
		return false
	}
	defer f.Close()
	line := make([]byte, 64)
	n, _ := f.Read(line)
	first, _, _ := bytes.Cut(line[:n], []byte("\n"))
	return string(bytes.TrimSpace(first)) == "#!/usr/bin/env node"
}

// packageOf finds the package of a program: the closest folder above it that has a package.json. Only one that npm
// installed counts.
func packageOf(program string) (dir string, p nodePackage, ok bool) {
	for dir = filepath.Dir(program); filepath.Dir(dir) != dir; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(dir, "package.json"))
		if err != nil {
			continue
		}
		installed := filepath.Base(filepath.Dir(dir)) == nodeModules
		return dir, p, installed && json.Unmarshal(text, &p) == nil
	}
	return "", p, false
}

// hasOtherCopy reports whether a folder, or one above it, has a package of one of the names other than the one in dir.
func hasOtherCopy(folder, dir string, names []string) bool {
	for ; ; folder = filepath.Dir(folder) {
		for _, name := range names {
			copied, err := filepath.EvalSymlinks(filepath.Join(folder, nodeModules, name))
			if err == nil && copied != dir {
				return true
			}
		}
		if filepath.Dir(folder) == folder {
			return false
		}
	}
}

// inRange reports whether a version is surely in a range of the forms that packages commonly use: ^1.2.3 and >=1.2.3,
// with || between them (github.com/npm/node-semver). An empty range holds every version.
func inRange(versions string, v toolversion.Version) bool {
	if v == (toolversion.Version{}) {
		return false
	}
	if strings.TrimSpace(versions) == "" {
		return true
	}
	return slices.ContainsFunc(strings.Split(versions, "||"), func(one string) bool {
		one = strings.TrimSpace(one)
		if strings.ContainsAny(one, " <~*x-") {
			return false
		}
		caret := strings.HasPrefix(one, "^")
		if !caret && !strings.HasPrefix(one, ">=") {
			return false
		}
		least := toolversion.Of(one)
		return !v.Older(least) && (!caret || v.Numbers[0] == least.Numbers[0])
	})
}
