package build

import (
	"context"
	"errors"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/raw-code/bootstraps"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
	"github.com/vhive-serverless/STeLLAR/src/toolversion"
)

const (
	requirements = "requirements.txt"
	pythonHint   = "install Python 3.8 or later (apt install python3 python3-pip, brew install python) and put " +
		"python3 on the PATH"
	pythonOldest  = "3.8"
	pythonTimeout = time.Minute
	pipTimeout    = 15 * time.Minute
)

// compileAll compiles every file named on its input, separated by NUL, and keeps no result: compileall and py_compile
// would leave .pyc files, which make packages differ from build to build.
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

// Python copies sources, checks their syntax and installs the requirements of requirements.txt.
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
		return fail.OrHint(err, pythonHint)
	}
	if toolversion.Of(version).Older(toolversion.Of(pythonOldest)) {
		return fail.Input("python3 is too old: %s; %s is needed", version, pythonOldest).WithHint(pythonHint)
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

// interpreter prefers the one that the runtime names. Names like python3.13 can be on the PATH and not run (version
// managers put such names there), so only an answer counts.
func (p Python) interpreter(ctx context.Context, src *run.Source) (name, version string, err error) {
	if src.Runtime != "python3" && strings.HasPrefix(src.Runtime, "python3") {
		if version, err := p.ask(ctx, src.Runtime); err == nil {
			return src.Runtime, version, nil
		}
	}
	version, err = p.ask(ctx, "python3")
	return "python3", version, err
}

// minor is the second number of a version such as "Python 3.11.7" or "python3.13", or 0 if there is none.
func minor(version string) int {
	m := regexp.MustCompile(`3\.(\d+)`).FindStringSubmatch(version)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

// Inputs names the runtime and, if packages are installed, their platform and everything that pip reads.
func (p Python) Inputs(ctx context.Context, src *run.Source) (Inputs, error) {
	interpreter, version, err := p.interpreter(ctx, src)
	if err != nil {
		return Inputs{}, err
	}
	in := Inputs{Toolchain: version, Settings: append([]string{src.Runtime}, p.pipArgs(src, requirements, "")...)}
	if !exists(filepath.Join(src.Dir, requirements)) {
		return in, nil
	}
	set, err := readRequirements(src.Dir)
	if err != nil {
		return in, badSource(ctx, src, err)
	}
	if src.Unbuilt {
		return in, badSource(ctx, src, set.leadsOut())
	}
	in.Dirs, in.Files = set.inputs()
	in.Variables = append(set.env, variables("CC", "CXX", "CFLAGS", "CPPFLAGS", "LDFLAGS", "SETUPTOOLS_",
		"SOURCE_DATE_EPOCH", "PIP_")...)
	return p.pipSettings(ctx, src, interpreter, in)
}

// Build copies the folder, without bytecode and virtual environments, over the installed requirements.
func (p Python) Build(ctx context.Context, src *run.Source, out string) (made Made, err error) {
	files, err := tree(src.Dir)
	if err != nil {
		return made, badSource(ctx, src, err)
	}
	interpreter, version, err := p.interpreter(ctx, src)
	if err != nil {
		return made, err
	}
	if err := p.checkSyntax(ctx, src, interpreter, version, files); err != nil {
		return made, err
	}
	if slices.ContainsFunc(files, func(f file) bool { return f.rel == requirements }) {
		if made, err = p.install(ctx, src, interpreter, out); err != nil {
			return made, err
		}
	}
	return made, copyTree(ctx, src, files, out, anyFile)
}

// checkSyntax refuses sources that do not compile. An interpreter older than the cloud's may not know the newer syntax:
// then its complaint is only a warning.
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
	if !p.Local && ctx.Err() == nil && toolversion.Of(version).
		Older(toolversion.Of(src.Runtime)) && errors.As(err, &failed) {
		p.warnf("the sources in %s do not compile with %s; they may compile with %s: %s", src.Dir, version, src.Runtime,
			failed.Output)
		return nil
	}
	return badSource(ctx, src, err)
}
