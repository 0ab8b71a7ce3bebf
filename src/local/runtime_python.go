package local

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/vhive-serverless/STeLLAR/raw-code/bootstraps"
)

func pythonFamily() family {
	return family{
		ids: regexp.MustCompile(`^python3(\.\d+)?$`),
		interpreters: func(id string) []string {
			if id == "python3" {
				return []string{"python3"}
			}
			return []string{id, "python3"}
		},
		ask:    []string{"-c", "import sys, platform; print(sys.executable); print(platform.python_version())"},
		label:  "Python",
		hint:   "install Python 3, or put python3 on the PATH of the platform",
		script: "bootstrap.py",
		source: func() []byte { return []byte(bootstraps.Python) },
		// Without this machine's site-packages, its user's, and what their .pth files start.
		args:  func(script, handler string) []string { return []string{"-S", "-s", "-u", script, handler} },
		equip: linkPythonSDK,
		// The code folder is shared and read-only in spirit: no instance may leave compiled files to the next.
		env: []string{"PYTHONDONTWRITEBYTECODE=1"},
	}
}

// pythonSDK prints where this machine has the packages that Lambda's own Python has beside the standard library, if it
// has boto3: a line with the folder to link them in, then a path each.
const pythonSDK = `import importlib.util, os, sys
names = ["boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six"]
found = [importlib.util.find_spec(name) for name in names]
print("python-sdk-%d.%d" % sys.version_info[:2])
for spec in found if found[0] else []:
    if spec and spec.origin:
        print(os.path.dirname(spec.origin) if spec.submodule_search_locations else spec.origin)
`

// linkPythonSDK makes a folder of links to boto3 and what it needs, as Lambda has them, and to nothing else. A machine
// without boto3 has none: a function that imports it brings its own.
func linkPythonSDK(ctx context.Context, program, dir string) error {
	out, err := exec.CommandContext(ctx, program, "-c", pythonSDK).Output()
	if err != nil {
		return err
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) < 2 {
		return nil
	}
	folder := filepath.Join(dir, strings.TrimSpace(lines[0]))
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	for _, path := range lines[1:] {
		path = strings.TrimSpace(path)
		if err := os.Symlink(path, filepath.Join(folder, filepath.Base(path))); err != nil &&
			!errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}
