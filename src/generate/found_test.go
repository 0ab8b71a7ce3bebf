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
		id, by      string // language, and what shows it
		handler, in string // entry point
	}{
		"go":   {map[string]string{"go.mod": "", "main.go": ""}, "go", "go.mod", "", ""},
		"rust": {map[string]string{"Cargo.toml": ""}, "rust", "Cargo.toml", "", ""},
		"java": {map[string]string{"pom.xml": ""}, "java", "pom.xml", "", ""},
		"main of package": {map[string]string{"package.json": `{"main": "src/run.js"}`, "src/run.js": node}, "nodejs",
			"package.json", "src/run.handler", "src/run.js"},
		"main without .js": {map[string]string{"package.json": `{"main": "./start"}`, "start.js": node}, "nodejs",
			"package.json", "start.handler", "start.js"},
		"index": {map[string]string{"package.json": `{}`, "index.mjs": "export const handler = 1\n"}, "nodejs",
			"package.json", "index.handler", "index.mjs"},
		"the usual one": {map[string]string{"main.js": node, "index.js": node}, "nodejs", "index.js", "main.handler",
			"main.js"},
		"list of exports": {map[string]string{"package.json": `{}`,
			"index.js": "const handler = 1\nmodule.exports = { other, handler }\n"}, "nodejs", "package.json",
			"index.handler", "index.js"},
		"list with names": {map[string]string{"app.cjs": "module.exports = {\n  buy: async () => 1\n}\n"}, "nodejs",
			"app.cjs", "app.buy", "app.cjs"},
		"list of a module": {map[string]string{"app.mjs": "const f = 1\nexport { f as buy };\n"}, "nodejs", "app.mjs",
			"app.buy", "app.mjs"},
		"outside": {map[string]string{"package.json": `{"main": "../other.js"}`}, "nodejs", "package.json", "", ""},
		"pyproject": {map[string]string{"pyproject.toml": "", "lambda_function.py": python}, "python",
			"pyproject.toml", "lambda_function.lambda_handler", "lambda_function.py"},
		"one source file": {map[string]string{"shop.py": "def buy(event, context):\n    pass\n"}, "python", "shop.py",
			"shop.buy", "shop.py"},
		"two functions": {map[string]string{"shop.py": "def a(event, context):\n  pass\n" +
			"def b(event, context):\n  pass\n"}, "python", "shop.py", "", ""},
		"ruby": {map[string]string{"app.rb": "def handler(event:, context:)\nend\n"}, "ruby", "app.rb", "app.handler",
			"app.rb"},
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
		if id, by := FindLanguage(base, "./own"); id != c.id || by != c.by {
			t.Errorf("%s: language %q by %q, want %q by %q", name, id, by, c.id, c.by)
		}
		usual := "main.handler"
		if c.id == "python" {
			usual = "main.lambda_handler"
		}
		if handler, in := findHandler(filepath.Join(base, "own"), c.id, usual); handler != c.handler || in != c.in {
			t.Errorf("%s: handler %q in %q, want %q in %q", name, handler, in, c.handler, c.in)
		}
	}
	for _, function := range []string{"measure", "hellogo", "./none"} {
		if id, _ := FindLanguage(t.TempDir(), function); id != "" {
			t.Errorf("%s has language %q", function, id)
		}
	}
}
