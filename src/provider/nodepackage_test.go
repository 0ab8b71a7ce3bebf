package provider

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/shell"
	"github.com/vhive-serverless/STeLLAR/src/toolversion"
)

// install writes an npm package with one program, and the link to it, as npm does.
func install(t *testing.T, root, name, manifest string) (link string) {
	t.Helper()
	dir := filepath.Join(root, "node_modules", name)
	link = filepath.Join(root, "node_modules", ".bin", name)
	for path, text := range map[string]string{"package.json": manifest, "bin/cli.js": "#!/usr/bin/env node\n1;\n"} {
		path = filepath.Join(dir, filepath.FromSlash(path))
		err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o755))
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.MkdirAll(filepath.Dir(link), 0o755),
		os.Symlink(filepath.Join("..", name, "bin", "cli.js"), link)); err != nil {
		t.Fatal(err)
	}
	return link
}

func nodeSays(text string, err error) shell.Runner {
	return func(_ context.Context, c shell.Command) (shell.Result, error) {
		if c.Name != "node" {
			err = errors.New("the program was started")
		}
		return shell.Result{Stdout: text}, err
	}
}

// TestInstalledPackage holds that a version is read only where it is certain to be the one that runs.
func TestInstalledPackage(t *testing.T) {
	const wrangler = `{"name": "wrangler", "version": "4.86.0", "engines": {"node": ">=20.3.0"}}`
	for name, c := range map[string]struct {
		manifest string
		prepare  func(t *testing.T, root, link string) string // gives the program
		node     shell.Runner
		ok       bool
	}{
		"installed":             {manifest: wrangler, ok: true},
		"any node":              {manifest: `{"name": "wrangler", "version": "4.86.0"}`, ok: true},
		"node is too old":       {manifest: wrangler, node: nodeSays("v20.2.9\n", nil)},
		"node does not run":     {manifest: wrangler, node: nodeSays("", errors.New("no node"))},
		"node says nothing":     {manifest: wrangler, node: nodeSays("\n", nil)},
		"another package":       {manifest: `{"name": "strangler", "version": "4.86.0"}`},
		"no version":            {manifest: `{"name": "wrangler"}`},
		"a damaged manifest":    {manifest: `{"name": "wrangler", "version": "4.8`},
		"an unknown range":      {manifest: `{"name": "wrangler", "version": "4.86.0", "engines": {"node": "20 - 22"}}`},
		"a program of no one's": {manifest: wrangler, prepare: writeProgram},
		"a copy in the current folder": {manifest: wrangler, prepare: func(t *testing.T, root, link string) string {
			install(t, filepath.Join(root, "project"), "wrangler", wrangler)
			return link
		}},
		"the current folder's own": {manifest: wrangler, ok: true, prepare: func(t *testing.T, root, _ string) string {
			return install(t, filepath.Join(root, "project"), "wrangler", wrangler)
		}},
		"another interpreter": {manifest: wrangler, prepare: func(t *testing.T, root, link string) string {
			if err := os.WriteFile(link, []byte("#!/usr/bin/env bun\n"), 0o755); err != nil {
				t.Fatal(err)
			}
			return link
		}},
	} {
		t.Run(name, func(t *testing.T) {
			root, err := filepath.EvalSymlinks(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			bin := install(t, filepath.Join(root, "tools"), "wrangler", c.manifest)
			below := filepath.Join(root, "project", "results")
			if err := os.MkdirAll(below, 0o755); err != nil {
				t.Fatal(err)
			}
			t.Chdir(below)
			if c.prepare != nil {
				bin = c.prepare(t, root, bin)
			}
			run := c.node
			if run == nil {
				run = nodeSays("v20.20.2\n", nil)
			}
			name, version, ok := InstalledPackage(t.Context(), run, bin, "wrangler")
			if ok != c.ok || ok && (name != "wrangler" || version != "4.86.0") || !ok && version != "" {
				t.Errorf("%s %s, %t", name, version, ok)
			}
		})
	}
}

// writeProgram writes a script that is in no package.
func writeProgram(t *testing.T, root, _ string) string {
	t.Helper()
	path := filepath.Join(root, "wrangler")
	if err := os.WriteFile(path, []byte("#!/usr/bin/env node\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestInRange(t *testing.T) {
	const osls = "^20.19.0 || ^22.13.0 || >=24"
	for _, c := range []struct {
		versions, v string
		want        bool
	}{
		{"", "v12.0.0", true},
		{">=12.0", "v12.0.0", true},
		{">=12.0", "v11.9.0", false},
		{osls, "v20.19.0", true},
		{osls, "v20.18.3", false},
		{osls, "v21.9.0", false},
		{osls, "v23.1.0", false},
		{osls, "v25.0.0", true},
		{"~20.1.0", "v20.1.0", false},
		{"20.x", "v20.1.0", false},
		{">=18 <20", "v19.0.0", false},
		{">=18", "", false},
	} {
		if got := inRange(c.versions, toolversion.Of(c.v)); got != c.want {
			t.Errorf("%s in %q: %t", c.v, c.versions, got)
		}
	}
}
