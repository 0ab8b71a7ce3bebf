package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pages are the Markdown files for users, as paths from this folder.
func pages(t *testing.T) []string {
	t.Helper()
	paths := []string{"../README.md", "../experiments/README.md", "../endpoints/README.md"}
	err := filepath.WalkDir("../docs", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d pages, error %v", len(paths), err)
	}
	return paths
}

// TestDocumentLinks: each relative link of a page leads to a file, and to a heading that the file has.
func TestDocumentLinks(t *testing.T) {
	links := 0
	for _, path := range pages(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		n, broken := brokenLinks(path, string(text), os.ReadFile)
		links += n
		for _, b := range broken {
			t.Errorf("%s: %s", path, b)
		}
	}
	if links < 100 {
		t.Errorf("only %d relative links", links)
	}
}

var (
	codeSpan = regexp.MustCompile("`[^`]*`")
	target   = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	linkText = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	unsaid   = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)
)

// brokenLinks counts the relative links of a page, and says which ones lead nowhere. Read reads a file or fails.
func brokenLinks(path, text string, read func(string) ([]byte, error)) (links int, broken []string) {
	prose, _ := prosaic(text)
	for _, m := range target.FindAllStringSubmatch(codeSpan.ReplaceAllString(prose, ""), -1) {
		if strings.Contains(m[1], ":") { // another site
			continue
		}
		links++
		file, anchor, _ := strings.Cut(m[1], "#")
		page := []byte(text)
		if file != "" {
			to := filepath.Join(filepath.Dir(path), file)
			var err error
			if page, err = read(to); err != nil {
				if info, no := os.Stat(to); no != nil || !info.IsDir() {
					broken = append(broken, fmt.Sprintf("%s: %v", m[1], err))
				}
				continue
			}
		}
		if _, headings := prosaic(string(page)); anchor != "" && !slices.Contains(headings, anchor) {
			broken = append(broken, m[1]+": there is no such heading")
		}
	}
	return links, broken
}

// prosaic is a page without its code blocks, and the anchors that GitHub makes of its headings.
func prosaic(text string) (prose string, headings []string) {
	var out strings.Builder
	inCode, seen := false, map[string]int{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			inCode = !inCode
			continue
		}
		if inCode {
			continue
		}
		out.WriteString(line)
		if title := strings.TrimLeft(line, "#"); title != line && strings.HasPrefix(title, " ") {
			title = strings.ToLower(strings.TrimSpace(linkText.ReplaceAllString(title, "$1")))
			anchor := strings.ReplaceAll(unsaid.ReplaceAllString(title, ""), " ", "-")
			if seen[anchor]++; seen[anchor] > 1 {
				anchor = fmt.Sprintf("%s-%d", anchor, seen[anchor]-1)
			}
			headings = append(headings, anchor)
		}
	}
	return out.String(), headings
}

// TestBrokenLinksAreFound shows that the check can fail.
func TestBrokenLinksAreFound(t *testing.T) {
	files := map[string]string{"docs/b.md": "# What is `b`?\n## Say it, twice\n## Say it, twice\n```\n# not one\n```\n"}
	read := func(path string) ([]byte, error) {
		if text, ok := files[path]; ok {
			return []byte(text), nil
		}
		return nil, fs.ErrNotExist
	}
	text := "# a\n[1](b.md) [2](b.md#what-is-b) [3](b.md#say-it-twice-1) [4](#a) [5](https://x.y/#z)\n`[6](no.md)`\n" +
		"```\n[7](no.md)\n```\n[8](no.md) [9](b.md#not-one) [two\nlines](#b)\n"
	n, broken := brokenLinks("docs/a.md", text, read)
	want := []string{"no.md: file does not exist", "b.md#not-one: there is no such heading",
		"#b: there is no such heading"}
	if n != 7 || !slices.Equal(broken, want) {
		t.Errorf("%d links, broken %q, want 7 and %q", n, broken, want)
	}
}
