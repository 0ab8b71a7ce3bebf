package generate

import (
	"cmp"
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/content"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// CheckContents refuses files of a user's folder that a package cannot contain: links to nothing or to folders,
// sockets, unreadable files. An empty pattern means the whole folder. Nothing is built.
func CheckContents(dir, language, pattern string) error {
	if pattern != "" {
		if _, err := content.Match(pattern); err != nil {
			return content.BadPattern(pattern, err)
		}
	}
	made, all := installed(dir, language)
	if all {
		return nil // the package holds what a compiler makes of the folder
	}
	return content.Refuse(dir, pattern, made)
}

// installed lists the entries of a folder that are never packaged, because a build makes them again; all is true if the
// build copies no file of the folder.
func installed(dir, language string) (made func(rel string) bool, all bool) {
	has := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool {
			info, err := os.Stat(filepath.Join(dir, name))
			return err == nil && info.Mode().IsRegular()
		})
	}
	below := func(folders ...string) func(string) bool {
		return func(rel string) bool {
			return slices.ContainsFunc(folders, func(f string) bool {
				return rel == f || strings.HasPrefix(rel, f+"/")
			})
		}
	}
	switch language {
	case "go", "rust", run.LanguageDocker:
		return below(), true
	case "java":
		return below(), has("pom.xml", "build.gradle", "build.gradle.kts", "gradlew")
	case "ruby":
		if has("Gemfile") {
			return below("vendor/bundle", ".bundle"), false
		}
	case "nodejs":
		if nodeInstalls(dir) {
			return func(rel string) bool {
				return slices.Contains(strings.Split(path.Clean(rel), "/"),
					"node_modules")
			}, false
		}
	}
	return below(), false
}

// nodeInstalls reports whether npm has something to install.
func nodeInstalls(dir string) bool {
	text, err := wholefile.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil {
		return false
	}
	var p struct {
		Dependencies, OptionalDependencies map[string]any
	}
	return json.Unmarshal(text, &p) == nil && len(p.Dependencies)+len(p.OptionalDependencies) > 0
}

// contents keeps the results of CheckContents, so that a folder that functions share is checked once.
type contents map[[3]string]error

// check is CheckContents for a function of the experiment.
func (c contents) check(r *run.Run, fn *run.Function, v vendor, name, dir string) error {
	pattern := cmp.Or(fn.Pattern, r.Experiment.SubExperiments[fn.Sub].PackagePattern)
	language := fn.Language
	if v.adaptation(fn).Source {
		language = "" // shipped as it is
	}
	key := [3]string{dir, language, pattern}
	err, ok := c[key]
	if !ok {
		err = CheckContents(dir, language, pattern)
		c[key] = err
	}
	if fail.Code(err) != fail.CodeInput {
		return err
	}
	return fail.Input("function %q: %w", name, err).WithHint("%s", fail.Hint(err))
}
