package content

import (
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
		match, err := Match(tc.pattern)
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
		if _, err := Match(bad); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}
