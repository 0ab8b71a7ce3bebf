package build

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

const (
	rustHint    = "install Rust (https://rustup.rs, or apt install cargo, brew install rust) and put cargo on the PATH"
	rustTimeout = 30 * time.Minute
)

// Rust builds a package's one program with cargo, static if possible, and names it bootstrap.
type Rust struct{ Options }

var _ Builder = Rust{}

// Language is rust.
func (Rust) Language() string { return "rust" }

// Check asks for cargo and rustc.
func (r Rust) Check(ctx context.Context) error {
	for _, program := range []string{"cargo", "rustc"} {
		_, err := r.ask(ctx, program, "--version")
		if errors.Is(err, exec.ErrNotFound) {
			return fail.Input("%s is not on the PATH: %w", program, exec.ErrNotFound).WithHint(rustHint)
		}
		if err != nil {
			return fail.OrHint(err, rustHint)
		}
	}
	return nil
}

// Version is that of rustc, as in rustc 1.95.0.
func (r Rust) Version(ctx context.Context) (string, error) {
	out, err := r.ask(ctx, "rustc", "--version")
	if err != nil {
		return "", err
	}
	return strings.Join(strings.Fields(out)[:min(2, len(strings.Fields(out)))], " "), nil
}

func (r Rust) ask(ctx context.Context, program string, args ...string) (string, error) {
	return r.askIn(ctx, "", program, args...)
}

func (r Rust) askIn(ctx context.Context, dir, program string, args ...string) (string, error) {
	res, err := r.run(ctx, shell.Command{Name: program, Args: args, Dir: dir, Timeout: askTimeout,
		Line: func(string) {}})
	if err != nil {
		return "", err
	}
	return strings.TrimSpace(res.Stdout), nil
}

// Inputs names the compiler, the target and its flags, and the user's settings that cargo reads.
func (r Rust) Inputs(ctx context.Context, src *run.Source) (Inputs, error) {
	version, err := r.Version(ctx)
	if err != nil {
		return Inputs{}, err
	}
	t, err := r.target(ctx, src)
	if err != nil {
		return Inputs{}, err
	}
	in := Inputs{Toolchain: version, Settings: append([]string{"release", t.triple}, t.flags...)}
	// the folder's rust-toolchain.toml may choose another; nightlies differ by date
	full, err := r.askIn(ctx, src.Dir, "rustc", "--version")
	if err != nil {
		return in, err
	}
	home := cmp.Or(os.Getenv("CARGO_HOME"), filepath.Join(os.Getenv("HOME"), ".cargo"))
	in.Files = []string{filepath.Join(home, "config.toml"), filepath.Join(home, "config")}
	if err := cargoPathsWithin(src.Dir); err != nil {
		return in, badSource(ctx, src, err)
	}
	in.Variables = append(variables("CARGO_", "RUSTC", "RUSTC_", "RUSTUP_TOOLCHAIN", "CC", "CFLAGS", "AR"), full)
	return in, nil
}

// rustTarget is the target of the compilation.
type rustTarget struct {
	triple string // empty: this machine's own
	flags  []string
}

// target prefers musl, whose programs need nothing of the system that they run on. Without musl, glibc is linked in.
func (r Rust) target(ctx context.Context, src *run.Source) (rustTarget, error) {
	if r.Local && runtime.GOOS != "linux" && !src.ForImage {
		return rustTarget{}, nil
	}
	machine := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[src.Architecture]
	for _, t := range []rustTarget{
		{machine + "-unknown-linux-musl", nil},
		{machine + "-unknown-linux-gnu", []string{"-C", "target-feature=+crt-static"}},
	} {
		lib, err := r.ask(ctx, "rustc", "--print", "target-libdir", "--target", t.triple)
		if err != nil {
			return rustTarget{}, err
		}
		if found, _ := filepath.Glob(filepath.Join(lib, "libstd-*")); len(found) == 0 {
			continue
		}
		if runtime.GOOS == "linux" && runtime.GOARCH == src.Architecture {
			return t, nil
		}
		linker, err := r.crossLinker(ctx, src, machine, t.triple)
		if err != nil {
			return rustTarget{}, err
		}
		t.flags = append(t.flags, linker...)
		return t, nil
	}
	return rustTarget{}, fail.Input("Rust has no target for Linux on %s", src.Architecture).
		WithHint("rustup target add %s-unknown-linux-musl", machine)
}

