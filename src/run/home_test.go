package run

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// A home in which nothing can be written is bad input with a hint, like a home that is not set, and no empty folder of
// a run is left.
func TestUnwritableHome(t *testing.T) {
	out := t.TempDir()
	file := filepath.Join(t.TempDir(), "file")
	check(t, os.WriteFile(file, nil, 0o644))
	w, _ := deps(t)
	for _, home := range []string{"/proc/nobody", filepath.Join(file, "home"), ""} {
		w.Getenv = func(name string) string { return map[string]string{"HOME": home}[name] }
		_, err := Create(w, out, load(t), out)
		if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error()+fail.Hint(err), "XDG_STATE_HOME") {
			t.Errorf("HOME=%q: exit code %d, %v, hint %q", home, fail.Code(err), err, fail.Hint(err))
		}
	}
	if left := must(os.ReadDir(out))(t); len(left) > 0 {
		t.Errorf("folders were left: %v", left)
	}
}
