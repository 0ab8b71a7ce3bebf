package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"stellar/src/provider"
	"stellar/src/run"
	"stellar/src/sample"
	"stellar/src/shell"
)

const awsExperiment = `{"Provider": "aws", "Sequential": true, "SubExperiments": [
	{"Title": "python", "Runtime": "python3.13", "Bursts": 3, "BurstSizes": [2], "IATSeconds": 0.1, "FunctionMemoryMB": 512, "FunctionTimeoutSeconds": 20},
	{"Title": "go", "Runtime": "go", "Bursts": 2, "BurstSizes": [1], "IATSeconds": 0.1, "FunctionMemoryMB": 1024, "FunctionTimeoutSeconds": 25, "FunctionImageSizeMB": 55},
	{"Title": "snapstart", "Runtime": "python3.12", "Bursts": 2, "BurstSizes": [1], "IATSeconds": 0.1, "Architecture": "arm64", "SnapStartEnabled": true, "FunctionTimeoutSeconds": 10}]}`

// The whole way with the real Serverless CLI: what stands is what the file asks for, it answers, and nothing is left.
func TestAWSDeployProbeRemove(t *testing.T) {
	e := newEmulator(t)
	asked := e.record()
	l := newLab(t, buildBinary(t), awsExperiment)
	if before := e.list("before"); len(before) > 0 {
		t.Fatalf("the emulator is not empty: %q", before)
	}
	plan := e.stellar(l, 0, "plan", "-c", "exp.json")
	if !strings.Contains(plan, "serverless && osls deploy\n") || !strings.Contains(plan, "serverless && osls remove\n") || strings.Contains(plan, "would stop") {
		t.Errorf("plan says\n%s", plan)
	}
	e.stellar(l, 0, "deploy", "-c", "exp.json", "-o", "out")
	during := e.list("during")
	dir, _ := l.journal()
	rec, err := run.ReadRecord(dir)
	if err != nil {
		t.Fatal(err)
	}
	unit := run.ServiceName(rec.ID)
	for i, want := range []string{"-f0-0: python3.13, main.lambda_handler, x86_64, 512 MB, 20 s", "-f1-0: provided.al2023, bootstrap, x86_64, 1024 MB, 25 s",
		"-f2-0: python3.12, main.lambda_handler, arm64, 128 MB, 10 s"} {
		if len(during) != 3 || during[i] != unit+want {
			t.Fatalf("the emulator has %q, want %s%s", during, unit, want)
		}
	}
	checkStack(t, e, unit, rec.ID)
	checkSnapStart(t, e, unit)

	e.stellar(l, 0, "probe", "-o", "probed", dir)
	checkRows(t, filepath.Join(l.dir, "probed"), map[string]int{"python": 6, "go": 2, "snapstart": 2})
	checkReuse(t, e, l)
	checkUpdate(t, e, l, rec)

	e.stellar(l, 0, "remove", dir)
	e.list("after")
	e.empty(t.Context())
	e.stellar(l, 0, "remove", dir) // twice is no error
	asked.check(t)
}

// checkStack asks the emulator for the stack, its tags and its log groups.
func checkStack(t *testing.T, e *emulator, unit, id string) {
	t.Helper()
	out, err := e.stacks.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: &unit})
	if err != nil {
		t.Fatal(err)
	}
	tags := map[string]string{}
	for _, tag := range out.Stacks[0].Tags {
		tags[aws.ToString(tag.Key)] = aws.ToString(tag.Value)
	}
	if _, err := time.Parse(time.RFC3339, tags["stellar-expires"]); err != nil || tags["stellar-run"] != id {
		t.Errorf("the stack's tags are %v", tags)
	}
	for _, f := range []string{"f0-0", "f1-0", "f2-0"} {
		is, err := e.lambda.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String(unit + "-" + f)})
		if err != nil {
			t.Fatal(err)
		}
		if is.Tags["stellar-run"] != id || is.Tags["stellar-expires"] == "" {
			t.Errorf("%s has the tags %v", f, is.Tags)
		}
		if role := aws.ToString(is.Configuration.Role); !strings.Contains(role, ":role/"+unit+"-StellarFunctionRo") {
			t.Errorf("%s has the role %s", f, role)
		}
	}
	groups, err := e.logs.DescribeLogGroups(t.Context(), &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/aws/lambda/" + unit)})
	if err != nil || len(groups.LogGroups) != 3 || aws.ToInt32(groups.LogGroups[0].RetentionInDays) != 1 {
		t.Errorf("log groups %+v, %v", groups, err)
	}
}

