package build

import (
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// requirementSet is everything that a requirements.txt leads to: pip reads the files, folders and archives that it
// names, wherever they are.
type requirementSet struct {
	dir      string // the function's folder, in which pip runs
	files    []*requirementFile
	projects []localPath       // folders that are installed
	read     []string          // archives, and folders of --find-links
	pins     map[string]string // name to version, where == says it
	hashed   bool              // pip demands the hash of everything
	loose    string            // where something stands that nothing can pin
	env      []string          // ${VARIABLES} that pip fills in
}

// requirementFile is one file of requirements or constraints.
type requirementFile struct {
	path  string
	lines []requirementLine
}

// requirementLine is one logical line: pip joins lines that end in a backslash.
type requirementLine struct {
	raw    string // unchanged, all its physical lines
	parts  []requirementPart
	change bool // it cannot stay unchanged
}

// requirementPart is a piece of a line. If path is set, it is a path that can be replaced by another.
type requirementPart struct {
	before, path, after string
	file                *requirementFile // the path is this file's
	project             bool             // the path is a folder to install
}

// localPath is a path in a requirements file.
type localPath struct {
	path  string // absolute
	where string // file:line
	text  string // as it is written
}

var (
	pipVariable = regexp.MustCompile(`\$\{([A-Z0-9_]+)\}`)
	pipComment  = regexp.MustCompile(`(^|\s+)#.*$`)
	pipOption   = regexp.MustCompile(`^(--requirement|--constraint|--editable|--find-links)(?:=|$)|^-[rcef]`)
	pipURL      = regexp.MustCompile(`^[A-Za-z][\w.-]*(?:\+[\w.-]+)?://`)
	pipNamed    = regexp.MustCompile(`^([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*@\s*(.+)$`)
	pipPinned   = regexp.MustCompile(`^([A-Za-z0-9][\w.-]*)\s*(?:\[[^\]]*\])?\s*===?\s*([^\s,;*]+)$`)
	pipArchive  = regexp.MustCompile(`(?i)\.(whl|zip|tgz|tbz|txz|tlz|tar(\.\w+)?)$`)
)

// readRequirements reads a function's requirements.txt and everything that it names.
func readRequirements(dir string) (*requirementSet, error) {
	s := &requirementSet{dir: dir, pins: map[string]string{}}
	_, err := s.readFile(filepath.Join(dir, requirements), "")
	return s, err
}

func (s *requirementSet) readFile(path, named string) (*requirementFile, error) {
	for _, f := range s.files {
		if f.path == path {
			return f, nil
		}
	}
	text, err := wholefile.ReadFile(path)
	if err != nil {
		if named == "" {
			return nil, fail.Input("%w", err)
		}
		return nil, fail.Input("%s names a file that cannot be read: %w", named, err).
			WithHint("correct the path in %s", named)
	}
	f := &requirementFile{path: path}
	s.files = append(s.files, f)
	lines := strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n")
	for i := 0; i < len(lines); {
		first, raw, joined := i, lines[i], strings.TrimRight(lines[i], "\r")
		for strings.HasSuffix(joined, `\`) && !strings.HasPrefix(strings.TrimSpace(joined), "#") && i+1 < len(lines) {
			i++
			raw += "\n" + lines[i]
			joined = strings.TrimSuffix(joined, `\`) + strings.TrimRight(lines[i], "\r")
		}
		i++
		line := requirementLine{raw: raw}
		if err := s.parse(f, &line, strings.TrimSpace(pipComment.ReplaceAllString(joined, "")), first+1); err != nil {
			return nil, err
		}
		f.lines = append(f.lines, line)
	}
	return f, nil
}

// expand replaces the variables that pip replaces, and records their names.
func (s *requirementSet) expand(text string) string {
	return pipVariable.ReplaceAllStringFunc(text, func(name string) string {
		value, ok := os.LookupEnv(name[2 : len(name)-1])
		if !ok {
			return name
		}
		s.env = append(s.env, name+"="+value)
		return value
	})
}

func (s *requirementSet) parse(f *requirementFile, line *requirementLine, text string, number int) error {
	where := s.where(f, number)
	if text == "" {
		return nil
	}
	if !strings.HasPrefix(text, "-") {
		words, options := text, ""
		if at := strings.Index(text, " -"); at >= 0 {
			words, options = text[:at], text[at:]
		}
		s.hashed = s.hashed || strings.Contains(options, "--hash")
		part, err := s.requirement(strings.TrimSpace(words), where)
		part.after += options
		line.parts, line.change = []requirementPart{part}, part.project
		return err
	}
	words := pipWords(text)
	for i := 0; i < len(words); i++ {
		word := words[i]
		s.hashed = s.hashed || word == "--require-hashes"
		option := strings.TrimSuffix(pipOption.FindString(word), "=")
		if option == "" {
			s.expand(word)
			line.parts = append(line.parts, requirementPart{before: quoted(word) + " "})
			continue
		}
		value := strings.TrimPrefix(word[len(option):], "=")
		if value == "" && i+1 < len(words) {
			i++
			value = words[i]
		}
		part, err := s.option(f, option, value, where)
		if err != nil {
			return err
		}
		if strings.HasPrefix(option, "-e") || option == "--editable" {
			line.change = true
			if len(line.parts) > 0 { // a requirement is a line of its own
				part.before = "\n" + part.before
			}
			if i+1 < len(words) {
				part.after += "\n"
			}
		}
		line.parts = append(line.parts, part)
	}
	return nil
}

// option reads an option whose value is a path or a requirement. An editable requirement is installed as a copy: a
// package cannot refer back to the folder.
func (s *requirementSet) option(f *requirementFile, option, value, where string) (requirementPart, error) {
	switch option {
	case "-e", "--editable":
		part, err := s.requirement(value, where)
		if err == nil && part.path == "" {
			s.loose = where
		}
		return part, err
	case "-f", "--find-links":
		at := s.expand(value)
		if path := s.fileURL(at); path != "" {
			at = path
		} else if pipURL.MatchString(at) {
			return requirementPart{before: option + " " + value + " "}, nil
		}
		if !filepath.IsAbs(at) {
			if beside := filepath.Join(filepath.Dir(f.path), at); exists(beside) {
				at = beside
			} else {
				at = filepath.Join(s.dir, at)
			}
		}
		s.read = append(s.read, at)
		return requirementPart{before: "--find-links ", path: at, after: " "}, nil
	}
	at := s.expand(value)
	if pipURL.MatchString(at) && !strings.HasPrefix(at, "file:") {
		s.loose = where
		return requirementPart{before: option + " " + value + " "}, nil
	}
	if path := s.fileURL(at); path != "" {
		at = path
	}
	if !filepath.IsAbs(at) {
		at = filepath.Join(filepath.Dir(f.path), at)
	}
	more, err := s.readFile(filepath.Clean(at), where)
	return requirementPart{before: option + " ", path: filepath.Clean(at), file: more, after: " "}, err
}

// requirement reads something to install: a name, an address, or a path.
func (s *requirementSet) requirement(text, where string) (requirementPart, error) {
	as := requirementPart{before: text}
	body, marker := cutMarker(text)
	full := s.expand(body)
	before := ""
	if m := pipNamed.FindStringSubmatch(full); m != nil {
		if !strings.HasPrefix(m[2], "file:") {
			s.loose = where
			return as, nil
		}
		before, full = full[:len(full)-len(m[2])], m[2]
	}
	path, extras, isURL := s.fileURL(full), "", false
	switch {
	case path != "":
		isURL = true
	case pipURL.MatchString(full):
		s.loose = where
		return as, nil
	default:
		path, extras = cutExtras(full)
		if !strings.ContainsAny(path, `/\`) && !strings.HasPrefix(path, ".") && !pipArchive.MatchString(path) {
			if m := pipPinned.FindStringSubmatch(full); m != nil {
				s.pins[pipName(m[1])] = m[2]
			}
			return as, nil
		}
		if !filepath.IsAbs(path) {
			path = filepath.Join(s.dir, path)
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return as, fail.Input("%s names %s, which does not exist: %w", where, full, err).
			WithHint("correct the path in %s", where)
	}
	if !info.IsDir() {
		s.read = append(s.read, path)
		return as, nil
	}
	s.projects = append(s.projects, localPath{path, where, full})
	part := requirementPart{before: before, path: path, after: extras + marker, project: true}
	if before != "" && isURL {
		part.before += "file://"
	}
	return part, nil
}

// fileURL is the path of a file: address, empty if it is none. pip accepts relative ones, too.
func (s *requirementSet) fileURL(text string) string {
	rest, ok := strings.CutPrefix(text, "file:")
	if !ok {
		return ""
	}
	rest, _, _ = strings.Cut(rest, "#")
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, "//"), "localhost/")
	if plain, err := url.PathUnescape(rest); err == nil {
		rest = plain
	}
	if strings.HasPrefix(text, "file://localhost/") {
		rest = "/" + rest
	}
	if !filepath.IsAbs(rest) {
		rest = filepath.Join(s.dir, rest)
	}
	return rest
}

func (s *requirementSet) where(f *requirementFile, number int) string {
	name := f.path
	if rel, err := filepath.Rel(s.dir, f.path); err == nil && filepath.IsLocal(rel) {
		name = rel
	}
	return name + ":" + itoa(number)
}