// crossLinker returns the flags that name a linker for another machine than this one, because Rust would use this
// machine's linker, which cannot link for it. The user's own setting stays. Programs for musl need only the linker that
// is part of Rust.
func (r Rust) crossLinker(ctx context.Context, src *run.Source, machine, triple string) ([]string, error) {
	set := "CARGO_TARGET_" + strings.ToUpper(strings.ReplaceAll(triple, "-", "_")) + "_LINKER"
	if os.Getenv(set) != "" {
		return nil, nil
	}
	for _, name := range []string{"config.toml", "config"} {
		text, err := wholefile.ReadFile(filepath.Join(src.Dir, ".cargo", name))
		if err == nil && strings.Contains(string(text), "linker") {
			return nil, nil
		}
	}
	if strings.HasSuffix(triple, "-musl") {
		return []string{"-C", "linker=rust-lld"}, nil
	}
	gcc := machine + "-linux-gnu-gcc"
	if _, err := r.ask(ctx, gcc, "-dumpversion"); err == nil {
		return []string{"-C", "linker=" + gcc}, nil
	} else if !errors.Is(err, exec.ErrNotFound) {
		return nil, err
	}
	return nil, fail.Input("there is no linker for Linux on %s: %s is not on the PATH and %s is not set",
		src.Architecture, gcc, set).
		WithHint("rustup target add %s-unknown-linux-musl, which needs none, or apt install gcc-%s-linux-gnu", machine,
			strings.ReplaceAll(machine, "_", "-"))
}

// Build compiles a copy of the folder, because cargo writes beside the sources, and keeps the program.
func (r Rust) Build(ctx context.Context, src *run.Source, out string) (made Made, err error) {
	work, err := os.MkdirTemp("", "stellar-rust-")
	if err != nil {
		return made, err
	}
	defer os.RemoveAll(work)
	files, err := tree(src.Dir)
	if err != nil {
		return made, badSource(ctx, src, err)
	}
	code := filepath.Join(work, "code")
	if err := copyTree(ctx, src, files, code, func(f file) bool {
		return !strings.HasPrefix(f.rel,
			"target/")
	}); err != nil {
		return made, err
	}
	t, err := r.target(ctx, src)
	if err != nil {
		return made, err
	}
	name, err := r.program(ctx, code)
	if err != nil {
		return made, badSource(ctx, src, err)
	}
	if err := r.compile(ctx, src, code, work, name, t); err != nil {
		return made, badSource(ctx, src, err)
	}
	if made.Installed, err = cratesIn(filepath.Join(code, "Cargo.lock")); err != nil {
		return made, err
	}
	if len(made.Installed) > 0 && !exists(filepath.Join(src.Dir, "Cargo.lock")) {
		made.Floating = "Cargo.toml has no Cargo.lock beside it (cargo generate-lockfile makes it)"
	}
	program := filepath.Join(work, "target", t.triple, "release", name)
	return made, copyFile(file{path: program, exec: true}, filepath.Join(out, "bootstrap"))
}

// cargoPath is a path in a Cargo.toml: of a dependency, a replacement, a source file.
var cargoPath = regexp.MustCompile(`\bpath\s*=\s*["']([^"']+)["']`)

// cargoPathsWithin refuses paths that lead out of the function's folder, also in the packages within it: only a copy of
// the folder is built.
func cargoPathsWithin(dir string) error {
	files, err := tree(dir)
	if err != nil {
		return err
	}
	for _, f := range files {
		if path.Base(f.rel) != "Cargo.toml" || strings.HasPrefix(f.rel, "target/") {
			continue
		}
		text, err := wholefile.ReadFile(f.path)
		if err != nil {
			return fail.Input("%w", err)
		}
		number := 0
		for line := range strings.Lines(string(text)) {
			number++
			m := cargoPath.FindStringSubmatch(line)
			if m == nil || strings.HasPrefix(strings.TrimSpace(line), "#") {
				continue
			}
			if at := rooted(filepath.Join(dir, f.rel), m[1]); !inside(dir, at) {
				return fail.Input("%s:%d names %s, a path that leads outside the function's folder", f.rel, number,
					m[1]).
					WithHint("move %s into the folder, or depend on it by version or git", m[1])
			}
		}
	}
	return nil
}