// checkSnapStart asks for the published version with SnapStart that the route leads to.
func checkSnapStart(t *testing.T, e *emulator, unit string) {
	t.Helper()
	name := aws.String(unit + "-f2-0")
	alias, err := e.lambda.GetAlias(t.Context(), &lambda.GetAliasInput{FunctionName: name, Name: aws.String("snapstart")})
	if err != nil {
		t.Fatal(err)
	}
	version, err := e.lambda.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: name, Qualifier: alias.FunctionVersion})
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(version.Version) == "$LATEST" || version.SnapStart == nil || version.SnapStart.ApplyOn != "PublishedVersions" {
		t.Errorf("the alias leads to version %s with %+v", aws.ToString(version.Version), version.SnapStart)
	}
}

// checkRows demands so many rows without errors of each sub-experiment of the one run in a folder.
func checkRows(t *testing.T, out string, want map[string]int) {
	t.Helper()
	for title, n := range want {
		files, err := filepath.Glob(filepath.Join(out, "*", "?-"+title+"-*", "latencies.csv"))
		if err != nil || len(files) != 1 {
			t.Fatalf("%s: %v, %v", title, files, err)
		}
		rows, torn, err := sample.ReadFile(files[0])
		if err != nil || torn != 0 || len(rows) != n {
			t.Fatalf("%s has %d rows (torn line %d, %v), want %d", files[0], len(rows), torn, err, n)
		}
		for _, r := range rows {
			if r.Status != 200 || r.InstanceID == "" {
				t.Errorf("%s: %+v", title, r)
			}
		}
	}
}

