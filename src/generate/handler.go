package generate

import (
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// sourceFiles are the extensions of a language's source files, and the form of functions that can be entry points.
type sourceFiles struct {
	endings  []string
	function *regexp.Regexp // nil: not looked for
	joint    string         // between the file's or class's name and the function's
	list     *regexp.Regexp // of several functions at once, by their names; nil: the language has none
}

func sourcesOf(language string) sourceFiles {
	switch language {
	case "python":
		return sourceFiles{[]string{".py", ".pyc"},
			regexp.MustCompile(`(?m)^(?:async )?def (\w+)\(\s*\w+[^,)]*,\s*\w+[^,)]*\)`), ".", nil}
	case "nodejs":
		return sourceFiles{[]string{".js", ".mjs", ".cjs", ".ts"},
			regexp.MustCompile(`(?m)\bexports\.(\w+)\s*=|^export (?:async )?(?:function|const) (\w+)`), ".",
			regexp.MustCompile(`(?m)(?:\bmodule\.exports\s*=|^export)\s*\{([^{}]*)\}`)}
	case "ruby":
		return sourceFiles{[]string{".rb"}, regexp.MustCompile(`(?m)^def (\w+)`), ".", nil}
	case "java":
		return sourceFiles{[]string{".java", ".class", ".jar"}, nil, "::", nil}
	case "go":
		return sourceFiles{endings: []string{".go"}}
	case "rust":
		return sourceFiles{endings: []string{".rs"}}
	}
	return sourceFiles{}
}

// handlerIsFile refuses a handler that is the name of a source file, and suggests the probable one. In a folder that is
// not empty, it looks for the function's name.
func handlerIsFile(dir string, fn *run.Function, handler string) error {
	src := sourcesOf(fn.Language)
	ending := path.Ext(handler)
	if fn.PackageType == "Image" || ending == "" || !slices.Contains(src.endings, strings.ToLower(ending)) {
		return nil
	}
	usual := languages()[fn.Language].handler
	meant := usual
	if src.joint != "" {
		_, function, _ := strings.Cut(usual, src.joint)
		if fn.Language == "java" {
			function = "handleRequest"
		}
		meant = strings.TrimSuffix(handler, ending) + src.joint + functionIn(dir, handler, src, function)
	}
	return fail.Input("handler %q is the name of a file; want %s; did you mean %q?", handler,
		handlerForm(fn.Language), meant).
		WithHint(`name the function that is called: "Handler": %q`, meant)
}

// functionIn is the name of the probable entry point in a file: the usual name, unless the file has only others.
func functionIn(dir, file string, src sourceFiles, usual string) string {
	if dir == "" || src.function == nil {
		return usual
	}
	found := functionsIn(filepath.Join(dir, filepath.FromSlash(file)), src)
	if len(found) == 0 || slices.Contains(found, usual) {
		return usual
	}
	return found[0]
}

// handlerForm describes the form of a language's handlers.
func handlerForm(language string) string {
	switch language {
	case "python":
		return "module.function"
	case "java":
		return "package.Class::method"
	case "go", "rust":
		return "bootstrap"
	}
	return "file.function"
}
