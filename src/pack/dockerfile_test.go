package pack

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

func TestGeneratedDockerfiles(t *testing.T) {
	for _, c := range []struct {
		kind imageKind
		want []string
	}{
		{imageKind{language: "go", contract: runtimeAPI},
			[]string{"FROM scratch\n", `ENTRYPOINT ["/var/task/bootstrap"]`}},
		{imageKind{language: "rust", contract: overHTTP, base: "debian:12"},
			[]string{"FROM debian:12\n", `ENTRYPOINT ["/var/task/bootstrap"]`}},
		{imageKind{language: "python", runtime: "python3.13", contract: runtimeAPI, handler: "main.lambda_handler"},
			[]string{"FROM public.ecr.aws/lambda/python:3.13\n", `CMD ["main.lambda_handler"]`}},
		{imageKind{language: "nodejs", runtime: "nodejs22.x", contract: overHTTP},
			[]string{"FROM node:22-slim\n", `ENTRYPOINT ["node","main.js"]`}},
		{imageKind{language: "ruby", runtime: "ruby3.4", contract: runtimeAPI, base: "b", handler: "main.handler"},
			[]string{"FROM b\n", "COPY loop/ /opt/stellar/",
				`ENTRYPOINT ["ruby","/opt/stellar/bootstrap.rb","main.handler"]`}},
		{imageKind{language: "java", runtime: "java21", contract: runtimeAPI, base: "b", handler: "a.B::c"},
			[]string{`"-cp","/var/task:/var/task/lib/*:/opt/stellar","stellar.bootstrap.Bootstrap","a.B::c"]`}},
	} {
		text, err := c.kind.dockerfile(false, false)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range c.want {
			if !strings.Contains(text, w) {
				t.Errorf("%+v: no %q in\n%s", c.kind, w, text)
			}
		}
		if strings.Contains(text, "loop/") != c.kind.ownLoop() {
			t.Errorf("%+v: the loop:\n%s", c.kind, text)
		}
	}
}

func TestNoEngine(t *testing.T) {
	r := newRun(t, imagePackage(t, "a", 0, "back"))
	r.Experiment = &experiment.Experiment{Provider: "local", SubExperiments: make([]experiment.SubExperiment, 1)}
	r.Functions[0].PackageType, r.Functions[0].Language = typeImage, "go"
	stage := Stage{Local: true, Getenv: func(name string) string {
		return map[string]string{"DOCKER_HOST": "unix:///no/such/docker.sock"}[name]
	}}
	err := stage.Check(t.Context(), r)
	if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(),
		"no Docker Engine answers at unix:///no/such/docker.sock") || !strings.Contains(fail.Hint(err),
		"start the Docker Engine") {
		t.Errorf("exit code %d: %v, hint %q", fail.Code(err), err, fail.Hint(err))
	}
}

func TestCheck(t *testing.T) {
	python := run.Function{Name: "f", PackageType: typeImage, Language: "python", Runtime: "python3.13",
		Handler:  "main.lambda_handler",
		Platform: experiment.Platform{ImageContract: runtimeAPI}, Generated: true}
	with := func(change func(*run.Function, *experiment.Experiment)) (*run.Run, error) {
		fn := python
		e := &experiment.Experiment{Provider: "local",
			SubExperiments: []experiment.SubExperiment{{BaseImage: testBase}}}
		change(&fn, e)
		r := newRun(t)
		r.Experiment, r.Functions = e, []*run.Function{&fn}
		env := map[string]string{"DOCKER_HOST": os.Getenv("DOCKER_HOST"), "HOME": t.TempDir()}
		return r, Stage{Local: e.Provider == "local",
			Getenv: func(name string) string { return env[name] }}.Check(t.Context(), r)
	}
	for _, c := range []struct {
		name       string
		change     func(*run.Function, *experiment.Experiment)
		want, hint string // want empty: nothing is wrong
	}{
		{"a base that is there", func(*run.Function, *experiment.Experiment) {}, "", ""},
		{"a ZIP file", func(f *run.Function, e *experiment.Experiment) {
			f.PackageType, e.SubExperiments[0].BaseImage = "Zip", "127.0.0.1:1/none:1"
		}, "", ""},
		{"a base that nobody has", func(_ *run.Function, e *experiment.Experiment) {
			e.SubExperiments[0].BaseImage = "127.0.0.1:1/none:1"
		}, "cannot pull the base image 127.0.0.1:1/none:1", "scripts/base-image.sh"},
		{"own Dockerfile, filler in front", func(f *run.Function, e *experiment.Experiment) {
			f.Language, f.Generated = run.LanguageDocker, false
			e.SubExperiments[0].FunctionImageSizeMB, e.SubExperiments[0].FillerPlacement = 50, "front"
		}, "filler can only be the last layer", `"FillerPlacement": "back"`},
		{"own handler as a server", func(f *run.Function, _ *experiment.Experiment) {
			f.Generated, f.Platform.ImageContract = false, overHTTP
		}, "does not serve HTTP", "Dockerfile"},
		{"own Go program as a server", func(f *run.Function, _ *experiment.Experiment) {
			f.Language, f.Generated, f.Platform.ImageContract = "go", false, overHTTP
		}, "", ""},
		{"no such language", func(f *run.Function, _ *experiment.Experiment) { f.Language = "cobol" },
			"images of cobol functions", ""},
		{"a cloud and no registry", func(_ *run.Function, e *experiment.Experiment) { e.Provider = "aws" },
			"images for aws must be pushed to a registry", `"Registry"`},
		{"ColdPull and no registry", func(f *run.Function, _ *experiment.Experiment) { f.ColdPull = true },
			"ColdPull needs a registry", `"Registry"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := with(c.change)
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), c.want) ||
				!strings.Contains(fail.Hint(err), c.hint) {
				t.Errorf("exit code %d: %v, hint %q", fail.Code(err), err, fail.Hint(err))
			}
		})
	}
}

func TestBasesOf(t *testing.T) {
	for _, c := range []struct {
		text string
		want []string
	}{
		{"FROM scratch\nCOPY . /\n", nil},
		{"from a:1\n", []string{"a:1"}},
		{"# FROM x\nARG V=3\nFROM --platform=linux/amd64 h:5000/a:$V AS Build\nFROM build\nCOPY --from=build /x " +
			"/\nCOPY --from=0 /y /\nCOPY --chown=1 --from=tools:2 /z /\n",
			[]string{"h:5000/a:3", "tools:2"}},
		{"ARG V\nFROM a:${V}\nFROM b@sha256:00\nFROM a:${W}\n", []string{"b@sha256:00"}},
		{"FROM a:1\nFROM a:1\n", []string{"a:1"}},
	} {
		name := filepath.Join(t.TempDir(), "Dockerfile")
		if err := os.WriteFile(name, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := basesOf(name); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, %v; want %q", c.text, got, err, c.want)
		}
	}
}
