package build

import (
	"context"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
	"github.com/vhive-serverless/STeLLAR/src/toolversion"
)

const (
	goBinary  = "bootstrap" // the name that custom runtimes start
	goTimeout = 15 * time.Minute
	goOldest  = "1.21" // the first that obeys GOTOOLCHAIN=local
	goHint    = "install Go 1.21 or later (https://go.dev/dl, apt install golang-go, brew install go) and put it " +
		"on the PATH"
	goToolWait = time.Minute
)

// Go builds static binaries with the Go toolchain on the PATH.
type Go struct{ Options }

var _ Builder = Go{}

// Language is go.
func (Go) Language() string { return "go" }

// Check asks for a Go toolchain of at least version 1.21.
func (g Go) Check(ctx context.Context) error {
	version, err := g.Version(ctx)
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fail.Input("the Go compiler is not on the PATH: %w", exec.ErrNotFound).WithHint(goHint)
	case err != nil:
		return fail.OrHint(err, goHint)
	}
	if !strings.HasPrefix(version, "go1.") { // a development version
		return nil
	}
	if toolversion.Of(version).Older(toolversion.Of(goOldest)) {
		return fail.Input("the Go compiler is too old: %s; %s is needed", version, goOldest).WithHint(goHint)
	}
	return nil
}

// Version is as in go1.26.8, with the experiments that are switched on.
func (g Go) Version(ctx context.Context) (string, error) {
	res, err := g.run(ctx, shell.Command{Name: "go", Args: []string{"env", "GOVERSION", "GOEXPERIMENT", "GOFIPS140"},
		Dir: os.TempDir(), Env: []string{"GOTOOLCHAIN=local"}, Timeout: goToolWait, Line: func(string) {}})
	if err != nil {
		return "", err
	}
	return strings.TrimSuffix(strings.Join(strings.Fields(res.Stdout), " "), " off"), nil // GOFIPS140=off is usual
}

// Inputs adds the folders of local modules that the user's go.mod or go.work refers to.
func (g Go) Inputs(ctx context.Context, src *run.Source) (Inputs, error) {
	version, err := g.Version(ctx)
	if err != nil {
		return Inputs{}, err
	}
	in := Inputs{Toolchain: version, Settings: append(g.env(src), g.args("")...)}
	if src.Generated {
		return in, nil
	}
	if in.Dirs, in.Files, err = g.localModules(ctx, src); err != nil {
		return in, err
	}
	linked, err := g.linkedPackages(ctx, src)
	in.Dirs = append(in.Dirs, linked...)
	return in, err
}

// Build compiles the package main in the source folder. go.mod and go.sum pin everything that is compiled in.
func (g Go) Build(ctx context.Context, src *run.Source, out string) (Made, error) {
	if _, err := os.Stat(filepath.Join(src.Dir, "go.mod")); errors.Is(err, os.ErrNotExist) && !g.inModule(ctx, src) {
		return Made{}, fail.Input("building the go function in %s: it is not in a Go module", src.Dir).
			WithHint("run \"go mod init function && go mod tidy\" in %s", src.Dir)
	}
	list, err := g.run(ctx, g.command(src, "list", "-f", "{{.Name}}", "."))
	if err != nil {
		return Made{}, badSource(ctx, src, err)
	}
	if name := strings.TrimSpace(list.Stdout); name != "main" { // go build would make an archive of it, not a program
		return Made{}, fail.Input("building the go function in %s: it is package %s; only package main makes a program",
			src.Dir, name)
	}
	program := filepath.Join(out, goBinary)
	if _, err := g.run(ctx, g.command(src, g.args(program)...)); err != nil {
		return Made{}, badSource(ctx, src, err)
	}
	return Made{Installed: goModulesIn(program)}, nil
}

// goModulesIn lists the modules that a program was linked from, except its own.
func goModulesIn(program string) []run.Installed {
	info, err := buildinfo.ReadFile(program)
	if err != nil {
		return nil
	}
	var all []run.Installed
	for _, m := range info.Deps {
		one := run.Installed{Name: m.Path, Version: m.Version}
		if m.Replace != nil {
			one.Version = strings.TrimSpace(m.Replace.Path + " " + m.Replace.Version)
		}
		all = append(all, one)
	}
	slices.SortFunc(all, byName)
	return all
}

// args leave out everything that differs between machines: paths, build ids, the state of a repository.
func (Go) args(out string) []string {
	return []string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", out, "."}
}

// env isolates the build from the user's settings. With an empty GOFLAGS, go would use that of `go env -w`, for example
// a -mod=mod that rewrites the user's go.mod. So a harmless flag is set.
func (g Go) env(src *run.Source) []string {
	goos := "linux"
	if g.Local && !src.ForImage {
		goos = runtime.GOOS
	}
	env := []string{"CGO_ENABLED=0", "GOOS=" + goos, "GOARCH=" + src.Architecture, "GOAMD64=v1", "GOARM64=v8.0",
		"GOTOOLCHAIN=local", "GO111MODULE=on", "GOFLAGS=-trimpath"}
	if src.Generated { // rendered below a folder that may hold a go.work
		env = append(env, "GOWORK=off")
	}
	return env
}

func (g Go) command(src *run.Source, args ...string) shell.Command {
	return shell.Command{Name: "go", Args: args, Dir: src.Dir, Env: g.env(src), Timeout: goTimeout}
}

// location asks the toolchain which go.mod and go.work it would use; os.DevNull and off mean none.
func (g Go) location(ctx context.Context, src *run.Source) (mod, work string, err error) {
	c := g.command(src, "env", "-json", "GOMOD", "GOWORK")
	c.Line = func(string) {}
	res, err := g.run(ctx, c)
	if err != nil {
		return "", "", err
	}
	var env struct{ GOMOD, GOWORK string }
	if err := json.Unmarshal([]byte(res.Stdout), &env); err != nil {
		return "", "", fmt.Errorf("reading the answer of %s: %w", c, err)
	}
	if env.GOMOD == os.DevNull {
		env.GOMOD = ""
	}
	if env.GOWORK == "off" {
		env.GOWORK = ""
	}
	return env.GOMOD, env.GOWORK, nil
}

func (g Go) inModule(ctx context.Context, src *run.Source) bool {
	mod, _, err := g.location(ctx, src)
	return err == nil && mod != ""
}
