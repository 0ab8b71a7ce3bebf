package build

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/content"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// inputs are what pip reads outside the function's folder, and the files inside it that a requirement names.
func (s *requirementSet) inputs() (dirs, files []string) {
	for _, p := range s.projects {
		dirs = append(dirs, p.path)
	}
	for _, f := range s.files {
		files = append(files, f.path)
	}
	more, archives := sorted(s.read)
	return append(dirs, more...), append(files, archives...)
}

// sorted separates folders from files; a path that does not exist counts as a file.
func sorted(paths []string) (dirs, files []string) {
	for _, p := range paths {
		if info, err := os.Stat(p); err == nil && info.IsDir() {
			dirs = append(dirs, p)
		} else {
			files = append(files, p)
		}
	}
	return dirs, files
}

// leadsOut refuses what a provider that builds the function would not get with its folder.
func (s *requirementSet) leadsOut() error {
	dirs, files := s.inputs()
	for _, path := range append(dirs, files...) {
		if rel, err := filepath.Rel(s.dir, path); err != nil || !filepath.IsLocal(rel) {
			return fail.Input("%s leads outside the function's folder, to %s, which is not shipped with it",
				requirements, path).
				WithHint("put it into the function's folder, or name a published version")
		}
	}
	return nil
}

// askPip prints pip's version, where it is and its Python, then runs pip with the arguments. It is one process for two
// questions, because the start of pip takes half a second.
const askPip = `import sys
if sys.path[0] == "":
    del sys.path[0]  # the function's folder, whose modules must not replace Python's
import pip, runpy
print("pip", pip.__version__, *pip.__path__, sys.version)
sys.argv[0] = "pip"
runpy.run_module("pip", run_name="__main__", alter_sys=True)
`

// pipSettings adds the version of pip and the settings in its configuration files and variables: they can name an
// index, constraints, folders.
func (p Python) pipSettings(ctx context.Context, src *run.Source, interpreter string, in Inputs) (Inputs, error) {
	res, err := p.run(ctx, shell.Command{Name: interpreter, Args: []string{"-c", askPip, "config", "list"},
		Dir: src.Dir, Timeout: pythonTimeout, Line: func(string) {}})
	if err != nil {
		return in, p.noPip(ctx, src, interpreter, err)
	}
	in.Variables = append(in.Variables, res.Stdout)
	for line := range strings.Lines(res.Stdout) {
		name, value, _ := strings.Cut(line, "=")
		if !slices.Contains([]string{"constraint", "requirement", "find-links"},
			name[strings.LastIndexByte(name, '.')+1:]) {
			continue
		}
		paths := strings.ReplaceAll(strings.Trim(strings.TrimSpace(value), "'"), `\n`, " ")
		for _, path := range strings.Fields(paths) {
			if !filepath.IsAbs(path) {
				path = filepath.Join(src.Dir, path)
			}
			dirs, files := sorted([]string{path})
			in.Dirs, in.Files = append(in.Dirs, dirs...), append(in.Files, files...)
		}
	}
	return in, nil
}

// noPipModule finds what Python says where pip is not installed: of -m without quotes, of import with them.
var noPipModule = regexp.MustCompile(`No module named '?pip\b`)

func (p Python) noPip(ctx context.Context, src *run.Source, interpreter string, err error) error {
	var failed *fail.Error
	if errors.As(err, &failed) && noPipModule.MatchString(failed.Output) {
		failed.Hint = fmt.Sprintf("install pip: %s -m ensurepip, or apt install python3-pip", interpreter)
	}
	return badSource(ctx, src, err)
}

// install puts the requirements of requirements.txt into out: for this machine if the function runs on it, else as
// wheels for the cloud's Linux, whatever the build machine is.
func (p Python) install(ctx context.Context, src *run.Source, interpreter, out string) (Made, error) {
	set, err := readRequirements(src.Dir)
	if err != nil {
		return Made{}, badSource(ctx, src, err)
	}
	list := requirements
	if set.changed() {
		work, err := os.MkdirTemp("", "stellar-pip-")
		if err != nil {
			return Made{}, err
		}
		defer os.RemoveAll(work)
		if list, err = set.staged(work); err != nil {
			return Made{}, fmt.Errorf("copying what %s names: %w", requirements, err)
		}
	}
	_, err = p.run(ctx, shell.Command{Name: interpreter, Args: p.pipArgs(src, list, out), Dir: src.Dir,
		Timeout: pipTimeout,
		Env:     []string{"PYTHONDONTWRITEBYTECODE=1", "PIP_NO_INPUT=1", "PIP_DISABLE_PIP_VERSION_CHECK=1"}})
	if err != nil {
		return Made{}, p.noPip(ctx, src, interpreter, err)
	}
	// Scripts of installed packages start with the path of this machine's interpreter: a function cannot use them.
	if err := os.RemoveAll(filepath.Join(out, "bin")); err != nil {
		return Made{}, err
	}
	if err := errors.Join(dropBytecode(out), dropOrigins(out)); err != nil {
		return Made{}, err
	}
	installed, err := distributions(out)
	return Made{installed, set.floating(installed)}, err
}

