package pack

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/vhive-serverless/STeLLAR/raw-code/bootstraps"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Paths in an image.
const (
	taskRoot = "/var/task"    // code and filler, as on Lambda
	loopRoot = "/opt/stellar" // our loop for a managed runtime
)

// Contracts of images.
const (
	runtimeAPI = "runtime-api"
	overHTTP   = "http"
)

// imageKind is everything that decides a generated Dockerfile.
type imageKind struct {
	language  string
	runtime   string // python3.13, java21, …
	contract  string
	base      string // the user's own; empty: the language's
	handler   string
	generated bool // the measurement function
}

// languageImage is how images of one language are made. To add a language, add a row to languageImages.
type languageImage struct {
	// AWS's image for the Runtime API contract, whose own loop is used; nil: scratch
	lambdaBase func(version string) string
	httpBase   func(version string) string // image with the interpreter; nil: scratch
	loop       func(handler string) []string
	server     []string // runs the measurement function as an HTTP server
}

func languageImages() map[string]languageImage {
	at := func(format string) func(string) string {
		return func(version string) string { return fmt.Sprintf(format, version) }
	}
	java := func(class string, args ...string) []string {
		path := strings.Join([]string{taskRoot, taskRoot + "/lib/*", loopRoot}, ":")
		return append(append(append([]string{"java"}, bootstraps.JavaFlags()...), "-cp", path, class), args...)
	}
	program := languageImage{server: []string{taskRoot + "/bootstrap"}, loop: func(string) []string {
		return []string{taskRoot + "/bootstrap"}
	}}
	return map[string]languageImage{
		"go":   program,
		"rust": program,
		"python": {at("public.ecr.aws/lambda/python:%s"), at("python:%s-slim"),
			func(h string) []string { return []string{"python3", "-u", loopRoot + "/bootstrap.py", h} },
			[]string{"python3", "-u", "main.py"}},
		"nodejs": {at("public.ecr.aws/lambda/nodejs:%s"), at("node:%s-slim"),
			func(h string) []string { return []string{"node", loopRoot + "/bootstrap.js", h} },
			[]string{"node", "main.js"}},
		"ruby": {at("public.ecr.aws/lambda/ruby:%s"), at("ruby:%s-slim"),
			func(h string) []string { return []string{"ruby", loopRoot + "/bootstrap.rb", h} },
			[]string{"ruby", "main.rb"}},
		"java": {at("public.ecr.aws/lambda/java:%s"), at("eclipse-temurin:%s-jre"),
			func(h string) []string { return java(bootstraps.JavaClass, h) }, java("stellar.Server")},
	}
}

var versionNumber = regexp.MustCompile(`\d+(\.\d+)?`)

// baseOf is the image that a generated Dockerfile starts from; scratch means none.
func (k imageKind) baseOf() (string, error) {
	row, ok := languageImages()[k.language]
	if !ok {
		return "", fail.Unsupported("images of %s functions", k.language)
	}
	if k.base != "" {
		return k.base, nil
	}
	of := row.lambdaBase
	if k.contract == overHTTP {
		of = row.httpBase
	}
	if of == nil {
		return noBaseImage, nil
	}
	return of(versionNumber.FindString(strings.TrimSuffix(k.runtime, ".x"))), nil
}

// ownLoop reports whether the image needs our loop: a user's base may lack AWS's.
func (k imageKind) ownLoop() bool {
	row := languageImages()[k.language]
	return k.contract == runtimeAPI && row.lambdaBase != nil && k.base != ""
}

// check reports what cannot be made from a function.
func (k imageKind) check() error {
	if _, err := k.baseOf(); err != nil {
		return err
	}
	if k.contract == overHTTP && !k.generated && languageImages()[k.language].lambdaBase != nil {
		return fail.Unsupported("a %s function of your own as a server on $PORT: its handler %s does not serve HTTP",
			k.language, k.handler).
			WithHint("give its folder a Dockerfile whose program listens on $PORT")
	}
	return nil
}

// dockerfile is the text of a generated Dockerfile. The parts of the filler are layers of their own: the front parts
// before the code, the others last.
func (k imageKind) dockerfile(front, back bool) (string, error) {
	base, err := k.baseOf()
	if err != nil {
		return "", err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "FROM %s\nENV LAMBDA_TASK_ROOT=%s\n", base, taskRoot)
	if front {
		fmt.Fprintf(&b, "COPY front/ %s/\n", taskRoot)
	}
	if k.ownLoop() {
		fmt.Fprintf(&b, "COPY loop/ %s/\n", loopRoot)
	}
	fmt.Fprintf(&b, "COPY code/ %s/\n", taskRoot)
	if back {
		fmt.Fprintf(&b, "COPY back/ %s/\n", taskRoot)
	}
	fmt.Fprintf(&b, "WORKDIR %s\n", taskRoot)
	entry, arguments := k.command()
	if entry != nil {
		fmt.Fprintf(&b, "ENTRYPOINT %s\n", words(entry))
	}
	fmt.Fprintf(&b, "CMD %s\n", words(arguments))
	return b.String(), nil
}

// command is the program that a container of the image starts, and its arguments. Without a program, it is the base's.
func (k imageKind) command() (entry, arguments []string) {
	row := languageImages()[k.language]
	switch {
	case k.contract == overHTTP:
		return row.server, []string{}
	case k.ownLoop() || row.lambdaBase == nil:
		return row.loop(k.handler), []string{}
	}
	return nil, []string{k.handler} // AWS's base has an entry point that takes the handler
}

// words writes an instruction's exec form.
func words(all []string) string {
	text, err := json.Marshal(all)
	if err != nil {
		return "[]"
	}
	return string(text)
}
