package build

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// secretFiles may all hold credentials of the user; the other files only look similar.
func secretFiles() map[string]string {
	return map[string]string{
		".npmrc": "//registry.example.com/:_authToken=s3cret\n", "sub/.npmrc": "legacy-peer-deps=true\n",
		".yarnrc": "x", ".yarnrc.yml": "npmAuthToken: s3cret\n",
		"pip.conf": "[global]\nindex-url = https://u:s3cret@example.com/simple\n",
		".netrc":   "machine x password s3cret\n", ".pypirc": "s3cret",
		".cargo/credentials.toml": "s3cret", ".git-credentials": "https://u:s3cret@example.com\n",
		"sub/.git/config": "s3cret", ".docker/config.json": "s3cret",
	}
}

// No package holds files in which credentials are kept, whatever its language. npm has its settings while it installs.
func TestCredentialsStayOut(t *testing.T) {
	own := map[string]string{"npmrc": "1", "docs/credentials": "2", ".cargo/config.toml": "3", "config": "4"}
	all := secretFiles()
	for name, text := range own {
		all[name] = text
	}
	with := func(more ...string) string {
		files := map[string]string{}
		for name, text := range all {
			files[name] = text
		}
		for i := 0; i < len(more); i += 2 {
			files[more[i]] = more[i+1]
		}
		return folder(t, files)
	}
	installing := with("main.js", "1", "package.json", `{"name": "f", "dependencies": {"a": "file:./a"}}`,
		"a/package.json", `{"name": "a", "version": "1.0.0"}`,
		".npmrc", "install-links=true\n", "a/.npmrc", "//x/:_authToken=s3cret")
	for name, c := range map[string]struct{ language, runtime, dir string }{
		"node": {"nodejs", "nodejs22.x", with("main.js", "1")}, "npm": {"nodejs", "nodejs22.x", installing},
		"python": {"python", "python3.13", with("main.py", "1")}, "ruby": {"ruby", "ruby3.4", with("main.rb", "1")},
	} {
		npm := false
		runner := func(ctx context.Context, cmd shell.Command) (shell.Result, error) {
			if cmd.Name == "npm" && cmd.Args[0] == "install" {
				npm = exists(filepath.Join(cmd.Dir, ".npmrc")) && exists(filepath.Join(cmd.Dir, "a", ".npmrc"))
			}
			return shell.Run(ctx, cmd)
		}
		got, _ := runStage(t, Stage{Local: true, Runner: runner}, t.TempDir(), sourceOf(c.language, c.runtime, c.dir))
		for file, text := range got {
			if strings.Contains(text, "s3cret") || strings.HasSuffix(file, ".npmrc") ||
				slices.Contains([]string{".yarnrc", ".pypirc"}, file) {
				t.Errorf("%s: the package has %s", name, file)
			}
		}
		if name == "npm" && !npm {
			t.Error("npm installs without its settings")
		}
		for file, text := range own {
			if got[file] != text {
				t.Errorf("%s: the package lacks %s", name, file)
			}
		}
	}
}

// Sources that a provider builds keep settings without credentials, for the provider's builder.
func TestShippedSettings(t *testing.T) {
	for text, kept := range map[string]bool{
		"legacy-peer-deps=true\n": true, "registry=https://registry.example.com/\n": true,
		"registry=https://registry.example.com:8443/@scope/\n": true,
		"//registry.example.com/:_authToken=s3cret\n":          false, "_auth = czNjcmV0\n": false,
		"registry=https://u:s3cret@example.com/\n": false,
	} {
		src := sourceOf("nodejs", "nodejs22", folder(t,
			map[string]string{"index.js": "1", ".npmrc": text, ".netrc": "x"}))
		src.Unbuilt = true
		got, _ := runStage(t, Stage{}, t.TempDir(), src)
		if _, has := got[".npmrc"]; has != kept || got[".netrc"] != "" || got["index.js"] != "1" {
			t.Errorf("%q: files %v", text, fileNames(got))
		}
	}
}
