package generate

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// TestMistakesNameTheKey holds that what is wrong with a function is told with the key to blame and what was probably
// meant.
func TestMistakesNameTheKey(t *testing.T) {
	base := t.TempDir()
	for name, text := range map[string]string{
		"thumbs/main.py":            "def lambda_handler(event, context):\n    pass\n",
		"thumbs/app.py":             "def helper(a):\n    pass\n\ndef serve(event, context):\n    pass\n",
		"functions/resize/index.js": "exports.resize = async () => {}\n", "raw-code/mine/main.py": "",
		"functions/Main.java": "", "go/main.go": "package main\n",
		"stars/main.py": "from lib import *\n\ndef other(a, b):\n    pass\n", "main.py": "",
	} {
		file := filepath.Join(base, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ language, function, handler, key, want string }{
		{"python", "./thumbs", "", "", ""},
		{"python", "./thumbs", "main.py", "Handler",
			`handler "main.py" is the name of a file; want module.function; did you mean "main.lambda_handler"?`},
		{"python", "./thumbs", "app.py", "Handler", `did you mean "app.serve"?`},
		{"python", "./thumbs", "app.servee", "Handler", `app.py has no function servee; did you mean "serve"?`},
		{"python", "./stars", "main.anything", "", ""},
		{"python", "measure", "main.py", "Handler", `did you mean "main.lambda_handler"?`},
		{"python", "measure", "main.lambda_handler", "", ""},
		{"nodejs", "./functions/resize", "index.js", "Handler", `want file.function; did you mean "index.resize"?`},
		{"java", "./functions", "Main.java", "Handler",
			`want package.Class::method; did you mean "Main::handleRequest"?`},
		{"go", "./go", "main.go", "Handler", `want bootstrap; did you mean "bootstrap"?`},
		{"python", "./tumbs", "", "Function", `there is no such function; looked for ` + filepath.Join(base, "tumbs") +
			`; did you mean "./thumbs"?`},
		{"python", "functoins/resize", "", "Function", `; did you mean "functions/resize"?`},
		{"python", "min", "", "Function", `; did you mean "mine"?`},
		{"python", "mesure", "", "Function", `; did you mean "measure"?`},
		{"python", "thumbs/main.py", "", "Function", `is a file, but a function is a folder; did you mean "thumbs"?`},
		{"python", "./nothing-like-it", "", "Function", "there is no such function; looked for"},
		{"python", "hellogo", "", "Function", "is the measurement function in go"},
		{"java", "./go", "a.B::c", "Function", "holds no .java files"},
	} {
		e := &experiment.Experiment{Provider: "aws",
			SubExperiments: []experiment.SubExperiment{{Function: c.function, Handler: c.handler}}}
		r := &run.Run{BaseDir: base, Experiment: e,
			Functions: []*run.Function{{Name: "f0-0", Language: c.language, Runtime: c.language, PackageType: "Zip"}}}
		got := ""
		for _, m := range Mistakes(r, rowOf(t, r)) {
			got += fmt.Sprintf("%s: %v", m.Key, m.Err)
			if fail.Code(m.Err) != fail.CodeInput || m.Known {
				t.Errorf("%v: exit code %d", m.Err, fail.Code(m.Err))
			}
		}
		if c.key == "" && got != "" || !strings.HasPrefix(got, c.key) || !strings.Contains(got, c.want) {
			t.Errorf("%s %s %s: %q, want %s: %q", c.language, c.function, c.handler, got, c.key, c.want)
		}
	}
}

// TestHandlersOfImagesAndWorkersMayBeFiles: published files name a Dockerfile, and a Worker's handler is its main
// module.
func TestHandlersOfImagesAndWorkersMayBeFiles(t *testing.T) {
	for _, fn := range []*run.Function{{Language: "python", PackageType: "Image"},
		{Language: run.LanguageWorkers, PackageType: "Zip"}} {
		if err := handlerIsFile("", fn, "dist/main.js"); err != nil {
			t.Error(err)
		}
	}
	if err := handlerIsFile("", &run.Function{Language: "python", PackageType: "Image"}, "main.py"); err != nil {
		t.Error(err)
	}
}
