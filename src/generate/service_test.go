package generate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/plugin"
	"github.com/vhive-serverless/STeLLAR/src/provider/providertest"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// written runs both stages and gives the text of serverless.yml.
func written(t *testing.T, r *run.Run) []byte {
	t.Helper()
	if err := (Functions{Row: rowOf(t, r)}).Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	for _, fn := range r.Functions {
		if fn.PackageType == "Image" { // what the stage between the two gives it
			fn.Package.Image = "registry.example.org/stellar/" + fn.Package.Name + "@sha256:" + strings.Repeat("ab", 32)
		}
	}
	stage := Service{Row: rowOf(t, r)}
	if err := stage.Check(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if err := stage.Run(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(r.ServiceDir, "serverless.yml"))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func localRun(t *testing.T) *run.Run {
	r := providertest.NewRun(t, "local",
		providertest.Sub("measure", "go", func(s *experiment.SubExperiment) {
			s.Platform = experiment.Platform{KeepAliveSeconds: 0.5, Concurrency: 4, MaxInstances: 10,
				Queueing: "shared"}
			s.Parallelism = 2
		}),
		providertest.Sub("measure", "python3.13", func(s *experiment.SubExperiment) {
			s.FunctionMemoryMB, s.FunctionTimeoutSeconds, s.FunctionImageSizeMB, s.FillerRead = 512, 30, 50, true
			s.Platform.KeepAliveDistribution = experiment.KeepAliveExponential
		}),
	)
	return r
}

func awsRun(t *testing.T) *run.Run {
	r := providertest.NewRun(t, "aws",
		providertest.Sub("hellogo", "go", func(s *experiment.SubExperiment) {
			s.Architecture, s.ProviderReport = "arm64", true
		}),
		providertest.Sub("hellopy", "python3.13", func(s *experiment.SubExperiment) {
			s.SnapStartEnabled, s.FunctionMemoryMB, s.FunctionTimeoutSeconds = true, 1024, 29
		}),
	)
	r.Experiment.Region = "eu-central-1"
	r.Functions[0].TimeoutSeconds = 29
	return r
}

// imagesRun has one function of each package type.
func imagesRun(t *testing.T, provider string) *run.Run {
	image := func(s *experiment.SubExperiment) { s.PackageType, s.FunctionImageSizeMB = "Image", 20 }
	return providertest.NewRun(t, provider, providertest.Sub("measure", "go"), providertest.Sub("measure", "go", image),
		providertest.Sub("measure", "python3.13", image, func(s *experiment.SubExperiment) {
			if s.BaseImage = "python:3.13-slim"; provider == "local" {
				s.Platform.ImageContract, s.ColdPull = "http", true
			}
		}))
}

func TestServerlessYML(t *testing.T) {
	for name, r := range map[string]*run.Run{"local.yml": localRun(t), "aws.yml": awsRun(t),
		"local-images.yml": imagesRun(t, "local"), "aws-images.yml": imagesRun(t, "aws")} {
		providertest.Golden(t, name, written(t, r))
		_, err := os.Stat(filepath.Join(r.ServiceDir, plugin.Name))
		if isLocal := strings.HasPrefix(name, "local"); isLocal != (err == nil) {
			t.Errorf("%s: the plugin: %v", name, err)
		}
	}
}

func TestPluginIsWrittenAsItIs(t *testing.T) {
	r := localRun(t)
	written(t, r)
	got, err := os.ReadFile(filepath.Join(r.ServiceDir, plugin.Name))
	if err != nil || !bytes.Equal(got, plugin.Source) {
		t.Errorf("the plugin beside serverless.yml is another one (%v)", err)
	}
}

// Hashes and times must stay text for readers of other YAML rules too.
func TestValuesAreQuoted(t *testing.T) {
	r := localRun(t)
	r.Functions[0].Env["TRICKY"] = "a: \"b\" # ${c}\n€"
	text := written(t, r)
	for _, want := range []string{`"00000000000000000000000000000000000000000000000000000000000001e5"`,
		`stellar-expires: "2026-11-21T07:02:03Z"`} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
	var back struct {
		Functions map[string]struct{ Environment map[string]string }
	}
	// The Serverless CLI takes the backslash away: without it ${ begins a variable.
	if err := yaml.Unmarshal(text, &back); err != nil || strings.ReplaceAll(
		back.Functions["f0-0"].Environment["TRICKY"], `\${`, "${") != r.Functions[0].Env["TRICKY"] {
		t.Errorf("read back: %v, %q", err, back.Functions["f0-0"].Environment)
	}
}

func TestRefusedServices(t *testing.T) {
	httpImage := providertest.Sub("measure", "python3.13", func(s *experiment.SubExperiment) {
		s.PackageType, s.Platform.ImageContract = "Image", "http"
	})
	for _, c := range []struct {
		name string
		run  *run.Run
		want string
	}{
		{"image on $PORT", providertest.NewRun(t, "aws", httpImage),
			"sub-experiment 0: aws runs images by the Runtime API only"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Service{Row: rowOf(t, c.run)}.Check(t.Context(), c.run)
			if !errors.Is(err, fail.ErrUnsupported) || !strings.Contains(err.Error(), c.want) ||
				fail.Code(err) != fail.CodeInput {
				t.Errorf("Check says %v, want unsupported with %q", err, c.want)
			}
			if again := (Service{Row: rowOf(t, c.run)}).
				Run(t.Context(), c.run); again == nil || again.Error() != err.Error() {
				t.Errorf("Run says %v", again)
			}
			if _, err := os.Stat(c.run.ServiceDir); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("something was written: %v", err)
			}
		})
	}
	r := localRun(t)
	r.Service = "9lives"
	if err := (Service{Row: rowOf(t, r)}).Check(t.Context(), r); err == nil ||
		!strings.Contains(err.Error(), `"9lives"`) {
		t.Errorf("service name: %v", err)
	}
}