// checkReuse lets a second run take the standing functions over: nothing is deployed, and they stay.
func checkReuse(t *testing.T, e *emulator, l *lab) {
	t.Helper()
	before := e.functions()
	text := strings.ReplaceAll(awsExperiment, `"Title"`, `"Reuse": true, "Title"`)
	if err := os.WriteFile(filepath.Join(l.dir, "again.json"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	said := e.stellar(l, 0, "-c", "again.json", "-o", "reused")
	if n := strings.Count(said, "is taken over from run"); n != 3 {
		t.Errorf("%d functions were taken over\n%s", n, said)
	}
	checkRows(t, filepath.Join(l.dir, "reused"), map[string]int{"python": 6, "go": 2, "snapstart": 2})
	if after := e.functions(); strings.Join(after, "\n") != strings.Join(before, "\n") {
		t.Errorf("functions were %q, are %q", before, after)
	}
}

// checkUpdate gives standing functions new memory and new code through the connection, as studies do.
func checkUpdate(t *testing.T, e *emulator, l *lab, rec *run.Record) {
	t.Helper()
	for _, v := range e.environment() {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	row, err := provider.Find("aws")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := row.Open(provider.Options{Service: rec.Service, Getenv: os.Getenv, Runner: shell.Run, Log: quiet{}, Patience: provider.Patience{Wait: 50 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	standing, err := conn.ListAPIs(t.Context())
	if err != nil || len(standing) != 3 {
		t.Fatalf("standing are %+v, %v", standing, err)
	}
	large := rec.Functions[1] // 55 MB: its code goes through the service's bucket
	path, size := zipOf(t, l.dir, 51_000_000)
	for i, at := range standing {
		was := rec.Functions[i]
		if at.Function != was.Name || at.URL != was.Endpoint.URL || at.MemoryMB != was.MemoryMB || at.PackageType != "Zip" {
			t.Errorf("standing is %+v, deployed was %+v", at, was.Endpoint)
		}
		fn := &provider.Function{Name: was.Name, PackageType: "Zip", MemoryMB: was.MemoryMB + 64}
		if was.Name == large.Name {
			fn.Package = &run.Package{Name: "new", Path: path, SHA256: strings.Repeat("00", 32), Bytes: size}
		}
		alias := versionOf(t, e, at.Detail["name"])
		if err := conn.UpdateFunction(t.Context(), at, fn); err != nil {
			t.Fatal(err)
		}
		is, err := e.lambda.GetFunctionConfiguration(t.Context(), &lambda.GetFunctionConfigurationInput{FunctionName: aws.String(at.Detail["name"])})
		if err != nil {
			t.Fatal(err)
		}
		if int(aws.ToInt32(is.MemorySize)) != fn.MemoryMB || is.Environment.Variables["STELLAR_COLD_START"] == "" || is.Environment.Variables["STELLAR_TOKEN_SHA256"] == "" {
			t.Errorf("%s after its update has %d MB and %v", at.Function, aws.ToInt32(is.MemorySize), is.Environment.Variables)
		}
		if fn.Package != nil && is.CodeSize != size {
			t.Errorf("%s has %d bytes of code, want the new %d", at.Function, is.CodeSize, size)
		}
		if now := versionOf(t, e, at.Detail["name"]); alias != "" && now == alias {
			t.Errorf("the route of %s still leads to version %s", at.Function, now)
		}
	}
}

// zipOf writes a ZIP archive with so many bytes in it, as they are.
func zipOf(t *testing.T, dir string, n int) (path string, size int64) {
	t.Helper()
	var text bytes.Buffer
	w := zip.NewWriter(&text)
	entry, err := w.CreateHeader(&zip.FileHeader{Name: "bootstrap", Method: zip.Store})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := entry.Write(make([]byte, n)); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(dir, "new.zip")
	if err := errors.Join(w.Close(), os.WriteFile(path, text.Bytes(), 0o644)); err != nil {
		t.Fatal(err)
	}
	return path, int64(text.Len())
}

// versionOf is where a function's alias leads, empty where it has none.
func versionOf(t *testing.T, e *emulator, name string) string {
	t.Helper()
	all, err := e.lambda.ListAliases(t.Context(), &lambda.ListAliasesInput{FunctionName: &name})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all.Aliases {
		return aws.ToString(a.FunctionVersion)
	}
	return ""
}

type quiet struct{}

func (quiet) Debugf(string, ...any) {}
func (quiet) Infof(string, ...any)  {}
func (quiet) Warnf(string, ...any)  {}

// One word of the file says where it runs.
func TestProviderSwitchedFromLocalToAWS(t *testing.T) {
	e := newEmulator(t)
	file := `{"Provider": "local", "SubExperiments": [
		{"Title": "switched", "Runtime": "go", "Bursts": 3, "BurstSizes": [1, 2], "IATSeconds": 0.1},
		{"Title": "spinning", "Runtime": "python3.13", "Bursts": 2, "BurstSizes": [1], "IATSeconds": 0.1, "DesiredServiceTimes": ["20ms"]}]}`
	l := newLab(t, buildBinary(t), file)
	e.stellar(l, 0, "-c", "exp.json", "-o", "local")
	if err := os.WriteFile(filepath.Join(l.dir, "exp.json"), []byte(strings.Replace(file, `"local"`, `"aws"`, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	e.stellar(l, 0, "-c", "exp.json", "-o", "aws")
	e.empty(t.Context())
	for _, out := range []string{"local", "aws"} {
		checkRows(t, filepath.Join(l.dir, out), map[string]int{"switched": 4, "spinning": 2})
		fmt.Printf("| the same file with Provider %s: exit code 0, %s\n", out, resultLine(t, filepath.Join(l.dir, out)))
	}
}

// resultLine says how many rows a run has.
func resultLine(t *testing.T, out string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(out, "*", "*", "latencies.csv"))
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
	e := newEmulator(t)
	l := newLab(t, buildBinary(t), `{"Provider": "aws", "SubExperiments": [
		{"Title": "many", "Runtime": "python3.13", "Parallelism": 71, "Bursts": 71, "BurstSizes": [1], "IATSeconds": 0.01, "FunctionTimeoutSeconds": 20}]}`)
	e.stellar(l, 0, "-c", "exp.json", "-o", "out")
	checkRows(t, filepath.Join(l.dir, "out"), map[string]int{"many": 71})
	yml, err := filepath.Glob(filepath.Join(l.dir, "out", "*", "serverless", "service-*", "serverless.yml"))
	if err != nil || len(yml) != 2 {
		t.Fatalf("services %v, %v", yml, err)
	}
	text, err := os.ReadFile(yml[1])
	if err != nil || !strings.Contains(string(text), "region: "+emulatedRegion) {
		t.Errorf("the region is not in serverless.yml (%v):\n%.300s", err, text)
	}
	e.empty(t.Context())
}

// An image function is deployed by the digest that the registry has. The emulator has no Docker to run it in, and takes other registries than
// ECR, which Lambda does not: that it answers was not tried here.
func TestAWSImage(t *testing.T) {
	e := newEmulator(t)
	at := newRegistry(t)
	l := newLab(t, buildBinary(t), `{"Provider": "aws", "Registry": "`+at+`/stellar", "SubExperiments": [
		{"Title": "image", "Runtime": "go", "PackageType": "Image", "Bursts": 1, "FunctionMemoryMB": 256, "FunctionTimeoutSeconds": 20}]}`)
	e.stellar(l, 0, "deploy", "-c", "exp.json", "-o", "out")
	dir, _ := l.journal()
	rec, err := run.ReadRecord(dir)
	if err != nil {
		t.Fatal(err)
	}
	is, err := e.lambda.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String(rec.Service + "-f0-0")})
	if err != nil {
		t.Fatal(err)
	}
	digest := regexp.MustCompile(`^` + regexp.QuoteMeta(at) + `/stellar[^@]*@sha256:[0-9a-f]{64}$`)
	if image := aws.ToString(is.Code.ImageUri); is.Configuration.PackageType != "Image" || aws.ToInt32(is.Configuration.MemorySize) != 256 || !digest.MatchString(image) {
		t.Errorf("%s of %s, %d MB", is.Configuration.PackageType, image, aws.ToInt32(is.Configuration.MemorySize))
	}
	e.stellar(l, 0, "remove", dir)
	e.empty(t.Context())
}

// kill -9 while the Serverless CLI is at work, then clean: by the journal, and by the tags alone where the run's folder was deleted.
func TestAWSKilledInMidDeploy(t *testing.T) {
	bin := buildBinary(t)
	for _, c := range []struct {
		when string
		is   func(e *emulator) bool
		lost bool
	}{
		{"its stack is begun", func(e *emulator) bool { return len(e.left(t.Context())) > 0 }, false},
		{"its functions are there", func(e *emulator) bool { return len(e.functions()) > 0 }, true},
	} {
		t.Run(c.when, func(t *testing.T) {
			e := newEmulator(t)
			l := newLab(t, bin, awsExperiment)
			cmd := e.command(l, "-c", "exp.json", "-o", "out")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(2 * time.Minute); !c.is(e); time.Sleep(20 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatal("the run deploys nothing")
				}
			}
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = cmd.Wait()
			left := e.left(t.Context())
			fmt.Printf("| killed when %s, its folder deleted: %t: %d things in the emulator\n", c.when, c.lost, len(left))
			if len(left) == 0 {
				t.Fatal("nothing is left to be cleaned")
			}
			if dir, _ := l.journal(); c.lost {
				if err := os.RemoveAll(dir); err != nil {
					t.Fatal(err)
				}
			}
			if said := e.stellar(l, 0, "clean"); !strings.Contains(said, "cleaned") {
				t.Errorf("clean says %s", said)
			}
			e.empty(t.Context())
			fmt.Printf("| after `stellar clean`: %d things in the emulator\n", len(e.left(t.Context())))
		})
	}
}

// Credentials of another account than the one that is asked for, or that the run deployed with, change nothing anywhere.
func TestAWSOtherAccount(t *testing.T) {
	e, other := newEmulator(t), newEmulator(t)
	l := newLab(t, buildBinary(t), `{"Provider": "aws", "Region": "ap-southeast-2", "SubExperiments": [{"Title": "one", "Runtime": "python3.13", "Bursts": 1, "FunctionTimeoutSeconds": 20}]}`)
	said := e.stellar(l, 2, "-c", "exp.json", "-o", "out", "--aws-account", "111122223333")
	if !strings.Contains(said, "of account "+emulatedAccount+", --aws-account says 111122223333") {
		t.Errorf("it says %s", said)
	}
	e.empty(t.Context())
	e.stellar(l, 0, "deploy", "-c", "exp.json", "-o", "out", "--aws-account", emulatedAccount)
	dir, _ := l.journal()
	if text, err := os.ReadFile(filepath.Join(dir, "serverless", "serverless.yml")); err != nil || !strings.Contains(string(text), "region: ap-southeast-2") {
		t.Errorf("serverless.yml: %v\n%.300s", err, text)
	}
	other.key = "999988887777" // twelve digits as a key are, to the emulator, the account's number
	if said := other.stellar(l, 4, "remove", dir); !strings.Contains(said, "stands in account "+emulatedAccount) {
		t.Errorf("it says %s", said)
	}
	e.stellar(l, 0, "remove", dir)
	e.empty(t.Context())
}
