package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScripts runs the command line's scripts: the real binary, the real Serverless CLI, real function processes.
func TestScripts(t *testing.T) {
	bin := buildBinary(t)
	repo, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	osls := filepath.Join(repo, "scripts", "serverless", "node_modules", ".bin")
	if _, err := os.Stat(filepath.Join(osls, "osls")); err != nil {
		t.Fatalf("the Serverless CLI is not installed, run `make setup`: %v", err)
	}
	cache := t.TempDir() // one for all scripts: what one has built the others need not
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", strings.Join([]string{filepath.Dir(bin), osls, os.Getenv("PATH")}, string(os.PathListSeparator)))
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("TMPDIR", filepath.Join(env.WorkDir, "tmp"))
			env.Setenv("GOCACHE", goEnv(t, "GOCACHE"))
			env.Setenv("GOMODCACHE", goEnv(t, "GOMODCACHE"))
			env.Setenv("RUSTUP_HOME", homeOf("RUSTUP_HOME", ".rustup"))
			env.Setenv("CARGO_HOME", homeOf("CARGO_HOME", ".cargo"))
			env.Setenv("STELLAR_CACHE_DIR", cache)
			env.Setenv("REPO", repo)
			for _, dir := range []string{"home", "tmp"} {
				if err := os.MkdirAll(filepath.Join(env.WorkDir, dir), 0o755); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: scriptCommands(),
	})
}

// buildBinary builds the tool as users get it.
func buildBinary(t *testing.T) string {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "stellar")
	out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return bin
}

func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}
