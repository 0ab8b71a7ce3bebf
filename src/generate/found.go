package generate

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// manifests are the files that show a folder's language.
func manifests() [][2]string {
	return [][2]string{
		{"go.mod", "go"}, {"Cargo.toml", "rust"}, {"package.json", "nodejs"}, {"pyproject.toml", "python"},
		{"requirements.txt", "python"}, {"Gemfile", "ruby"}, {"pom.xml", "java"}, {"build.gradle", "java"},
		{"build.gradle.kts", "java"},
	}
}

// Ours reports whether a function of that name is one in the binary, rather than a folder.
func Ours(function string) bool {
	_, ours := measurement[function]
	return ours
}

// FindLanguage gives the language that the folder of a user's function is written in, and the file that shows it. It
// is empty for the measurement function, and where the folder shows none, or several. baseDir is the experiment file's
// folder.
func FindLanguage(baseDir, function string) (language, by string) {
	if Ours(function) {
		return "", ""
	}
	dir, err := findFolder(&run.Run{BaseDir: baseDir}, function)
	if err != nil {
		return "", "" // said where the function is generated
	}
	languages := map[string]string{}
	for _, m := range manifests() {
		info, err := os.Stat(filepath.Join(dir, m[0]))
		if err == nil && info.Mode().IsRegular() && languages[m[1]] == "" {
			languages[m[1]] = m[0]
		}
	}
	if len(languages) == 0 {
		languages = sourcesIn(dir)
	}
	if len(languages) != 1 {
		return "", ""
	}
	for language, by = range languages { // the only one
	}
	return language, by
}

// sourcesIn gives the languages of a folder's own source files, each with the first of its files.
func sourcesIn(dir string) map[string]string {
	found := map[string]string{}
	for _, file := range filesIn(dir) {
		for _, language := range []string{"python", "nodejs", "ruby", "java", "go", "rust"} {
			if slices.Contains(sourcesOf(language).endings, strings.ToLower(path.Ext(file))) && found[language] == "" {
				found[language] = file
			}
		}
	}
	return found
}

// filesIn are the names of a folder's files, sorted; those in folders below are none of them.
func filesIn(dir string) (files []string) {
	all, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	for _, f := range all {
		if f.Type().IsRegular() {
			files = append(files, f.Name())
		}
	}
	return files
}

// findHandler gives the entry point of a folder for which the file names none, and the file that it is in. The usual
// one is preferred; it is empty where nothing is found, or the choice is open.
func findHandler(dir, language, usual string) (handler, by string) {
	src := sourcesOf(language)
	if src.function == nil {
		return "", ""
	}
	module, function, _ := strings.Cut(usual, src.joint)
	for _, file := range entryFiles(dir, module, src) {
		names := functionsIn(filepath.Join(dir, filepath.FromSlash(file)), src)
		name := ""
		for _, n := range []string{function, "lambda_handler", "handler"} {
			if slices.Contains(names, n) && name == "" {
				name = n
			}
		}
		if name == "" && len(names) == 1 {
			name = names[0]
		}
		if name != "" {
			return strings.TrimSuffix(file, path.Ext(file)) + src.joint + name, file
		}
	}
	return "", ""
}

// entryFiles are the source files in which an entry point is looked for, the most likely first: the usual one, main of
// package.json, those of usual names, and one that is alone.
func entryFiles(dir, module string, src sourceFiles) (files []string) {
	add := func(name string) {
		name = path.Clean(filepath.ToSlash(name))
		info, err := os.Stat(filepath.Join(dir, filepath.FromSlash(name)))
		if err == nil && info.Mode().IsRegular() && filepath.IsLocal(name) && !slices.Contains(files, name) &&
			slices.Contains(src.endings, path.Ext(name)) && path.Ext(name) != ".pyc" {
			files = append(files, name)
		}
	}
	for _, ending := range src.endings {
		add(module + ending)
	}
	if slices.Contains(src.endings, ".js") {
		if main := packageMain(dir); main != "" {
			add(main)
			add(main + ".js")
			add(main + "/index.js")
		}
	}
	for _, name := range []string{"index", "lambda_function", "handler", "app", "function"} {
		for _, ending := range src.endings {
			add(name + ending)
		}
	}
	var alone []string
	for _, file := range filesIn(dir) {
		if slices.Contains(src.endings, path.Ext(file)) {
			alone = append(alone, file)
		}
	}
	if len(alone) == 1 {
		add(alone[0])
	}
	return files
}

// packageMain is main of a folder's package.json.
func packageMain(dir string) string {
	var manifest struct{ Main string }
	text, err := wholefile.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil || json.Unmarshal(text, &manifest) != nil {
		return ""
	}
	return manifest.Main
}

// functionsIn are the functions in a file that can be entry points.
func functionsIn(file string, src sourceFiles) (names []string) {
	text, err := wholefile.ReadFile(file)
	if err != nil {
		return nil
	}
	for _, m := range src.function.FindAllStringSubmatch(string(text), -1) {
		names = append(names, m[len(m)-1]+strings.Join(m[1:len(m)-1], ""))
	}
	if src.list == nil {
		return names
	}
	for _, m := range src.list.FindAllStringSubmatch(string(text), -1) {
		for _, one := range strings.Split(m[1], ",") {
			if name := listed(one); name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}

// listed is the exported name of one element of a list: `handler`, `handler: own`, or `own as handler`.
func listed(element string) string {
	element, _, _ = strings.Cut(element, ":")
	words := strings.Fields(element)
	switch {
	case len(words) == 1:
		return words[0]
	case len(words) == 3 && words[1] == "as":
		return words[2]
	}
	return ""
}