func (p Python) pipArgs(src *run.Source, list, out string) []string {
	args := []string{"-m", "pip", "install", "--quiet", "--no-compile", "--requirement", list, "--target", out}
	if p.Local {
		return args
	}
	machine := map[string]string{"arm64": "aarch64", "amd64": "x86_64"}[src.Architecture]
	args = append(args, "--only-binary=:all:", "--implementation", "cp",
		"--platform", "manylinux2014_"+cmp.Or(machine, src.Architecture), "--platform",
		"manylinux_2_28_"+cmp.Or(machine, src.Architecture))
	if n := minor(src.Runtime); n > 0 {
		args = append(args, "--python-version", "3."+strconv.Itoa(n))
	}
	return args
}

// changed reports whether pip cannot be given the files unchanged.
func (s *requirementSet) changed() bool {
	return slices.ContainsFunc(s.files, func(f *requirementFile) bool {
		return slices.ContainsFunc(f.lines, func(l requirementLine) bool { return l.change })
	})
}

// floating says why the next installation could bring other packages; empty if the files pin everything.
func (s *requirementSet) floating(installed []run.Installed) string {
	switch {
	case len(s.projects) > 0:
		return fmt.Sprintf("%s installs a folder, %s", s.projects[0].where, s.projects[0].text)
	case s.hashed:
		return ""
	case s.loose != "":
		return s.loose + " names an address"
	}
	for _, one := range installed {
		if s.pins[pipName(one.Name)] != one.Version {
			return fmt.Sprintf("%s pins no version of %s (now %s)", requirements, one.Name, one.Version)
		}
	}
	return ""
}

// distributions lists what pip has installed.
func distributions(out string) ([]run.Installed, error) {
	notes, err := filepath.Glob(filepath.Join(globQuoted(out), "*.dist-info", "METADATA"))
	var all []run.Installed
	for _, name := range notes {
		text, rerr := wholefile.ReadFile(name)
		err = errors.Join(err, rerr)
		var one run.Installed
		for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan() && lines.Text() != ""; {
			if v, ok := strings.CutPrefix(lines.Text(), "Name: "); ok {
				one.Name = strings.TrimSpace(v)
			}
			if v, ok := strings.CutPrefix(lines.Text(), "Version: "); ok {
				one.Version = strings.TrimSpace(v)
			}
		}
		all = append(all, one)
	}
	slices.SortFunc(all, byName)
	return all, err
}

func byName(a, b run.Installed) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Version, b.Version))
}

// dropOrigins removes pip's records of the folders that it installed from, so that the same sources make the same
// package anywhere.
func dropOrigins(out string) error {
	notes, err := filepath.Glob(filepath.Join(globQuoted(out), "*.dist-info", "direct_url.json"))
	for _, name := range notes {
		text, rerr := wholefile.ReadFile(name)
		var origin struct{ URL string }
		if rerr != nil || json.Unmarshal(text, &origin) != nil || !strings.HasPrefix(origin.URL, "file:") {
			continue
		}
		err = errors.Join(err, os.Remove(name))
		record := filepath.Join(filepath.Dir(name), "RECORD")
		text, rerr = wholefile.ReadFile(record)
		var kept bytes.Buffer
		for line := range bytes.Lines(text) {
			if !bytes.Contains(line, []byte(".dist-info/direct_url.json,")) {
				kept.Write(line)
			}
		}
		if rerr == nil {
			err = errors.Join(err, os.WriteFile(record, kept.Bytes(), 0o644))
		}
	}
	return err
}

// copyProject copies a folder that pip is to install, without the results of earlier builds: setuptools would pack
// modules that no longer exist.
func copyProject(from, to string) error {
	files, _, err := content.Scan(from)
	if err != nil {
		return err
	}
	for _, f := range files {
		first, rest, _ := strings.Cut(f.Rel, "/")
		built := first == "build" && (strings.HasPrefix(rest, "lib") || strings.HasPrefix(rest, "bdist."))
		if built || strings.Contains(f.Rel, ".egg-info/") || strings.HasPrefix(f.Rel, "node_modules/") {
			continue
		}
		if err := copyFile(file{path: f.Path, exec: f.Exec}, filepath.Join(to, filepath.FromSlash(f.Rel))); err != nil {
			return err
		}
	}
	// Versions can come from a repository's tags (setuptools-scm).
	if git := filepath.Join(from, ".git"); exists(git) {
		if info, err := os.Stat(git); err == nil && info.IsDir() {
			return os.CopyFS(filepath.Join(to, ".git"), os.DirFS(git))
		}
	}
	return nil
}
