package local

import (
	"regexp"

	"stellar/raw-code/bootstraps"
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
		args:   func(script, handler string) []string { return []string{"-u", script, handler} },
		// The code folder is shared and read-only in spirit: no instance may leave compiled files to the next.
		env: []string{"PYTHONDONTWRITEBYTECODE=1"},
	}
}
