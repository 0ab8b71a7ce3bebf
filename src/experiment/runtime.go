package experiment

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/toolversion"
)

// Runtime is a runtime as the rest of the tool speaks of it.
type Runtime struct {
	ID       string // canonical: go, python3.13, nodejs22.x, java21, ruby3.4, rust
	Language string // go, python, nodejs, java, ruby, rust
}

// DefaultRuntime is the runtime of a file that names none.
const DefaultRuntime = "python3.13"

// family is the versions of one language that platforms still offer (Lambda's table of supported runtimes, November
// 2026, is the measure: the other platforms follow the languages' own ends of life, which lie near).
type family struct {
	language  string
	bare      []string       // names without a version
	pattern   *regexp.Regexp // spellings with a version, the version in its groups
	id        string         // format of the canonical id
	offered   []string
	successor string // what a retired version and a bare name become
}

// Compiled once, never changed.
var (
	pythonID = regexp.MustCompile(`^python(\d)\.?(\d{1,2})$`)
	nodeID   = regexp.MustCompile(`^node(?:js)?(\d{1,2})(?:\.x)?$`)
	javaID   = regexp.MustCompile(`^java(\d{1,2})(?:\.al2)?$`)
	rubyID   = regexp.MustCompile(`^ruby(\d)\.?(\d)$`)
	goID     = regexp.MustCompile(`^go1\.?\d{1,2}$`)
)

func families() []family {
	return []family{
		{"python", []string{"python", "python3"}, pythonID, "python%s.%s",
			[]string{"python3.10", "python3.11", "python3.12", "python3.13", "python3.14"}, DefaultRuntime},
		{"nodejs", []string{"node", "nodejs"}, nodeID, "nodejs%s.x",
			[]string{"nodejs22.x", "nodejs24.x"}, "nodejs22.x"},
		{"java", []string{"java"}, javaID, "java%s",
			[]string{"java11", "java17", "java21", "java25"}, "java21"},
		{"ruby", []string{"ruby"}, rubyID, "ruby%s.%s",
			[]string{"ruby3.3", "ruby3.4"}, "ruby3.4"},
	}
}

// RuntimeIDs lists the canonical ids that ResolveRuntime gives.
func RuntimeIDs() []string {
	ids := []string{"go"}
	for _, f := range families() {
		ids = append(ids, f.offered...)
	}
	return append(ids, "rust")
}

// ResolveRuntime gives the runtime for an id as files write it. Retired ids and names without a version become their
// successor, and the note says so; spellings of other platforms (python313, nodejs22) are understood. The error says
// what is allowed.
func ResolveRuntime(id string) (Runtime, string, error) {
	switch id {
	case "go", "rust":
		return Runtime{id, id}, "", nil
	case "provided.al2023":
		return Runtime{"go", "go"}, `runtime "provided.al2023" is taken as "go"; write "rust" for Rust`, nil
	case "go1.x", "provided", "provided.al2":
		return Runtime{"go", "go"}, fmt.Sprintf(`runtime %q is retired: "go" (provided.al2023) is used`, id), nil
	case "golang":
		return Runtime{"go", "go"}, "", nil
	}
	if goID.MatchString(id) {
		return Runtime{"go", "go"}, fmt.Sprintf(`runtime %q names a compiler's version: "go" is used, built with the `+
			`Go that is installed`, id), nil
	}
	for _, f := range families() {
		if r, note, ok := f.resolve(id); ok {
			return r, note, nil
		}
	}
	return Runtime{}, "", fmt.Errorf("want one of %s%s", strings.Join(RuntimeIDs(), ", "),
		fail.DidYouMean(id, RuntimeIDs()))
}

func (f family) resolve(id string) (Runtime, string, bool) {
	for _, b := range f.bare {
		if id == b {
			return Runtime{f.successor, f.language}, fmt.Sprintf("runtime %q names no version: %q is used", id,
				f.successor), true
		}
	}
	m := f.pattern.FindStringSubmatch(id)
	if m == nil {
		return Runtime{}, "", false
	}
	args := make([]any, 0, 2)
	for _, g := range m[1:] {
		args = append(args, g)
	}
	canonical := fmt.Sprintf(f.id, args...)
	for _, o := range f.offered {
		if canonical == o {
			return Runtime{canonical, f.language}, "", true
		}
	}
	if f.retired(canonical) {
		return Runtime{f.successor, f.language}, fmt.Sprintf("runtime %q is retired: %q is used", id, f.successor), true
	}
	return Runtime{}, "", false
}

// retired says whether a version lies before the oldest that is offered, or between two that are.
func (f family) retired(canonical string) bool {
	newest := f.offered[len(f.offered)-1]
	return toolversion.Of(canonical).Older(toolversion.Of(newest))
}

// IsMeasure says whether a function's name stands for the measurement function: under its own name, or under one that
// published files know it by (hellopy, hellogo, …, and producer-consumer for chains).
func IsMeasure(function string) bool {
	switch function {
	case "measure", "hellopy", "hellogo", "hellonode", "hellojava", "producer-consumer", "prodcons":
		return true
	}
	return false
}
