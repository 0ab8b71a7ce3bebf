package local

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
)

// zipFile writes a package of text files.
func zipFile(t *testing.T, files map[string]string) string {
	t.Helper()
	var entries []entry
	for name, text := range files {
		entries = append(entries, entry{name, 0o644, []byte(text)})
	}
	path := filepath.Join(t.TempDir(), "p.zip")
	if err := os.WriteFile(path, zipOf(entries...), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestPythonSeesItsPackageOnly imports what this machine's Python has beside the standard library.
func TestPythonSeesItsPackageOnly(t *testing.T) {
	out, err := exec.Command("python3", "-c", `import importlib.util as u, sys
def has(n):
    try: return u.find_spec(n) is not None
    except ImportError: return False
print(*[n for n in ("pip", "setuptools", "boto3", "yaml", "docker") if has(n)])`).Output()
	if err != nil {
		t.Fatal(err)
	}
	on := strings.Fields(string(out))
	if !contains(on, "pip") && !contains(on, "setuptools") {
		t.Fatalf("this machine's Python has nothing to hide: %q", on)
	}
	_, c := testPlatform(t, nil)
	artifact := zipFile(t, map[string]string{"own.py": "", "main.py": `import json, sys
def f(event, context):
    found = []
    for name in ("own", "ssl", "sqlite3", "pip", "setuptools", "boto3", "yaml", "docker", "botocore.session"):
        try:
            __import__(name)
            found.append(name)
        except ImportError:
            pass
    return {"found": found, "path": sys.path, "exit": callable(exit) and callable(quit),
        "user": [p for p in sys.path if "-packages" in p]}
`})
	url := deployTo(t, c, func(f *client.FunctionSpec) {
		f.Runtime, f.Handler, f.Artifact = "python3", "main.f",
			artifact
	})
	said := string(getOK(t, url).body)
	want := `"found": ["own", "ssl", "sqlite3"]`
	if contains(on, "boto3") {
		want = `"found": ["own", "ssl", "sqlite3", "boto3", "botocore.session"]`
	}
	if !strings.Contains(said, want) || !strings.Contains(said, `"exit": true`) ||
		!strings.Contains(said, `"user": []`) {
		t.Errorf("want %s, function says %s", want, said)
	}
}

// visibleDir makes a folder outside /tmp, where instances see this machine's files.
func visibleDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "stellar-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestNodeSeesItsPackageOnly has modules in the folders above the package and beside Node.js itself.
func TestNodeSeesItsPackageOnly(t *testing.T) {
	above := visibleDir(t)
	module := filepath.Join(above, "node_modules", "of-a-neighbour")
	if err := os.MkdirAll(module, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(module, "index.js"), []byte("module.exports = 1"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, c := testPlatform(t, func(o *Options) { o.Dir = filepath.Join(above, "state") })
	artifact := zipFile(t, map[string]string{
		"node_modules/own/index.js":  "module.exports = require('own2')",
		"node_modules/own2/index.js": "module.exports = 1",
		"main.js": `exports.f = async () => {
  const found = [];
  for (const name of ['own', 'fs', './main.js', 'of-a-neighbour']) {
    try { require(name); found.push(name); } catch (e) { if (e.code !== 'MODULE_NOT_FOUND') throw e; }
  }
  for (const name of ['own', 'node:fs', 'of-a-neighbour']) {
    try { await import(name); found.push('import ' + name); } catch (e) {
      if (e.code !== 'ERR_MODULE_NOT_FOUND') throw e;
    }
  }
  return { found, argv: process.argv.length };
};`})
	url := deployTo(t, c, func(f *client.FunctionSpec) {
		f.Runtime, f.Handler, f.Artifact = "nodejs", "main.f",
			artifact
	})
	want := `"found":["own","fs","./main.js","import own","import node:fs"]`
	if sandbox.TryPrivateMounts() != nil { // without mounts, import still looks above
		want = `"found":["own","fs","./main.js","import own","import node:fs"`
	}
	if said := string(getOK(t, url).body); !strings.Contains(said, want) || !strings.Contains(said, `"argv":2`) {
		t.Errorf("want %s, function says %s", want, said)
	}
}

// TestRubySeesItsPackageOnly has a gem installed on this machine.
func TestRubySeesItsPackageOnly(t *testing.T) {
	home := visibleDir(t)
	if err := os.MkdirAll(filepath.Join(home, "lib"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"lib/of_a_neighbour.rb": "X = 1\n",
		"g.gemspec": `Gem::Specification.new { |s|
  s.name, s.version, s.summary, s.authors, s.files =
    "of_a_neighbour", "1.0", "x", ["x"], ["lib/of_a_neighbour.rb"] }`} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	paths, err := exec.Command("ruby", "-e", "print Gem.path.join(':')").Output()
	if err != nil {
		t.Fatal(err)
	}
	build := exec.Command("sh", "-c", `gem build -q g.gemspec &&
		gem install -q --local --no-document -i "$PWD/gems" of_a_neighbour-1.0.gem`)
	build.Dir = home
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	_, c := testPlatform(t, nil)
	artifact := zipFile(t, map[string]string{"own.rb": "", "main.rb": `def f(event:, context:)
  found = %w[own json rexml/document of_a_neighbour].select do |name|
    require name
    true
  rescue LoadError
    false
  end
  { found: found, there: Gem.path.any? { |p| File.directory?(File.join(p, "gems", "of_a_neighbour-1.0")) } }
end`})
	url := deployTo(t, c, func(f *client.FunctionSpec) {
		f.Runtime, f.Handler, f.Artifact = "ruby", "main.f", artifact
		// It stands for the machine's own folder of gems.
		f.Environment = map[string]string{"GEM_PATH": filepath.Join(home, "gems") + ":" + string(paths)}
	})
	want := `"found":["own","json","rexml/document"],"there":true`
	if said := string(getOK(t, url).body); !strings.Contains(said, want) {
		t.Errorf("function says %s", said)
	}
}
