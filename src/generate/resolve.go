package generate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// measurement lists the names of the measurement function: the language's own name, and those that the original tool
// gave to the copy of one language.
var measurement = map[string]string{
	"measure":           "",
	"hellopy":           "python",
	"hellogo":           "go",
	"hellonode":         "nodejs",
	"hellojava":         "java",
	"producer-consumer": "",
	"prodcons":          "",
}

// language says how the functions of one language are rendered, named and checked. To add a language, add a row to
// languages.
type language struct {
	// handler is the entry point of the measurement function, and of a user's function if the file names none.
	handler string
	// own checks that a user's folder has the entry point and returns it in the form of the platforms.
	own func(dir, handler string) (string, error)
	// from are the files and folders of raw-code/ that make the measurement function; none: measure/<language>.
	from []string
	// extra are files of a rendered measurement function that cannot lie in raw-code/, by name.
	extra map[string]string
}

func languages() map[string]language {
	return map[string]language{
		"go":     golang(),
		"python": python(),
		"nodejs": nodejs(),
		"java":   java(),
		"ruby":   ruby(),
		"rust":   rust(),
	}
}

// code is a function's code as the experiment names it.
type code struct {
	key       string // distinct per code, language and architecture
	generated bool   // the measurement function
	dir       string // the user's folder, absolute; empty where generated
	handler   string
	entry     string // the file in which the handler was found, where the experiment names none

	dockerfile string // the folder's own, absolute; empty where one is to be generated
}

// resolve finds the code of a function. The names of the measurement function have priority: a folder of the same name
// is written ./name.
func resolve(r *run.Run, fn *run.Function, v vendor, looked contents) (code, error) {
	name := r.Experiment.SubExperiments[fn.Sub].Function
	if language, ok := measurement[name]; ok {
		if language != "" && language != fn.Language && fn.Language != run.LanguageWorkers {
			return code{}, &provider.KeyError{Key: "Function",
				Err: fail.Input("function %q is the measurement function in %s, but the runtime is %q (%s)",
					name, language, fn.Runtime, fn.Language).
					WithHint(`write "Function": "measure" for the runtime's own language, or change "Runtime"`)}
		}
		if err := handlerIsFile("", fn, r.Experiment.SubExperiments[fn.Sub].Handler); err != nil {
			return code{}, fail.Input("function %q: %w", name, err).WithHint("%s", fail.Hint(err))
		}
		return code{key: safeName("measure", fn.Language, fn.Architecture, system(fn)), generated: true,
			handler: cmp.Or(v.adaptation(fn).Handler, v.language(fn).handler)}, nil
	}
	dir, err := findFolder(r, name)
	if err != nil {
		return code{}, &provider.KeyError{Key: "Function", Err: err}
	}
	dockerfile := ""
	if fn.PackageType == "Image" {
		dockerfile = ownDockerfile(dir)
	}
	handler, entry := cmp.Or(r.Experiment.SubExperiments[fn.Sub].Handler, v.adaptation(fn).Handler), ""
	if handler == "" && dockerfile == "" {
		handler, entry = findHandler(dir, fn.Language, v.language(fn).handler)
	}
	assumed := handler == ""
	handler = cmp.Or(handler, v.language(fn).handler)
	if dockerfile == "" { // an image of the user's own making knows its entry point
		if err = handlerIsFile(dir, fn, handler); err == nil {
			handler, err = v.own(fn, dir, handler)
		}
		if err != nil {
			if assumed && sourcesOf(fn.Language).function != nil {
				err = fmt.Errorf("no Handler is named, and the folder has no entry point for %s: %w", fn.Runtime, err)
			}
			return code{}, fail.Input("function %q: %w", name, err).WithHint("%s", fail.Hint(err))
		}
		if err := looked.check(r, fn, v, name, dir); err != nil {
			return code{}, &provider.KeyError{Key: "Function", Err: err}
		}
	}
	// The name as the file writes it, not where the folder lies: the same experiment makes the same packages anywhere.
	sum := sha256.Sum256([]byte(filepath.ToSlash(filepath.Clean(name))))
	key := safeName(filepath.Base(dir), hex.EncodeToString(sum[:4]), fn.Runtime, fn.Architecture, system(fn))
	if fn.Language == run.LanguageWorkers {
		// the main module decides what belongs to a Worker
		key = safeName(filepath.Base(dir), hex.EncodeToString(sum[:4]), handler)
	}
	if dockerfile != "" {
		key = safeName(filepath.Base(dir), hex.EncodeToString(sum[:4]), "dockerfile", fn.Architecture)
	}
	if dockerfile == "" && v.hasForm() {
		key = safeName(key, handler) // what lies beside the code names its entry point
	}
	return code{key: key, dir: dir, handler: handler, entry: entry, dockerfile: dockerfile}, nil
}

// system distinguishes the sources of images on machines other than Linux: local ZIP packages are built for this
// machine there, images never are.
func system(fn *run.Function) string {
	if fn.PackageType == "Image" && runtime.GOOS != "linux" {
		return "linux"
	}
	return ""
}

// ownDockerfile is the folder's Dockerfile, empty if it has none.
func ownDockerfile(dir string) string {
	file := filepath.Join(dir, "Dockerfile")
	if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() {
		return file
	}
	return ""
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9_.-]+`)

// safeName joins parts to a name that is a valid file name on every system.
func safeName(parts ...string) string {
	for i, p := range parts {
		p = notInNames.ReplaceAllString(p, "-")
		if len(p) > 40 {
			p = p[:40]
		}
		parts[i] = strings.Trim(p, ".-")
	}
	parts = slices.DeleteFunc(parts, func(p string) bool { return p == "" })
	return strings.Join(parts, "-")
}
