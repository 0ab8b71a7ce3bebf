package generate

import (
	"os"
	"path/filepath"
	"testing"
)

func TestFoundFromTheFolder(t *testing.T) {
	const python, node = "def lambda_handler(event, context):\n    pass\n", "exports.handler = async () => 1\n"
	for name, c := range map[string]struct {
		files       map[string]string
		id, by      string
		handler, in string // entry point, of the runtime's language
	}{
		"go":                {map[string]string{"go.mod": "", "main.go": ""}, "go", "go.mod", "", ""},
		"rust":              {map[string]string{"Cargo.toml": ""}, "rust", "Cargo.toml", "", ""},
		"java":              {map[string]string{"pom.xml": ""}, "java21", "pom.xml", "", ""},
		"main of package":   {map[string]string{"package.json": `{"main": "src/run.js"}`, "src/run.js": node}, "nodejs22.x", "package.json", "src/run.handler", "src/run.js"},
		"main without .js":  {map[string]string{"package.json": `{"main": "./start"}`, "start.js": node}, "nodejs22.x", "package.json", "start.handler", "start.js"},
		"index":             {map[string]string{"package.json": `{}`, "index.mjs": "export const handler = 1\n"}, "nodejs22.x", "package.json", "index.handler", "index.mjs"},
		"the usual one":     {map[string]string{"main.js": node, "index.js": node}, "nodejs22.x", "index.js", "main.handler", "main.js"},
		"outside":           {map[string]string{"package.json": `{"main": "../other.js"}`}, "nodejs22.x", "package.json", "", ""},
		"pyproject":         {map[string]string{"pyproject.toml": "", "lambda_function.py": python}, "python3.13", "pyproject.toml", "lambda_function.lambda_handler", "lambda_function.py"},
		"one source file":   {map[string]string{"shop.py": "def buy(event, context):\n    pass\n"}, "python3.13", "shop.py", "shop.buy", "shop.py"},
		"two functions":     {map[string]string{"shop.py": "def a(event, context):\n  pass\ndef b(event, context):\n  pass\n"}, "python3.13", "shop.py", "", ""},
		"ruby":              {map[string]string{"app.rb": "def handler(event:, context:)\nend\n"}, "ruby3.4", "app.rb", "app.handler", "app.rb"},
		"two languages":     {map[string]string{"go.mod": "", "package.json": "{}"}, "", "", "", ""},
		"two kinds of file": {map[string]string{"a.py": python, "b.js": node}, "", "", "", ""},
		"nothing":           {map[string]string{"README": ""}, "", "", "", ""},
	} {
		base := t.TempDir()
		for file, text := range c.files {
			path := filepath.Join(base, "own", filepath.FromSlash(file))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(base, "other.js"), []byte(node), 0o644); err != nil {
			t.Fatal(err)
		}
		if id, by := FindRuntime(base, "./own"); id != c.id || by != c.by {
			t.Errorf("%s: runtime %q by %q, want %q by %q", name, id, by, c.id, c.by)
		}
		language, usual := "python", "main.lambda_handler"
		switch {
		case c.id == "nodejs22.x":
			language, usual = "nodejs", "main.handler"
		case c.id != "python3.13" && c.id != "":
			language, usual = map[string]string{"go": "go", "rust": "rust", "java21": "java", "ruby3.4": "ruby"}[c.id],
				"main.handler"
		case c.id == "":
			continue
		}
		if handler, in := findHandler(filepath.Join(base, "own"), language, usual); handler != c.handler || in != c.in {
			t.Errorf("%s: handler %q in %q, want %q in %q", name, handler, in, c.handler, c.in)
		}
	}
	for _, function := range []string{"measure", "hellogo", "./none"} {
		if id, _ := FindRuntime(t.TempDir(), function); id != "" {
			t.Errorf("%s has runtime %q", function, id)
		}
	}
}
