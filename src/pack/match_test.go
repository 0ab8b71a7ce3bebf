package pack

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
)

func TestPatterns(t *testing.T) {
	for _, tc := range []struct {
		pattern string
		yes, no []string
	}{
		{"**", []string{"a", "a/b", ".x", "a/.b/c"}, nil},
		{"main.py", []string{"main.py"}, []string{"a/main.py", "main.pyc", "mainxpy"}},
		{"./main.py", []string{"main.py"}, []string{"a/main.py"}},
		{"hellopy/lambda_function.py", []string{"hellopy/lambda_function.py"}, []string{"lambda_function.py"}},
		{"*.py", []string{"a.py", ".py"}, []string{"a/b.py"}},
		{"**/*.py", []string{"a.py", "a/b.py", "a/b/c.py"}, []string{"a/b.js"}},
		{"a/**", []string{"a/b", "a/b/c"}, []string{"b/a"}},
		{"a/", []string{"a/b", "a/b/c"}, []string{"b"}},
		{"a/**/z", []string{"a/z", "a/b/z", "a/b/c/z"}, []string{"a/zz", "z"}},
		{"?.[jt]s", []string{"a.js", "b.ts"}, []string{"a.cs", "ab.js"}},
		{"{a,b/{c,d}}.py", []string{"a.py", "b/c.py", "b/d.py"}, []string{"b.py", "c.py"}},
		{"{**/x,y}", []string{"x", "q/x", "y"}, []string{"q/y"}},
	} {
		match, err := compile(tc.pattern)
		if err != nil {
			t.Errorf("%s: %v", tc.pattern, err)
			continue
		}
		for _, name := range tc.yes {
			if !match(name) {
				t.Errorf("%s should match %s", tc.pattern, name)
			}
		}
		for _, name := range tc.no {
			if match(name) {
				t.Errorf("%s should not match %s", tc.pattern, name)
			}
		}
	}
	for _, bad := range []string{"[", "{a", "a}", "x/[a-", strings.Repeat("{a,b}", 12)} {
		if _, err := compile(bad); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

func TestSome(t *testing.T) {
	var files []source
	if got := some(files); got != "none" {
		t.Error(got)
	}
	for i := range 25 {
		files = append(files, source{name: fmt.Sprint(i)})
	}
	if got := some(files); !strings.HasSuffix(got, "18, 19, and 5 more") {
		t.Error(got)
	}
}

func fileSum(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}
