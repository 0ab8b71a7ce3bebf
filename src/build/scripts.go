package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
	"github.com/vhive-serverless/STeLLAR/src/toolversion"
)

const (
	askTimeout     = time.Minute
	installTimeout = 15 * time.Minute
)

// interpreter is a scripting language's program.
type interpreter struct {
	Options
	program string
	oldest  string // version that runs the measurement function
	hint    string
}

var twoNumbers = regexp.MustCompile(`\d+\.\d+`)

// version is what the program prints as its version.
func (i interpreter) version(ctx context.Context) (string, error) {
	res, err := i.run(ctx, shell.Command{Name: i.program, Args: []string{"--version"}, Timeout: askTimeout,
		Line: func(string) {}})
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(res.Stdout), nil
}

// check asks for the program and its version.
func (i interpreter) check(ctx context.Context) error {
	version, err := i.version(ctx)
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fail.Input("%s is not on the PATH: %w", i.program, exec.ErrNotFound).WithHint("%s", i.hint)
	case err != nil:
		return fail.OrHint(err, i.hint)
	}
	if !twoNumbers.MatchString(version) {
		return fail.Input("%s --version printed %q, which is not a version", i.program, version).WithHint("%s", i.hint)
	}
	if toolversion.Of(version).Older(toolversion.Of(i.oldest)) {
		return fail.Input("%s is too old: %s; %s is needed", i.program, version, i.oldest).WithHint("%s", i.hint)
	}
	return nil
}

// checkFiles runs the program's syntax check on each file.
func (i interpreter) checkFiles(ctx context.Context, src *run.Source, flag string, files []file,
	is func(file) bool) error {
	found := false
	for _, f := range files {
		if !is(f) {
			continue
		}
		found = true
		_, err := i.run(ctx, shell.Command{Name: i.program, Args: []string{flag, filepath.FromSlash(f.rel)},
			Dir: src.Dir, Timeout: askTimeout})
		if err != nil {
			return badSource(ctx, src, err)
		}
	}
	if !found {
		return badSource(ctx, src, fail.Input("there is no source file of the language"))
	}
	return nil
}

// copyTree copies the wanted files of the function into out.
func copyTree(ctx context.Context, src *run.Source, files []file, out string, wanted func(file) bool) error {
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !wanted(f) {
			continue
		}
		if err := copyFile(f, filepath.Join(out, filepath.FromSlash(f.rel))); err != nil {
			return fmt.Errorf("copying the function in %s: %w", src.Dir, err)
		}
	}
	return nil
}

// installer runs a package manager in out. If it is missing, the error says how to install it.
func (i interpreter) installer(ctx context.Context, src *run.Source, out, program, hint string, env []string,
	args ...string) error {
	_, err := i.run(ctx, shell.Command{Name: program, Args: args, Dir: out, Timeout: installTimeout, Env: env})
	return missingTool(ctx, src, program, hint, err)
}

// missingTool makes the error of a package manager that could not be run, or that refused the source.
func missingTool(ctx context.Context, src *run.Source, program, hint string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, exec.ErrNotFound):
		return fail.Input("the function in %s has dependencies and %s is not on the PATH: %w", src.Dir, program,
			exec.ErrNotFound).WithHint("%s", hint)
	}
	return badSource(ctx, src, err)
}

// writeLoop writes the one file of a loop.
func writeLoop(out, name string, text []byte) error {
	return os.WriteFile(filepath.Join(out, name), text, 0o644)
}
