package google

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// sdkFiles are the files of a Google Cloud SDK by which its version is certain.
func sdkFiles() map[string]string {
	return map[string]string{"bin/gcloud": "#!/bin/sh\n", "lib/gcloud.py": "", "VERSION": "528.0.0\n",
		"platform/bundledpythonunix/bin/python3": ""}
}

// TestInstalledVersion holds that gcloud's version is read only where it is certain to be the one that runs.
func TestInstalledVersion(t *testing.T) {
	for name, c := range map[string]struct {
		without, python, want string
	}{
		"an SDK":                 {want: "528.0.0"},
		"no SDK's program":       {without: "lib/gcloud.py"},
		"another Python":         {without: "platform/bundledpythonunix/bin/python3"},
		"a Python of one's own":  {python: "/opt/python3"},
		"no version":             {without: "VERSION"},
		"a link to what is gone": {without: "bin/gcloud"},
	} {
		t.Run(name, func(t *testing.T) {
			sdk, link := filepath.Join(t.TempDir(), "sdk"), filepath.Join(t.TempDir(), "gcloud")
			for file, text := range sdkFiles() {
				path := filepath.Join(sdk, filepath.FromSlash(file))
				if file == c.without {
					continue
				}
				if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755),
					os.WriteFile(path, []byte(text), 0o755)); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.Symlink(filepath.Join(sdk, "bin", "gcloud"), link); err != nil {
				t.Fatal(err)
			}
			g := gcloud{Options: provider.Options{Getenv: func(name string) string {
				return map[string]string{"CLOUDSDK_PYTHON": c.python}[name]
			}}}
			if got := g.installedVersion(link); got != c.want {
				t.Errorf("version %q, want %q", got, c.want)
			}
		})
	}
}
