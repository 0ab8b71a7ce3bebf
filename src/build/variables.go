package build

import (
	"os"
	"slices"
	"strings"
)

// variables lists the variables of the user's environment that have one of the names; a name that ends in _ matches
// every variable that begins with it. They are part of a build's key.
func variables(names ...string) []string {
	var all []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if slices.ContainsFunc(names, func(n string) bool {
			return n == name || strings.HasSuffix(n, "_") &&
				strings.HasPrefix(name, n)
		}) {
			all = append(all, v)
		}
	}
	slices.Sort(all)
	return all
}

// globQuoted writes a path so that filepath.Glob takes it literally.
func globQuoted(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}
