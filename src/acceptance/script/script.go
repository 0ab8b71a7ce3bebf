// Package script runs scripts of the command line (testscript) with the real binary, the real Serverless CLI and real
// function processes.
package script

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
)

// Run runs the scripts of testdata/script, each in a folder of its own.
func Run(t *testing.T) {
	t.Helper()
	bin, osls := lab.Binary(t), lab.Serverless()
	lab.Installed(t, "the Serverless CLI", filepath.Join(osls, "osls"), "make setup")
	toolchains := lab.Toolchains(t)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", lab.Path(filepath.Dir(bin)))
			env.Setenv("HOME", filepath.Join(env.WorkDir, "home"))
			env.Setenv("TMPDIR", filepath.Join(env.WorkDir, "tmp"))
			env.Vars = append(env.Vars, toolchains...)
			// What the suite sets so that programs start faster: caches of what the Serverless CLI compiles, and Go's
			// late collection of garbage.
			for _, name := range []string{
				"NODE_OPTIONS", "STELLAR_TEST_NODE_CACHE", "SLS_SCHEMA_CACHE_BASE_DIR", "GOGC",
			} {
				if value := os.Getenv(name); value != "" {
					env.Setenv(name, value)
				}
			}
			env.Setenv("STELLAR_CACHE_DIR", lab.Cache())
			env.Setenv("REPO", lab.Repo())
			for _, dir := range []string{"home", "tmp"} {
				if err := os.MkdirAll(filepath.Join(env.WorkDir, dir), 0o755); err != nil {
					return err
				}
			}
			return nil
		},
		Cmds: commands(),
	})
}
