package local

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
)

// family is a group of runtimes that start the same way. To add a runtime, add an entry to families.
type family struct {
	ids *regexp.Regexp // runtime ids that it answers to
	// interpreters gives the programs to try, best first; nil where the package brings its own bootstrap.
	interpreters func(id string) []string
	ask          []string // arguments that make the interpreter print its own path and its version, a line each
	// find asks in another way; nil: by ask.
	find   func(ctx context.Context, name string) (program, version string, ok bool)
	label  string // stands before the version
	hint   string // how to get the interpreter
	script string // name of the bootstrap loop's file or folder
	source func() []byte
	// prepare makes the loop at that name where it is more than one file.
	prepare func(ctx context.Context, name string) error
	// equip puts beside the loop what the runtime has beside the standard library; nil: nothing.
	equip func(ctx context.Context, program, dir string) error
	args  func(script, handler string) []string // arguments to the interpreter
	env   []string
}

// families is the table of runtimes. It is a function because a package has no mutable state to share.
func families() []family {
	return []family{
		{ids: regexp.MustCompile(`^(go|go1\.x|rust|provided|provided\.al2|provided\.al2023)$`)},
		pythonFamily(),
		nodeFamily(),
		javaFamily(),
		rubyFamily(),
	}
}

// launch says how instances of one runtime are started.
type launch struct {
	program string // absolute; empty: the package's bootstrap
	script  string
	version string
	family  family
}

// command returns the program and its arguments for a package.
func (l *launch) command(root, handler string) (string, []string) {
	if l.program == "" {
		program := filepath.Join(root, "bootstrap")
		return program, []string{program}
	}
	return l.program, append([]string{l.program}, l.family.args(l.script, handler)...)
}

// folders returns what an instance needs and must not write to: its package, and folders that its own /tmp may hide.
func (l *launch) folders(root string) []string {
	out := []string{root}
	if l.script != "" {
		out = append(out, filepath.Dir(l.script))
	}
	if prefix := filepath.Dir(filepath.Dir(l.program)); strings.HasPrefix(prefix, sandbox.PrivateTmp+"/") {
		out = append(out, prefix)
	}
	return out
}

// neighbours returns the folders of modules above a package, where Node.js would look too: in the cloud there are none.
func neighbours(root string) []string {
	var out []string
	for dir := filepath.Dir(root); ; dir = filepath.Dir(dir) {
		if modules := filepath.Join(dir, "node_modules"); isFolder(modules) {
			out = append(out, modules)
		}
		if dir == filepath.Dir(dir) {
			return out
		}
	}
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// check reports whether a package and handler can work with the runtime.
func (l *launch) check(root, handler string) error {
	if l.program != "" {
		if !strings.Contains(handler, ".") && !strings.Contains(handler, "::") {
			return refuse(http.StatusBadRequest, "handler %q: want <module>.<function>", handler)
		}
		return nil
	}
	info, err := os.Stat(filepath.Join(root, "bootstrap"))
	switch {
	case err != nil || !info.Mode().IsRegular():
		return refuse(http.StatusBadRequest, "the package has no file called bootstrap at its top")
	case info.Mode()&0o111 == 0:
		return refuse(http.StatusBadRequest,
			"bootstrap in the package is not executable: set its exec bits (chmod +x) before zipping")
	}
	return nil
}

// runtimes finds interpreters, asking each once.
type runtimes struct {
	dir string // where bootstrap loops are written

	mu    sync.Mutex
	known map[string]*launch
}

// find gives the launch for a runtime id.
func (r *runtimes) find(ctx context.Context, id string) (*launch, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l := r.known[id]; l != nil {
		return l, nil
	}
	for _, f := range families() {
		if !f.ids.MatchString(id) {
			continue
		}
		l := &launch{family: f}
		if f.interpreters != nil {
			if err := r.prepare(ctx, l, id); err != nil {
				return nil, err
			}
		}
		r.known[id] = l
		return l, nil
	}
	return nil, refuse(http.StatusUnprocessableEntity,
		"runtime %q is not supported by this platform: it runs go, rust, provided.al2023, "+
			"python3.x, nodejsNN.x, javaNN and rubyN.N", id)
}

func (r *runtimes) prepare(ctx context.Context, l *launch, id string) error {
	var tried []string
	find := l.family.find
	if find == nil {
		find = func(ctx context.Context, name string) (string, string, bool) {
			return askInterpreter(ctx, name, l.family.ask)
		}
	}
	for _, name := range l.family.interpreters(id) {
		if program, version, ok := find(ctx, name); ok {
			l.program, l.version = program, l.family.label+" "+version
			break
		}
		tried = append(tried, name)
	}
	if l.program == "" {
		return refuse(http.StatusUnprocessableEntity, "runtime %q is not installed on this machine (tried %s): %s",
			id, strings.Join(tried, ", "), l.family.hint)
	}
	l.script = filepath.Join(r.dir, l.family.script)
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return err
	}
	if l.family.prepare != nil {
		if _, err := os.Stat(l.script); err == nil { // another id of the family
			return nil
		}
		if err := l.family.prepare(ctx, l.script); err != nil {
			return errors.Join(refuse(http.StatusUnprocessableEntity,
				"runtime %q cannot be run on this machine: %v: %s", id, err, l.family.hint),
				os.RemoveAll(l.script))
		}
		return nil
	}
	if l.family.equip != nil {
		if err := l.family.equip(ctx, l.program, r.dir); err != nil {
			return fmt.Errorf("runtime %q: find its SDK: %w", id, err)
		}
	}
	if _, err := os.Stat(l.script); err == nil { // another id of the family
		return nil
	}
	return os.WriteFile(l.script, l.family.source(), 0o444)
}

// askInterpreter runs the interpreter once. It reports its own path, which avoids version managers' shims, whose start
// would be part of every cold start.
func askInterpreter(ctx context.Context, name string, args []string) (program, version string, ok bool) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", "", false
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, path, args...).Output()
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if err != nil || len(lines) != 2 || !filepath.IsAbs(strings.TrimSpace(lines[0])) {
		return "", "", false
	}
	return strings.TrimSpace(lines[0]), strings.TrimSpace(lines[1]), true
}
