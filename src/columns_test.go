package main

import (
	"bufio"
	"bytes"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The widest lines there may be, a tab counting four columns.
const (
	codeColumns     = 120
	documentColumns = 100
)

// dataColumns is how wide a string is that a test may keep in one line, however long the line.
const dataColumns = 60

// TestColumns keeps lines of Go within 120 columns. Lines of a raw string are data: they may be longer, and so may
// lines of a test with a long string in them.
func TestColumns(t *testing.T) {
	for _, root := range []string{".", "../raw-code", "../scripts"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "venv"):
				return filepath.SkipDir
			case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, ".pb.go"):
				return nil
			}
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for _, n := range wideLines(source, strings.HasSuffix(path, "_test.go")) {
				t.Errorf("%s:%d has more than %d columns", path, n, codeColumns)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// wideLines numbers the lines of Go that are too wide, without those of raw strings, and in tests without those of long
// strings.
func wideLines(source []byte, test bool) (wide []int) {
	raw := map[int]bool{}
	set := token.NewFileSet()
	file := set.AddFile("", -1, len(source))
	var s scanner.Scanner
	s.Init(file, source, nil, 0)
	for pos, tok, text := s.Scan(); tok != token.EOF; pos, tok, text = s.Scan() {
		if tok == token.STRING && (text[0] == '`' || test && len(text) > dataColumns) {
			first := file.Line(pos)
			for n := range strings.Count(text, "\n") + 1 {
				raw[first+n] = true
			}
		}
	}
	for n, line := range bytes.Split(source, []byte("\n")) {
		if columns(string(line)) > codeColumns && !raw[n+1] {
			wide = append(wide, n+1)
		}
	}
	return wide
}

func columns(line string) int { return len([]rune(line)) + 3*strings.Count(line, "\t") }

// link is what cannot be broken: the target of a link, an address.
var link = regexp.MustCompile(`\]\([^)]*\)|https?://\S+`)

// TestDocumentColumns keeps the README and the pages of docs/ within 100 columns, but for tables, code blocks and
// links.
func TestDocumentColumns(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	guides, err := filepath.Glob("../docs/providers/*.md")
	if err != nil || len(pages) == 0 || len(guides) == 0 {
		t.Fatalf("%d pages, %d guides, error %v", len(pages), len(guides), err)
	}
	for _, path := range append(append(pages, guides...), "../README.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range wideProse(text) {
			t.Errorf("%s:%d has more than %d columns", path, n, documentColumns)
		}
	}
}

// wideProse numbers the lines of Markdown that are too wide, without those of tables and code blocks.
func wideProse(text []byte) (wide []int) {
	inCode := false
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := lines.Text()
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			inCode = !inCode
			continue
		}
		if inCode || strings.HasPrefix(line, "|") || link.MatchString(line) {
			continue
		}
		if columns(line) > documentColumns {
			wide = append(wide, n)
		}
	}
	return wide
}

// TestWideLinesAreFound shows that both checks can fail.
func TestWideLinesAreFound(t *testing.T) {
	long := strings.Repeat("x", 101)
	code := "package p\n\nvar a = `" + long + long + "\n" + long + long + "`\nvar b = 1 // " + long + long + "\n"
	code += "var c = \"" + long + long + "\"\n"
	for test, want := range map[bool][]int{false: {5, 6}, true: {5}} {
		if got := wideLines([]byte(code), test); !slices.Equal(got, want) {
			t.Errorf("lines %d of the code are too wide, want %d", got, want)
		}
	}
	prose := "| " + long + "\n```\n" + long + "\n```\nhttps://example.com/" + long + "\n" + long + "\n"
	if got := wideProse([]byte(prose)); len(got) != 1 || got[0] != 6 {
		t.Errorf("lines %d of the document are too wide, want 6", got)
	}
}
