package build

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	rawcode "github.com/vhive-serverless/STeLLAR/raw-code"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// rustWith stands in for rustc and a cross compiler's linker: it has the given targets and programs.
func rustWith(t *testing.T, targets, programs []string) Rust {
	t.Helper()
	root := t.TempDir()
	for _, target := range targets {
		if err := os.MkdirAll(filepath.Join(root, target), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, target, "libstd-0123.rlib"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return Rust{Options{Runner: func(_ context.Context, c shell.Command) (shell.Result, error) {
		switch {
		case c.Name == "rustc" && c.Args[0] == "--version":
			return shell.Result{Stdout: "rustc 1.95.0 (0123 2026-03-21)\n"}, nil
		case c.Name == "rustc":
			return shell.Result{Stdout: filepath.Join(root, c.Args[len(c.Args)-1]) + "\n"}, nil
		case slices.Contains(programs, c.Name):
			return shell.Result{}, nil
		}
		return shell.Result{}, exec.ErrNotFound
	}}}
}

func TestRustTargets(t *testing.T) {
	machines := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}
	here, there := runtime.GOARCH, map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	if runtime.GOOS != "linux" {
		here = "" // every machine is another machine
	}
	triple := func(arch, libc string) string { return machines[arch] + "-unknown-linux-" + libc }
	static := []string{"-C", "target-feature=+crt-static"}
	for _, c := range []struct {
		name, arch        string
		targets, programs []string
		want              []string // triple and flags; nil: refused
		says, hint        string
	}{
		{"musl first", here, []string{triple(here, "gnu"), triple(here, "musl")}, nil, []string{triple(here, "musl")},
			"", ""},
		{"glibc linked in", here, []string{triple(here, "gnu")}, nil, append([]string{triple(here, "gnu")}, static...),
			"", ""},
		{"none", there, []string{triple(here, "gnu")}, nil, nil, "no target for Linux on " + there,
			"rustup target add " + triple(there, "musl")},
		{"musl elsewhere", there, []string{triple(there, "musl")}, nil,
			[]string{triple(there, "musl"), "-C", "linker=rust-lld"}, "", ""},
		{"glibc elsewhere", there, []string{triple(there, "gnu")}, []string{machines[there] + "-linux-gnu-gcc"},
			append(append([]string{triple(there, "gnu")}, static...), "-C", "linker="+machines[there]+"-linux-gnu-gcc"),
			"", ""},
		{"no linker", there, []string{triple(there, "gnu")}, nil, nil,
			machines[there] + "-linux-gnu-gcc is not on the PATH", "rustup target add " + triple(there, "musl")},
	} {
		if c.arch == "" {
			continue // no such machine is tested here
		}
		src := sourceOf("rust", "rust", t.TempDir())
		src.Architecture = c.arch
		in, err := rustWith(t, c.targets, c.programs).Inputs(t.Context(), src)
		if c.want == nil {
			if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), c.says) ||
				!strings.Contains(fail.Hint(err), c.hint) {
				t.Errorf("%s: %v, hint %q; want %q, %q", c.name, err, fail.Hint(err), c.says, c.hint)
			}
			continue
		}
		if want := append([]string{"release"}, c.want...); err != nil || !slices.Equal(in.Settings, want) ||
			in.Toolchain != "rustc 1.95.0" {
			t.Errorf("%s: %+v, %v; want %q", c.name, in, err, want)
		}
	}
}

// A linker that the user has named is not replaced.
func TestRustKeepsTheUsersLinker(t *testing.T) {
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	machine := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[other]
	musl := machine + "-unknown-linux-musl"
	src := sourceOf("rust", "rust", folder(t, map[string]string{".cargo/config.toml": "[target." + musl +
		"]\nlinker = \"mine\"\n"}))
	src.Architecture = other
	rust := rustWith(t, []string{musl}, nil)
	if in, err := rust.Inputs(t.Context(), src); err != nil || len(in.Settings) != 2 {
		t.Errorf("named in the folder: %+v, %v", in, err)
	}
	src.Dir = t.TempDir()
	t.Setenv("CARGO_TARGET_"+strings.ToUpper(strings.ReplaceAll(musl, "-", "_"))+"_LINKER", "mine")
	if in, err := rust.Inputs(t.Context(), src); err != nil || len(in.Settings) != 2 {
		t.Errorf("named in the environment: %+v, %v", in, err)
	}
}

func TestRustRefusesPathsThatLeadOut(t *testing.T) {
	base := folder(t, map[string]string{"near/Cargo.toml": "[package]\nname = \"near\"\nversion = \"1.0.0\"\n",
		"near/src/lib.rs": "pub fn f() {}",
		"f/Cargo.toml": "[package]\nname = \"f\"\nversion = \"1.0.0\"\n[dependencies]\nnear = { path = " +
			"\"../near\" }\n",
		"f/src/main.rs": rustMain})
	src := sourceOf("rust", "rust", filepath.Join(base, "f"))
	refused(t, Rust{Options{Local: true}}, src, "depends on near by a path that leads out")
	within := folder(t, map[string]string{"near/Cargo.toml": "[package]\nname = \"near\"\nversion = \"1.0.0\"\n",
		"near/src/lib.rs": "pub fn f() -> u8 { 7 }",
		"Cargo.toml": "[package]\nname = \"f\"\nversion = \"1.0.0\"\nedition = \"2021\"\n[dependencies]\nnear = { " +
			"path = \"near\" }\n",
		"src/main.rs": "fn main() { println!(\"{}\", near::f()) }"})
	out := t.TempDir()
	if _, err := (Rust{Options{Local: true}}).Build(t.Context(), sourceOf("rust", "rust", within), out); err != nil {
		t.Fatal(err, outputOf(err))
	}
	if said, err := exec.Command(filepath.Join(out, "bootstrap")).Output(); err != nil || string(said) != "7\n" {
		t.Errorf("it says %q, %v", said, err)
	}
	if _, err := os.Stat(filepath.Join(within, "Cargo.lock")); err == nil {
		t.Error("cargo wrote into the user's folder")
	}
}

// The measurement function itself is static, contains the compiler's version and no path of the machine that built it.
func TestRustMeasurementFunction(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"Cargo.toml", "Cargo.lock"} {
		copyRaw(t, "measure/rust/"+name, filepath.Join(dir, name))
	}
	sources, err := rawcode.FS.ReadDir("measure/rust/src")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sources {
		copyRaw(t, "measure/rust/src/"+s.Name(), filepath.Join(dir, "src", s.Name()))
	}
	files := built(t, Rust{Options{Local: true}}, sourceOf("rust", "rust", dir))
	if names := fileNames(files); !slices.Equal(names, []string{"bootstrap"}) {
		t.Fatalf("files %v", names)
	}
	version, err := Rust{}.Version(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	program := files["bootstrap"]
	if !strings.Contains(program, strings.TrimPrefix(version, "rustc ")) {
		t.Errorf("%s is not in the program", version)
	}
	for _, path := range []string{dir, os.TempDir() + "/stellar-rust"} {
		if strings.Contains(program, path) {
			t.Errorf("%s is in the program", path)
		}
	}
	name := filepath.Join(t.TempDir(), "bootstrap")
	if err := os.WriteFile(name, []byte(program), 0o755); err != nil {
		t.Fatal(err)
	}
	static(t, name)
}

func copyRaw(t *testing.T, from, to string) {
	t.Helper()
	text, err := rawcode.FS.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, text, 0o644); err != nil {
		t.Fatal(err)
	}
}
