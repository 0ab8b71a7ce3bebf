package main

import (
	"bufio"
	"bytes"
	"cmp"
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

// The widest lines that are allowed. A tab counts four columns, any other character one.
const (
	codeColumns     = 120
	documentColumns = 100
)

// dataColumns is the length from which on a string in a test is data, whose line may be of any length.
const dataColumns = 60

// languages are the endings of source files, and the names of those without one, besides Go's.
var languages = []string{".js", ".cjs", ".mjs", ".py", ".java", ".rb", ".rs", ".sh", "Makefile", "run"}

// skippedFolders are not of this project (installed packages, Cargo's output), or hold data: the testdata folders have
// recorded output of vendors' tools and programs in the form in which these tools write them.
var skippedFolders = []string{"node_modules", "venv", "target", "testdata", "latency-samples"}

// TestColumns keeps lines of source code within 120 columns, in each language, comments and raw strings included. Two
// kinds of lines may be longer: those with a long string in a test of Go, which is the data of a case, and those of
// files that protoc generates.
func TestColumns(t *testing.T) {
	found := map[string]int{}
	for _, root := range []string{".", "../raw-code", "../scripts", "../.ci", "../Makefile"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && slices.Contains(skippedFolders, d.Name()):
				return filepath.SkipDir
			case d.IsDir() || strings.HasSuffix(path, ".pb.go"):
				return nil
			}
			check, kind := wideCode, cmp.Or(filepath.Ext(path), d.Name())
			if kind == ".go" {
				check = func(source []byte) []int { return wideLines(source, strings.HasSuffix(path, "_test.go")) }
			} else if !slices.Contains(languages, kind) {
				return nil
			}
			source, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			found[kind]++
			for _, n := range check(source) {
				t.Errorf("%s:%d has more than %d columns", path, n, codeColumns)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, kind := range append([]string{".go"}, languages...) {
		if found[kind] == 0 {
			t.Errorf("no file of the kind %q was found", kind)
		}
	}
}

// wideCode numbers the lines of any language that are too wide, without those that hold an address, which cannot be
// broken.
func wideCode(source []byte) (wide []int) {
	for n, line := range strings.Split(string(source), "\n") {
		if columns(line) > codeColumns && !address.MatchString(line) {
			wide = append(wide, n+1)
		}
	}
	return wide
}

// address is a web address, with or without its scheme.
var address = regexp.MustCompile(`https?://\S+|[a-z0-9-]+\.(com|org|dev|io)/\S+`)

// wideLines numbers the lines of Go that are too wide, in tests without those of long strings.
func wideLines(source []byte, test bool) (wide []int) {
	data := map[int]bool{}
	set := token.NewFileSet()
	file := set.AddFile("", -1, len(source))
	var s scanner.Scanner
	s.Init(file, source, nil, 0)
	for pos, tok, text := s.Scan(); tok != token.EOF; pos, tok, text = s.Scan() {
		if tok == token.STRING && test && (text[0] == '`' || len(text) > dataColumns) {
			first := file.Line(pos)
			for n := range strings.Count(text, "\n") + 1 {
				data[first+n] = true
			}
		}
	}
	for n, line := range bytes.Split(source, []byte("\n")) {
		if columns(string(line)) > codeColumns && !data[n+1] {
			wide = append(wide, n+1)
		}
	}
	return wide
}

func columns(line string) int { return len([]rune(line)) + 3*strings.Count(line, "\t") }

// link is what cannot be broken into lines: the target of a link, an address.
var link = regexp.MustCompile(`\]\([^)]*\)|https?://\S+`)

// TestDocumentColumns keeps the pages of docs/ and the README files within 100 columns, except tables, code blocks and
// links.
func TestDocumentColumns(t *testing.T) {
	for _, path := range pages(t) {
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

// TestWideLinesAreFound shows that each check can fail.
func TestWideLinesAreFound(t *testing.T) {
	long := strings.Repeat("x", 101)
	code := "package p\n\nvar a = `" + long + long + "\n" + long + long + "`\nvar b = 1 // " + long + long + "\n"
	code += "var c = \"" + long + long + "\"\n"
	for test, want := range map[bool][]int{false: {3, 4, 5, 6}, true: {5}} {
		if got := wideLines([]byte(code), test); !slices.Equal(got, want) {
			t.Errorf("lines %d of the code are too wide, want %d", got, want)
		}
	}
	python := "# " + long + strings.Repeat("é", 17) + "\n# " + long + long + "\n# see example.com/" + long + long + "\n"
	if got := wideCode([]byte(python)); !slices.Equal(got, []int{2}) {
		t.Errorf("lines %d of the script are too wide, want 2", got)
	}
	prose := "| " + long + "\n```\n" + long + "\n```\nhttps://example.com/" + long + "\n" + long + "\n"
	if got := wideProse([]byte(prose)); len(got) != 1 || got[0] != 6 {
		t.Errorf("lines %d of the document are too wide, want 6", got)
	}
}
