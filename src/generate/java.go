package generate

import (
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// javaHandler is package.Class::method, or package.Class for its method handleRequest.
var javaHandler = regexp.MustCompile(`^([A-Za-z_$][\w$]*\.)*[A-Za-z_$][\w$]*(::[A-Za-z_$][\w$]*)?$`)

func java() language { return language{handler: "stellar.Measure::handle", own: javaEntry} }

// javaEntry checks the handler's form, and that there is something to compile. The compiler finds which classes exist.
func javaEntry(dir, handler string) (string, error) {
	if handler == java().handler {
		return "", fail.Input("a Java function of your own has to name its entry point").
			WithHint(`"Handler": "<package>.<Class>::<method>"`)
	}
	if !javaHandler.MatchString(handler) {
		return "", fail.Input("handler %q is not package.Class::method", handler)
	}
	found := false
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || found {
			return err
		}
		base := d.Name()
		found = !d.IsDir() && (strings.HasSuffix(base, ".java") || base == "pom.xml" ||
			strings.HasPrefix(base, "build.gradle"))
		return nil
	})
	if err != nil {
		return "", fail.Input("%w", err)
	}
	if !found {
		return "", &provider.KeyError{Key: "Function",
			Err: fail.Input("%s holds no .java files, no pom.xml and no build.gradle", dir)}
	}
	return handler, nil
}
