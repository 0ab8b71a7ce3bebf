package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestGoroutines: a panic on a goroutine that is not recovered ends the process with nothing removed. So every
// goroutine is started by fail.Go, and what others start on goroutines of theirs (timers, wait groups, error groups) is
// made by fail.Caught or fail.Trying.
func TestGoroutines(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && d.Name() == "testdata" {
			return filepath.SkipDir
		}
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files := token.NewFileSet()
		f, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, at := range unguarded(f) {
			if filepath.ToSlash(path) != "fail/defect.go" {
				t.Errorf("%s: a panic here would end the process with nothing removed; use fail.Go, fail.Caught or "+
					"fail.Trying", files.Position(at))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// unguarded finds the goroutines of a file whose panics are not recovered.
func unguarded(f *ast.File) (found []token.Pos) {
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			found = append(found, n.Pos())
		case *ast.CallExpr:
			of, name := selected(n.Fun)
			starts := (name == "Go" || name == "TryGo") && of != "fail" || name == "AfterFunc"
			if starts && len(n.Args) > 0 && !isGuard(n.Args[len(n.Args)-1]) {
				found = append(found, n.Pos())
			}
		}
		return true
	})
	return found
}

// isGuard reports whether an expression is a call that makes a function whose panic is caught.
func isGuard(e ast.Expr) bool {
	call, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	of, name := selected(call.Fun)
	return of == "fail" && slices.Contains([]string{"Caught", "Trying"}, name)
}

// selected gives both parts of an expression like package.Function; of is empty where the first is no name.
func selected(e ast.Expr) (of, name string) {
	s, ok := e.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	if id, ok := s.X.(*ast.Ident); ok {
		of = id.Name
	}
	return of, s.Sel.Name
}

func TestUnguardedGoroutinesAreFound(t *testing.T) {
	const text = `package p
func f() {
	go run()
	go func() {}()
	group.Go(func() error { return nil })
	a.b.Go(run)
	time.AfterFunc(d, run)
	context.AfterFunc(ctx, func() {})

	fail.Go(report, run)
	group.Go(fail.Trying(func() error { return nil }))
	wait.Go(fail.Caught(report, run))
	time.AfterFunc(d, fail.Caught(report, run))
}`
	f, err := parser.ParseFile(token.NewFileSet(), "f.go", text, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(unguarded(f)); n != 6 {
		t.Errorf("found %d, want the first six", n)
	}
}
