package build

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

func itoa(n int) string { return strconv.Itoa(n) }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// pipName is a package's name in its normal form (PEP 503).
func pipName(name string) string {
	return strings.ToLower(regexp.MustCompile(`[-_.]+`).ReplaceAllString(name, "-"))
}

// cutMarker splits a requirement from its condition, which keeps its semicolon. In an address, only a semicolon after a
// space begins a condition.
func cutMarker(text string) (body, marker string) {
	sep := ";"
	if strings.Contains(text, "://") || strings.Contains(text, "file:") {
		sep = " ;"
		if !strings.Contains(text, sep) {
			sep = "; "
		}
	}
	at := strings.Index(text, sep)
	if at < 0 {
		return text, ""
	}
	return strings.TrimSpace(text[:at]), " ; " + strings.TrimLeft(text[at:], "; ")
}

// cutExtras splits a path from the [extras] after it.
func cutExtras(text string) (path, extras string) {
	if at := strings.LastIndexByte(text, '['); at > 0 && strings.HasSuffix(text, "]") {
		return text[:at], text[at:]
	}
	return text, ""
}

// pipWords splits a line of options like a shell.
func pipWords(line string) []string {
	var words []string
	var word strings.Builder
	quote, inWord := rune(0), false
	for _, c := range line {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, inWord = c, true
		case quote == 0 && (c == ' ' || c == '\t'):
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteRune(c)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}

// quoted writes a word so that pipWords reads it back.
func quoted(word string) string {
	if strings.ContainsAny(word, " \t'") {
		return `"` + word + `"`
	}
	return word
}

// staged writes the files again into work. Folders that are installed are replaced by copies: build tools write beside
// the sources, and a link to a folder does not work in a package. It returns the path of the first file.
func (s *requirementSet) staged(work string) (string, error) {
	copies, names := map[string]string{}, map[*requirementFile]string{}
	for i, f := range s.files {
		names[f] = filepath.Join(work, "requirements-"+itoa(i)+".txt")
	}
	for _, f := range s.files {
		var text strings.Builder
		for _, line := range f.lines {
			if len(line.parts) == 0 {
				text.WriteString(line.raw + "\n")
				continue
			}
			for _, p := range line.parts {
				path := p.path
				switch {
				case p.file != nil:
					path = quoted(names[p.file])
				case p.project:
					if copies[path] == "" {
						to := filepath.Join(work, "project-"+itoa(len(copies)), filepath.Base(path))
						if err := copyProject(path, to); err != nil {
							return "", err
						}
						copies[path] = to
					}
					path = copies[path]
				case path != "":
					path = quoted(path)
				}
				text.WriteString(p.before + path + p.after)
			}
			text.WriteString("\n" + strings.Repeat("\n", strings.Count(line.raw, "\n")))
		}
		if err := os.WriteFile(names[f], []byte(text.String()), 0o600); err != nil {
			return "", err
		}
	}
	return names[s.files[0]], nil
}
