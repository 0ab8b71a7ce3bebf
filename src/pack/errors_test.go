package pack

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

type failing struct{ after int }

func (f *failing) Write(b []byte) (int, error) {
	if f.after--; f.after < 0 {
		return 0, errors.New("the disk is gone")
	}
	return len(b), nil
}

func TestWriterFailsAndCancel(t *testing.T) {
	l, err := arrange(nil, 64<<20, "back", 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, n, err := writeTo(t.Context(), &failing{3}, l); err == nil || err.Error() != "the disk is gone" ||
		n > 32<<20 {
		t.Errorf("%d, %v", n, err)
	}
	if _, _, err := writeTo(t.Context(), &failing{255}, l); err == nil { // the last chunk
		t.Error("an error of the last write is lost")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	src := &run.Source{Key: "py", BuildDir: folder(t, python)}
	p := &run.Package{Name: "p", Source: src, Path: filepath.Join(t.TempDir(), "p.zip"), TargetBytes: 1 << 20}
	if err := (Stage{}).Run(ctx, newRun(t, p)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if err := write(ctx, job{p, l}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if left, err := os.ReadDir(filepath.Dir(p.Path)); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

func TestFullDisk(t *testing.T) {
	src := &run.Source{Key: "py", BuildDir: folder(t, python)}
	p := &run.Package{Name: "p", Source: src, Path: filepath.Join(t.TempDir(), "p.zip"), TargetBytes: 1 << 60}
	var e *fail.Error
	if err := (Stage{}).Run(t.Context(), newRun(t, p)); !errors.As(err, &e) || e.Hint == "" ||
		!strings.Contains(err.Error(), "need 1099511627776.00 MiB") ||
		fail.Code(err) != fail.CodeFailed || !strings.Contains(err.Error(), " MiB are missing") {
		t.Errorf("%v", err)
	}
	var at *os.PathError
	if err := (Stage{}).Run(t.Context(), newRun(t, p)); !errors.Is(err, syscall.ENOSPC) || !errors.As(err, &at) ||
		at.Path != filepath.Dir(p.Path) {
		t.Errorf("%v does not hold which disk is full", err)
	}
	if left, err := os.ReadDir(filepath.Dir(p.Path)); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
	full := fmt.Errorf("write: %w", &os.PathError{Op: "write", Path: "p", Err: syscall.ENOSPC})
	if err := notWritten(job{pkg: p}, filepath.Dir(p.Path), full); !errors.As(err, &e) ||
		!strings.Contains(e.Hint, "free some space") ||
		!errors.Is(err, syscall.ENOSPC) || !errors.As(err, &at) || at.Path != "p" || fail.Code(err) != fail.CodeFailed {
		t.Errorf("%v", err) // another process can take what was free
	}
}

func TestTooSmall(t *testing.T) {
	src := &run.Source{Key: "py", BuildDir: folder(t, python)}
	dir := t.TempDir()
	small := &run.Package{Name: "small", Source: src, Path: filepath.Join(dir, "s.zip"), TargetBytes: 100}
	fits := &run.Package{Name: "fits", Source: src, Path: filepath.Join(dir, "f.zip"), TargetBytes: 1 << 20}
	err := Stage{}.Run(t.Context(), newRun(t, small, fits))
	var e *fail.Error
	if !errors.As(err, &e) || e.Code != fail.CodeInput || !strings.Contains(e.Hint, "FunctionImageSizeMB") ||
		!strings.Contains(err.Error(), "package small: the code alone is 0.001 MiB (") ||
		!strings.Contains(err.Error(), "0.000 MiB (100 bytes)") {
		t.Errorf("%v, %+v", err, e)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("written all the same: %v, %v", left, err)
	}
}

func TestBadInput(t *testing.T) {
	good := func() *run.Package {
		return &run.Package{Name: "p", Source: &run.Source{Key: "py", Dir: "/the/function",
			BuildDir: folder(t, map[string]string{"main.py": "x"})},
			Path: filepath.Join(t.TempDir(), "p.zip")}
	}
	for _, tc := range []struct {
		name   string
		change func(p *run.Package, f *run.Function)
		want   string
		code   int
	}{
		{"no package", func(_ *run.Package, f *run.Function) { f.Package = nil }, "f0-0", fail.CodeFailed},
		{"not built", func(p *run.Package, _ *run.Function) { p.Source.BuildDir = "" }, "not been built",
			fail.CodeFailed},
		{"build gone", func(p *run.Package, _ *run.Function) { p.Source.BuildDir += "/x" }, "reading the build",
			fail.CodeFailed},
		{"placement", func(p *run.Package, _ *run.Function) { p.Placement, p.TargetBytes = "middle", 1<<20 },
			`"middle"`, fail.CodeInput},
		{"pattern", func(p *run.Package, _ *run.Function) { p.Pattern = "[" }, `PackagePattern "["`, fail.CodeInput},
		{"no match", func(p *run.Package, _ *run.Function) { p.Pattern = "*.js" },
			`"*.js" matches no file of the function in /the/function, which has main.py`, fail.CodeInput},
		{"filler's name", func(p *run.Package, _ *run.Function) {
			p.Source.BuildDir = folder(t, map[string]string{fillerName: ""})
		}, "uses that name for padding", fail.CodeInput},
		{"backslash", func(p *run.Package, _ *run.Function) {
			p.Source.BuildDir = folder(t, map[string]string{`a\b`: ""})
		}, "does not work in ZIP files", fail.CodeInput},
		{"link", func(p *run.Package, _ *run.Function) {
			if err := os.Symlink("main.py", filepath.Join(p.Source.BuildDir, "l")); err != nil {
				t.Fatal(err)
			}
		}, "not a regular file", fail.CodeInput},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := good()
			r := newRun(t, p)
			tc.change(p, r.Functions[0])
			err := Stage{}.Run(t.Context(), r)
			if err == nil || !strings.Contains(err.Error(), tc.want) || fail.Code(err) != tc.code {
				t.Errorf("exit code %d: %v", fail.Code(err), err)
			}
		})
	}
	a, b := good(), good()
	if err := (Stage{}).Run(t.Context(), newRun(t, a, b)); err == nil || !strings.Contains(err.Error(), "is called p") {
		t.Errorf("two packages of one name: %v", err)
	}
	if err := (Stage{}).Run(t.Context(), newRun(t, a, a)); err != nil {
		t.Errorf("one package of two functions: %v", err)
	}
	if err := (Stage{}).Run(t.Context(), newRun(t)); err != nil {
		t.Error(err)
	}
}