// lockedCrate is a package in a Cargo.lock that comes from a registry or a repository.
var lockedCrate = regexp.MustCompile(`(?m)^name = "([^"]+)"\nversion = "([^"]+)"\nsource = `)

// cratesIn lists the packages that a Cargo.lock names, except those of the folder itself.
func cratesIn(lock string) ([]run.Installed, error) {
	text, err := wholefile.ReadFile(lock)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	var all []run.Installed
	for _, m := range lockedCrate.FindAllStringSubmatch(string(text), -1) {
		all = append(all, run.Installed{Name: m[1], Version: m[2]})
	}
	slices.SortFunc(all, byName)
	return all, nil
}

func (r Rust) compile(ctx context.Context, src *run.Source, code, work, name string, t rustTarget) error {
	version, err := r.ask(ctx, "rustc", "--version")
	if err != nil {
		return err
	}
	args := []string{"build", "--release", "--bin", name}
	if t.triple != "" {
		args = append(args, "--target", t.triple)
	}
	if _, err := os.Stat(filepath.Join(src.Dir, "Cargo.lock")); err == nil {
		args = append(args, "--locked")
	}
	// The folder's own name must not be in the program: the same sources make the same bytes anywhere.
	flags := append([]string{"--remap-path-prefix", code + "=/function"}, t.flags...)
	numbers := strings.Fields(version)
	_, err = r.run(ctx, shell.Command{Name: "cargo", Args: args, Dir: code, Timeout: rustTimeout, Env: []string{
		"CARGO_TARGET_DIR=" + filepath.Join(work, "target"), "CARGO_INCREMENTAL=0", "CARGO_TERM_COLOR=never",
		"RUSTFLAGS=",
		"CARGO_ENCODED_RUSTFLAGS=" + strings.Join(flags, "\x1f"),
		"STELLAR_RUST_VERSION=" + numbers[min(1, len(numbers)-1)],
	}})
	return err
}

// program finds the package's one program; a program called bootstrap has priority.
func (r Rust) program(ctx context.Context, dir string) (string, error) {
	res, err := r.run(ctx, shell.Command{Name: "cargo",
		Args: []string{"metadata", "--no-deps", "--format-version", "1"}, Dir: dir,
		Timeout: askTimeout, Line: func(string) {}})
	if err != nil {
		return "", err
	}
	var meta struct {
		Packages []struct {
			Targets []struct {
				Name string
				Kind []string
			}
			Dependencies []struct{ Name, Path string }
		}
	}
	if err := json.Unmarshal([]byte(res.Stdout), &meta); err != nil {
		return "", fmt.Errorf("read cargo metadata: %w", err)
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real // as cargo prints it
	}
	var names []string
	for _, p := range meta.Packages {
		for _, d := range p.Dependencies {
			if rel, err := filepath.Rel(dir, d.Path); d.Path != "" && (err != nil || !filepath.IsLocal(rel)) {
				return "", fail.Input("Cargo.toml depends on %s by a path that leads outside the function's folder",
					d.Name).
					WithHint("move %s into the folder, or depend on it by version or git", d.Name)
			}
		}
		for _, t := range p.Targets {
			if slices.Contains(t.Kind, "bin") {
				names = append(names, t.Name)
			}
		}
	}
	switch {
	case len(names) == 1:
		return names[0], nil
	case slices.Contains(names, "bootstrap"):
		return "bootstrap", nil
	case len(names) == 0:
		return "", fail.Input("Cargo.toml has no program").
			WithHint("a function is a program: give it a src/main.rs or a [[bin]]")
	}
	return "", fail.Input("Cargo.toml has %d programs: %s", len(names), strings.Join(names, ", ")).
		WithHint("call the one that is the function bootstrap")
}