func TestNothingIsDeployed(t *testing.T) {
	for _, provider := range []string{"www.example.com", "https://example.com/x?y=1"} {
		r := providertest.NewRun(t, provider, providertest.Sub("rnnserving", "python3.13"))
		var skip fail.Skip
		if err := (Service{Row: rowOf(t, r)}).Check(t.Context(), r); err != nil {
			t.Errorf("%s: %v", provider, err)
		}
		if err := (Service{Row: rowOf(t, r)}).Run(t.Context(), r); !errors.As(err, &skip) {
			t.Errorf("%s: %v, want a skip", provider, err)
		}
	}
}

// osls finds the pinned Serverless CLI, or any on the PATH.
func osls(t *testing.T) string {
	t.Helper()
	pinned, err := filepath.Abs("../../scripts/serverless/node_modules/.bin/osls")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{os.Getenv("OSLS"), pinned, "osls"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("osls is not installed (npm ci in scripts/serverless, or $OSLS): the generated serverless.yml is not " +
		"shown to it")
	return ""
}

// runOSLS runs the CLI in the service's folder, with no account and no network to speak of.
func runOSLS(t *testing.T, r *run.Run, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), osls(t), args...)
	cmd.Dir = r.ServiceDir
	// compiling the CLI's schema takes seconds: scripts/test.sh has a folder for it
	const schemas = "SLS_SCHEMA_CACHE_BASE_DIR"
	cmd.Env = append(os.Environ(), schemas+"="+cmp.Or(os.Getenv(schemas), t.TempDir()), "AWS_ACCESS_KEY_ID=none",
		"AWS_SECRET_ACCESS_KEY=none",
		"AWS_EC2_METADATA_DISABLED=true")
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		t.Fatalf("osls %s: %v\n%s%s", strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	if out := stdout.String() + stderr.String(); strings.Contains(strings.ToLower(out), "warning") ||
		strings.Contains(out, "eprecat") {
		t.Errorf("osls %s is not content:\n%s", strings.Join(args, " "), out)
	}
	return stdout.String()
}

// The framework's own schema accepts both files (print validates), and packaging AWS's gives the template with every
// setting in it, without building anything.
func TestOSLSAcceptsTheFiles(t *testing.T) {
	for name, r := range map[string]*run.Run{"local": localRun(t), "aws": awsRun(t),
		"local images": imagesRun(t, "local"), "aws images": imagesRun(t, "aws")} {
		t.Run(name, func(t *testing.T) {
			written(t, r)
			out := runOSLS(t, r, "print")
			var got struct {
				Functions map[string]struct {
					Environment map[string]string
					MemorySize  int `yaml:"memorySize"`
				}
			}
			if err := yaml.Unmarshal([]byte(out), &got); err != nil {
				t.Fatal(err)
			}
			for _, fn := range r.Functions {
				if f := got.Functions[fn.Name]; f.MemorySize != fn.MemoryMB ||
					f.Environment["STELLAR_TOKEN_SHA256"] != fn.Env["STELLAR_TOKEN_SHA256"] {
					t.Errorf("%s as osls reads it: %+v", fn.Name, f)
				}
			}
		})
	}
}

func TestOSLSPackagesForAWS(t *testing.T) {
	r := awsRun(t)
	written(t, r)
	for _, fn := range r.Functions {
		providertest.Write(t, fn.Package.Path, "PK\x05\x06"+strings.Repeat("\x00", 18)) // an empty ZIP archive
	}
	runOSLS(t, r, "package")
	text, err := os.ReadFile(filepath.Join(r.ServiceDir, ".serverless", "cloudformation-template-update-stack.json"))
	if err != nil {
		t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties json.RawMessage
		}
	}
	if err := json.Unmarshal(text, &template); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, resource := range template.Resources {
		kinds[resource.Type]++
	}
	if kinds["AWS::Lambda::Function"] != 2 || kinds["AWS::ApiGatewayV2::Route"] != 2 ||
		kinds["AWS::Lambda::Version"] != 1 {
		t.Errorf("resources %v: want two functions, two routes, and a version only where SnapStart needs one", kinds)
	}
	for _, want := range []string{`"FunctionName": "` + r.Service + `-f0-0"`, `"Runtime": "provided.al2023"`,
		`"Architectures": [`, `"arm64"`,
		`"MemorySize": 1024`, `"Timeout": 29`, `"RetentionInDays": 1`, `"Key": "stellar-run"`,
		`"RouteKey": "ANY /f1-0"`, `"ApplyOn": "PublishedVersions"`} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the template has no %s", want)
		}
	}
}
