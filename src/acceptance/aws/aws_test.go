package aws_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/cloud"
	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

const awsExperiment = `{"Provider": "aws", "Sequential": true, "SubExperiments": [
	{"Title": "python", "Runtime": "python3.13", "Bursts": 3, "BurstSizes": [2], "IATSeconds": 0.1,
		"FunctionMemoryMB": 512, "FunctionTimeoutSeconds": 20},
	{"Title": "go", "Runtime": "go", "Bursts": 2, "BurstSizes": [1], "IATSeconds": 0.1,
		"FunctionMemoryMB": 1024, "FunctionTimeoutSeconds": 25, "FunctionImageSizeMB": 55},
	{"Title": "snapstart", "Runtime": "python3.12", "Bursts": 2, "BurstSizes": [1], "IATSeconds": 0.1,
		"Architecture": "arm64", "SnapStartEnabled": true, "FunctionTimeoutSeconds": 10}]}`

// emulator is that of all tests of this package.
var emulator cloud.Emulator

func TestMain(m *testing.M) {
	code := lab.Main(m)
	if err := emulator.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// stellar runs the tool against the emulator and gives all that it printed.
func stellar(l *lab.Lab, code int, args ...string) string {
	l.Helper()
	out, errs := l.Stellar(code, args...)
	return out + errs
}

// empty demands that nothing is left of any run.
func empty(t *testing.T, e *cloud.AWS) {
	t.Helper()
	if left := e.Left(); len(left) > 0 {
		t.Errorf("left in the emulator: %s", strings.Join(left, ", "))
	}
}

// The whole way with the real Serverless CLI: what stands is what the file asks for, it answers, and nothing is left.
func TestAWSDeployProbeRemove(t *testing.T) {
	e := emulator.Called(t)
	asked := e.Record()
	l := lab.In(t, e, awsExperiment)
	if before := e.List("before"); len(before) > 0 {
		t.Fatalf("the emulator is not empty: %q", before)
	}
	plan := stellar(l, 0, "plan", "-c", "exp.json")
	if !strings.Contains(plan, "serverless && osls deploy\n") ||
		!strings.Contains(plan, "serverless && osls remove\n") ||
		strings.Contains(plan, "would stop") {
		t.Errorf("plan says\n%s", plan)
	}
	stellar(l, 0, "deploy", "-c", "exp.json", "-o", "out")
	during := e.List("during")
	dir, _ := l.Journal()
	rec, err := run.ReadRecord(dir)
	if err != nil {
		t.Fatal(err)
	}
	unit := run.ServiceName(rec.ID)
	for i, want := range []string{
		"-f0-0: python3.13, main.lambda_handler, x86_64, 512 MB, 20 s",
		"-f1-0: provided.al2023, bootstrap, x86_64, 1024 MB, 25 s",
		"-f2-0: python3.12, main.lambda_handler, arm64, 128 MB, 10 s"} {
		if len(during) != 3 || during[i] != unit+want {
			t.Fatalf("the emulator has %q, want %s%s", during, unit, want)
		}
	}
	checkStack(t, e, unit, rec.ID)
	checkSnapStart(t, e, unit)

	stellar(l, 0, "probe", "-o", "probed", dir)
	l.AnsweredBy("probed", map[string]int{"python": 6, "go": 2, "snapstart": 2})
	checkReuse(t, e, l)
	checkForced(t, e, l, rec)
	checkUpdate(t, e, l, rec)

	stellar(l, 0, "remove", dir)
	e.List("after")
	empty(t, e)
	stellar(l, 0, "remove", dir) // twice is no error
	checkAllowed(t, asked)
}

// checkReuse lets a second run take the standing functions over: nothing is deployed, and they stay.
func checkReuse(t *testing.T, e *cloud.AWS, l *lab.Lab) {
	t.Helper()
	before := e.Functions()
	text := strings.ReplaceAll(awsExperiment, `"Title"`, `"Reuse": true, "Title"`)
	l.Write("again.json", text)
	said := stellar(l, 0, "-c", "again.json", "-o", "reused")
	if n := strings.Count(said, "is reused from run"); n != 3 {
		t.Errorf("%d functions were reused\n%s", n, said)
	}
	l.AnsweredBy("reused", map[string]int{"python": 6, "go": 2, "snapstart": 2})
	if after := e.Functions(); strings.Join(after, "\n") != strings.Join(before, "\n") {
		t.Errorf("functions were %q, are %q", before, after)
	}
}

// One word of the file says where it runs.
func TestProviderSwitchedFromLocalToAWS(t *testing.T) {
	e := emulator.Called(t)
	file := `{"Provider": "local", "SubExperiments": [
		{"Title": "switched", "Runtime": "go", "Bursts": 3, "BurstSizes": [1, 2], "IATSeconds": 0.1},
		{"Title": "spinning", "Runtime": "python3.13", "Bursts": 2, "BurstSizes": [1], "IATSeconds": 0.1,
			"DesiredServiceTimes": ["20ms"]}]}`
	l := lab.In(t, e, file)
	stellar(l, 0, "-c", "exp.json", "-o", "local")
	l.Write("exp.json", strings.Replace(file, `"local"`, `"aws"`, 1))
	stellar(l, 0, "-c", "exp.json", "-o", "aws")
	empty(t, e)
	for _, out := range []string{"local", "aws"} {
		l.AnsweredBy(out, map[string]int{"switched": 4, "spinning": 2})
		fmt.Printf(
			"| the same file with Provider %s: exit code 0, %s\n",
			out,
			resultLine(t, filepath.Join(l.Dir, out)),
		)
	}
}

// resultLine says how many rows a run has.
func resultLine(t *testing.T, out string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(out, "2*", "*", "latencies.csv"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range files {
		rows, _, err := sample.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		n += len(rows)
	}
	return fmt.Sprintf("%d rows of %d sub-experiments", n, len(files))
}

// More functions than one stack holds: several services, all of them gone in the end.
func TestAWSSeveralServices(t *testing.T) {
	e := emulator.Called(t)
	l := lab.In(t, e, `{"Provider": "aws", "SubExperiments": [
		{"Title": "many", "Runtime": "go", "Parallelism": 71, "Bursts": 71, "BurstSizes": [1],
			"IATSeconds": 0.01, "FunctionTimeoutSeconds": 20}]}`)
	stellar(l, 0, "-c", "exp.json", "-o", "out")
	l.AnsweredBy("out", map[string]int{"many": 71})
	yml, err := filepath.Glob(filepath.Join(l.Dir, "out", "2*", "serverless", "service-*", "serverless.yml"))
	if err != nil || len(yml) != 2 {
		t.Fatalf("services %v, %v", yml, err)
	}
	text, err := os.ReadFile(yml[1])
	if err != nil || !strings.Contains(string(text), "region: "+cloud.AWSRegion) {
		t.Errorf("the region is not in serverless.yml (%v):\n%.300s", err, text)
	}
	empty(t, e)
}

// An image function is deployed by the digest that the registry has. The emulator has no Docker to run it in, and takes
// other registries than ECR, which Lambda does not: that it answers was not tried here.
func TestAWSImage(t *testing.T) {
	t.Parallel()
	e := emulator.Account(t)
	at, stop, err := lab.Registry()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	l := lab.In(t, e, `{"Provider": "aws", "Registry": "`+at+`/stellar", "SubExperiments": [
		{"Title": "image", "Runtime": "go", "PackageType": "Image", "Bursts": 1, "FunctionMemoryMB": 256,
			"FunctionTimeoutSeconds": 20}]}`)
	stellar(l, 0, "deploy", "-c", "exp.json", "-o", "out")
	dir, _ := l.Journal()
	rec, err := run.ReadRecord(dir)
	if err != nil {
		t.Fatal(err)
	}
	is, err := e.Lambda.GetFunction(
		t.Context(),
		&lambda.GetFunctionInput{FunctionName: aws.String(rec.Service + "-f0-0")},
	)
	if err != nil {
		t.Fatal(err)
	}
	digest := regexp.MustCompile(`^` + regexp.QuoteMeta(at) + `/stellar[^@]*@sha256:[0-9a-f]{64}$`)
	if image := aws.ToString(is.Code.ImageUri); is.Configuration.PackageType != "Image" ||
		aws.ToInt32(is.Configuration.MemorySize) != 256 ||
		!digest.MatchString(image) {
		t.Errorf("%s of %s, %d MB", is.Configuration.PackageType, image, aws.ToInt32(is.Configuration.MemorySize))
	}
	stellar(l, 0, "remove", dir)
	empty(t, e)
}

// kill -9 while the Serverless CLI is at work, then clean: by the journal, and by the tags alone where the run's
// folder was deleted.
func TestAWSKilledInMidDeploy(t *testing.T) {
	for _, c := range []struct {
		when string
		is   func(e *cloud.AWS) bool
		lost bool
	}{
		{"its stack is begun", func(e *cloud.AWS) bool { return len(e.Left()) > 0 }, false},
		{"its functions are there", func(e *cloud.AWS) bool { return len(e.Functions()) > 0 }, true},
	} {
		t.Run(c.when, func(t *testing.T) {
			t.Parallel()
			e := emulator.Account(t)
			l := lab.In(t, e, awsExperiment)
			cmd := l.Command("-c", "exp.json", "-o", "out")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			l.Until("a deployment", func() bool { return c.is(e) })
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			left := e.Left()
			fmt.Printf(
				"| killed when %s, its folder deleted: %t: %d things in the emulator\n",
				c.when,
				c.lost,
				len(left),
			)
			if len(left) == 0 {
				t.Fatal("nothing is left to be cleaned")
			}
			if dir, _ := l.Journal(); c.lost {
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
			}
			if said := stellar(l, 0, "clean"); !strings.Contains(said, "cleaned") {
				t.Errorf("clean says %s", said)
			}
			empty(t, e)
			fmt.Printf("| after `stellar clean`: %d things in the emulator\n", len(e.Left()))
		})
	}
}

// Credentials of another account than the one that is asked for, or that the run deployed with, change nothing
// anywhere.
func TestAWSOtherAccount(t *testing.T) {
	t.Parallel()
	e, other := emulator.Account(t), emulator.Account(t)
	l := lab.In(
		t,
		e,
		`{"Provider": "aws", "Region": "ap-southeast-2", "SubExperiments": [{"Title": "one",
			"Runtime": "python3.13", "Bursts": 1, "FunctionTimeoutSeconds": 20}]}`,
	)
	said := stellar(l, 2, "-c", "exp.json", "-o", "out", "--aws-account", "111122223333")
	if !strings.Contains(said, "of account "+e.ID+", --aws-account says 111122223333") {
		t.Errorf("it says %s", said)
	}
	empty(t, e)
	stellar(l, 0, "deploy", "-c", "exp.json", "-o", "out", "--aws-account", e.ID)
	dir, _ := l.Journal()
	if text, err := os.ReadFile(filepath.Join(dir, "serverless", "serverless.yml")); err != nil ||
		!strings.Contains(string(text), "region: ap-southeast-2") {
		t.Errorf("serverless.yml: %v\n%.300s", err, text)
	}
	if said := stellar(l.As(other), 4, "remove", dir); !strings.Contains(said, "is in account "+e.ID) {
		t.Errorf("it says %s", said)
	}
	stellar(l, 0, "remove", dir)
	empty(t, e)
}
