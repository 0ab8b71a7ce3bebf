package shell

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// LookPath finds a program on the PATH, then in the extra folders, in their order. If it finds none, the error is a
// *fail.Error (exit code 2) that wraps exec.ErrNotFound and has a hint.
func LookPath(name string, extraDirs ...string) (string, error) {
	list := os.Getenv("PATH")
	if len(extraDirs) > 0 {
		list += string(os.PathListSeparator) + strings.Join(extraDirs, string(os.PathListSeparator))
	}
	path, err := lookPath(name, "", list)
	if err != nil {
		return "", notFound(name)
	}
	return path, nil
}

func notFound(name string) *fail.Error {
	if strings.ContainsRune(name, filepath.Separator) {
		return fail.Input("running %s: %w", name, exec.ErrNotFound).
			WithHint("check that the file exists and is executable")
	}
	return fail.Input("running %s: %w", name, exec.ErrNotFound).
		WithHint("install %s, or add the folder that holds it to PATH", name)
}

// lookPath is exec.LookPath for a PATH other than the process's own. Relative folders in it are skipped: a program must
// not come from the folder in which stellar happens to be started.
func lookPath(name, dir, list string) (string, error) {
	if strings.ContainsRune(name, filepath.Separator) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		path, err := filepath.Abs(name)
		if err != nil {
			return "", err
		}
		return path, executable(path)
	}
	for _, d := range filepath.SplitList(list) {
		if !filepath.IsAbs(d) {
			continue
		}
		path := filepath.Join(d, name)
		if executable(path) == nil {
			return path, nil
		}
	}
	return "", exec.ErrNotFound
}

func executable(path string) error {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return exec.ErrNotFound
	case info.IsDir(), runtime.GOOS != "windows" && info.Mode().Perm()&0o111 == 0:
		return exec.ErrNotFound
	}
	return nil
}

// environment is the caller's environment with the additions; of two equal keys, the later one counts.
func environment(add []string) []string {
	all := append(os.Environ(), add...)
	at := make(map[string]int, len(all))
	out := make([]string, 0, len(all))
	for _, kv := range all {
		key, _, _ := strings.Cut(kv, "=")
		if i, ok := at[key]; ok {
			out[i] = kv
			continue
		}
		at[key] = len(out)
		out = append(out, kv)
	}
	return out
}

func valueOf(env []string, key string) string {
	for _, kv := range env {
		if v, ok := strings.CutPrefix(kv, key+"="); ok {
			return v
		}
	}
	return ""
}
