package build

import (
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Sources that the provider builds are shipped unchanged, if they compile; nothing is installed.
func TestShipped(t *testing.T) {
	for name, c := range map[string]struct {
		language string
		files    map[string]string
		want     []string // files, in their order
		fails    string
	}{
		"python": {"python", map[string]string{"main.py": "def f(r): pass\n",
			"requirements.txt": "nothing-of-that-name==1\n"}, []string{"main.py", "requirements.txt"}, ""},
		"python that does not parse": {"python", map[string]string{"main.py": "def f(:\n"}, nil, "exit code"},
		"nodejs": {"nodejs", map[string]string{"index.js": "exports.f = () => {};\n",
			"package.json": `{"dependencies":{"x":"1"}}`, "node_modules/x/a.js": "!"},
			[]string{"index.js", "package.json"}, ""},
		"nodejs that does not parse": {"nodejs", map[string]string{"index.js": "exports.f = ("}, nil, "exit code"},
		"go": {"go", map[string]string{"go.mod": "module example.com/f\n\ngo 1.21\n",
			"f.go": "package f\n\nfunc F() {}\n"}, []string{"f.go", "go.mod"}, ""},
		"go's main": {"go", map[string]string{"go.mod": "module example.com/f\n\ngo 1.21\n",
			"f.go": "package main\n\nfunc main() {}\n"}, nil, "is package main"},
		"go that does not compile": {"go", map[string]string{"go.mod": "module example.com/f\n\ngo 1.21\n",
			"f.go": "package f\n\nfunc F() { return 1 }\n"}, nil, "exit code"},
		"go that needs more": {"go", map[string]string{"go.mod": "module example.com/f\n\ngo 1.21\n\nreplace " +
			"example.com/g => ..\n", "f.go": "package f\n\nfunc F() {}\n"},
			nil, "which is not shipped with it"},
	} {
		src := sourceOf(c.language, "", folder(t, c.files))
		b, err := builderFor(Builders(Options{}), c.language)
		if err == nil {
			b, err = shipped(b)
		}
		if err != nil {
			t.Fatal(err)
		}
		if c.fails != "" {
			if _, err := b.Build(t.Context(), src, t.TempDir()); fail.Code(err) != fail.CodeInput ||
				!strings.Contains(err.Error(), c.fails) {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		got := built(t, b, src)
		if names := fileNames(got); !slices.Equal(names, c.want) {
			t.Errorf("%s: files %v", name, names)
		}
		in, err := b.Inputs(t.Context(), src)
		if err != nil || in.Settings[0] != "sources" {
			t.Errorf("%s: inputs %v, %v", name, in, err)
		}
	}
	if _, err := shipped(Rust{}); fail.Code(err) == 0 || err == nil {
		t.Errorf("rust: %v", err)
	}
}
