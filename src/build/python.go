package build

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"stellar/raw-code/bootstraps"
	"stellar/src/fail"
	"stellar/src/run"
	"stellar/src/shell"
)

const (
	requirements  = "requirements.txt"
	pythonHint    = "install Python 3.8 or later (apt install python3 python3-pip, brew install python) and put python3 on the PATH"
	pythonOldest  = 8
	pythonTimeout = time.Minute
	pipTimeout    = 15 * time.Minute
)

// compileAll compiles every file named on its input, NUL between them, and keeps nothing of it: compileall and
// py_compile would leave .pyc files, which make packages differ from build to build.
const compileAll = `import sys, traceback
bad = 0
for name in sys.stdin.buffer.read().split(b"\0"):
    try:
        name = name.decode("utf-8", "surrogateescape")
        with open(name, "rb") as f:
            compile(f.read(), name, "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError) as e:
        bad += 1
        sys.stderr.write("%s: " % name + "".join(traceback.format_exception_only(type(e), e)))
sys.exit(1 if bad else 0)
`

// Python copies sources, checks their syntax and installs what a requirements.txt names.
type Python struct{ Options }

var (
	_ Builder = Python{}
	_ Looper  = Python{}
)

// Loop writes the loop of managed runtimes, for images on a plain base.
func (Python) Loop(_ context.Context, out string) error {
	return writeLoop(out, "bootstrap.py", bootstraps.Python)
}

// Language is python.
func (Python) Language() string { return "python" }

// Check asks for a python3 of at least version 3.8.
func (p Python) Check(ctx context.Context) error {
	version, err := p.Version(ctx)
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return fail.Input("python3 is not on the PATH: %w", exec.ErrNotFound).WithHint(pythonHint)
	case err != nil:
		return err
	}
	if minor(version) < pythonOldest {
		return fail.Input("python3 is too old: %s, 3.%d is needed", version, pythonOldest).WithHint(pythonHint)
	}
	return nil
}

// Version is that of the python3 on the PATH, as in Python 3.11.7.
func (p Python) Version(ctx context.Context) (string, error) {
	return p.ask(ctx, "python3")
}

func (p Python) ask(ctx context.Context, interpreter string) (string, error) {
	res, err := p.run(ctx, shell.Command{Name: interpreter, Args: []string{"--version"},
		Timeout: pythonTimeout, Line: func(string) {}})
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(res.Stdout), nil
}

// interpreter prefers the one that the runtime names. Names like python3.13 can be on the PATH and yet not run (version
// managers put such names there): only an answer counts.
func (p Python) interpreter(ctx context.Context, src *run.Source) (name, version string, err error) {
	if src.Runtime != "python3" && strings.HasPrefix(src.Runtime, "python3") {
		if version, err := p.ask(ctx, src.Runtime); err == nil {
			return src.Runtime, version, nil
		}
	}
	version, err = p.ask(ctx, "python3")
	return "python3", version, err
}

// minor is the second number of a version such as "Python 3.11.7" or "python3.13", 0 where there is none.
func minor(version string) int {
	m := regexp.MustCompile(`3\.(\d+)`).FindStringSubmatch(version)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// Inputs names the runtime and, where packages are installed, the platform they are for.
func (p Python) Inputs(ctx context.Context, src *run.Source) (Inputs, error) {
	_, version, err := p.interpreter(ctx, src)
	if err != nil {
		return Inputs{}, err
	}
	return Inputs{Toolchain: version, Settings: append([]string{src.Runtime}, p.pipArgs(src, "")...)}, nil
}

// Build copies the folder, bytecode and virtual environments left out, over what its requirements.txt installs.
func (p Python) Build(ctx context.Context, src *run.Source, out string) error {
	files, err := tree(src.Dir, forPackage)
	if err != nil {
		return badSource(ctx, src, err)
	}
	interpreter, version, err := p.interpreter(ctx, src)
	if err != nil {
		return err
	}
	if err := p.checkSyntax(ctx, src, interpreter, version, files); err != nil {
		return err
	}
	if slices.ContainsFunc(files, func(f file) bool { return f.rel == requirements }) {
		if err := p.install(ctx, src, interpreter, out); err != nil {
			return err
		}
	}
	for _, f := range files {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := copyFile(f, filepath.Join(out, filepath.FromSlash(f.rel))); err != nil {
			return fmt.Errorf("copying the function in %s: %w", src.Dir, err)
		}
	}
	return nil
}

// checkSyntax refuses sources that cannot be compiled. An interpreter older than the cloud's may not know the syntax of
// the newer one: then its complaint is a warning.
func (p Python) checkSyntax(ctx context.Context, src *run.Source, interpreter, version string, files []file) error {
	var names []string
	for _, f := range files {
		if strings.HasSuffix(f.rel, ".py") {
			names = append(names, filepath.FromSlash(f.rel))
		}
	}
	if len(names) == 0 {
		return badSource(ctx, src, fail.Input("there is no .py file"))
	}
	_, err := p.run(ctx, shell.Command{Name: interpreter, Args: []string{"-I", "-c", compileAll}, Dir: src.Dir,
		Stdin: strings.NewReader(strings.Join(names, "\x00")), Timeout: 5 * pythonTimeout})
	if err == nil {
		return nil
	}
	var failed *fail.Error
	if !p.Local && ctx.Err() == nil && minor(version) < minor(src.Runtime) && errors.As(err, &failed) {
		p.warnf("the sources in %s do not compile with %s; %s may know better: %s", src.Dir, version, src.Runtime, failed.Output)
		return nil
	}
	return badSource(ctx, src, err)
}

// install puts what requirements.txt names into out: for this machine where the function runs on it, else the wheels of
// the cloud's Linux, whatever the build machine is.
func (p Python) install(ctx context.Context, src *run.Source, interpreter, out string) error {
	_, err := p.run(ctx, shell.Command{Name: interpreter, Args: p.pipArgs(src, out), Dir: src.Dir, Timeout: pipTimeout,
		Env: []string{"PYTHONDONTWRITEBYTECODE=1", "PIP_NO_INPUT=1", "PIP_DISABLE_PIP_VERSION_CHECK=1"}})
	if err != nil {
		var failed *fail.Error
		if errors.As(err, &failed) && strings.Contains(failed.Output, "No module named pip") {
			failed.Hint = fmt.Sprintf("install pip: %s -m ensurepip, or apt install python3-pip", interpreter)
		}
		return badSource(ctx, src, err)
	}
	// Scripts of installed packages start with this machine's path to its interpreter: no use in a function.
	if err := os.RemoveAll(filepath.Join(out, "bin")); err != nil {
		return err
	}
	return dropBytecode(out)
}

func (p Python) pipArgs(src *run.Source, out string) []string {
	args := []string{"-m", "pip", "install", "--quiet", "--no-compile", "--requirement", requirements, "--target", out}
	if p.Local {
		return args
	}
	machine := map[string]string{"arm64": "aarch64", "amd64": "x86_64"}[src.Architecture]
	args = append(args, "--only-binary=:all:", "--implementation", "cp",
		"--platform", "manylinux2014_"+cmp.Or(machine, src.Architecture), "--platform", "manylinux_2_28_"+cmp.Or(machine, src.Architecture))
	if n := minor(src.Runtime); n > 0 {
		args = append(args, "--python-version", "3."+strconv.Itoa(n))
	}
	return args
}
