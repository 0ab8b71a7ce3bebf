package generate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What a build makes or installs again is no source; what a user's own folder of that name has, is.
func TestSourceFiles(t *testing.T) {
	for name, c := range map[string]struct{ language, files, want string }{
		"rust": {"rust", "Cargo.toml src/main.rs target/release/x src/target/y",
			"Cargo.toml src/main.rs src/target/y"},
		"java":   {"java", "pom.xml src/A.java target/a.jar build/b .gradle/c", "pom.xml src/A.java"},
		"python": {"python", "main.py build/a.py node_modules/b", "build/a.py main.py node_modules/b"},
		"npm":    {"nodejs", "package.json index.js node_modules/a/b.js", "index.js package.json"},
		"ruby":   {"ruby", "Gemfile a.rb vendor/bundle/x .bundle/config", "Gemfile a.rb"},
		"go":     {"go", "go.mod main.go", "go.mod main.go"},
	} {
		dir := t.TempDir()
		for _, file := range strings.Fields(c.files) {
			path := filepath.Join(dir, file)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(`{"dependencies": {"a": "1"}}`), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		files, err := SourceFiles(dir, c.language)
		var got []string
		for _, f := range files {
			got = append(got, f.Rel)
		}
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, %v; want %s", name, got, err, c.want)
		}
	}
}
