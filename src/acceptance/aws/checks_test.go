package aws_test

import (
	"archive/zip"
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/cloud"
	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// checkStack asks the emulator for the stack, its tags and its log groups.
func checkStack(t *testing.T, e *cloud.AWS, unit, id string) {
	t.Helper()
	out, err := e.Stacks.DescribeStacks(t.Context(), &cloudformation.DescribeStacksInput{StackName: &unit})
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
		is, err := e.Lambda.GetFunction(
			t.Context(),
			&lambda.GetFunctionInput{FunctionName: aws.String(unit + "-" + f)},
		)
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
	groups, err := e.Logs.DescribeLogGroups(
		t.Context(),
		&cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/aws/lambda/" + unit)},
	)
	if err != nil || len(groups.LogGroups) != 3 || aws.ToInt32(groups.LogGroups[0].RetentionInDays) != 1 {
		t.Errorf("log groups %+v, %v", groups, err)
	}
}

// checkSnapStart asks for the published version with SnapStart that the route leads to.
func checkSnapStart(t *testing.T, e *cloud.AWS, unit string) {
	t.Helper()
	name := aws.String(unit + "-f2-0")
	alias, err := e.Lambda.GetAlias(
		t.Context(),
		&lambda.GetAliasInput{FunctionName: name, Name: aws.String("snapstart")},
	)
	if err != nil {
		t.Fatal(err)
	}
	version, err := e.Lambda.GetFunctionConfiguration(
		t.Context(),
		&lambda.GetFunctionConfigurationInput{FunctionName: name, Qualifier: alias.FunctionVersion},
	)
	if err != nil {
		t.Fatal(err)
	}
	if aws.ToString(version.Version) == "$LATEST" || version.SnapStart == nil ||
		version.SnapStart.ApplyOn != "PublishedVersions" {
		t.Errorf("the alias leads to version %s with %+v", aws.ToString(version.Version), version.SnapStart)
	}
}

// openAWS opens a connection to the account, with the environment that leads to it.
func openAWS(t *testing.T, e *cloud.AWS, l *lab.Lab, service string) provider.Connection {
	t.Helper()
	for _, v := range e.Environment(l.Dir) {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	row, err := vendors.Find("aws")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := row.Open(provider.Options{Service: service, Getenv: os.Getenv, Runner: shell.Run, Log: quiet{},
		Patience: provider.Patience{Wait: 50 * time.Millisecond}})
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// checkUpdate gives standing functions new memory and new code through the connection, as studies do.
func checkUpdate(t *testing.T, e *cloud.AWS, l *lab.Lab, rec *run.Record) {
	t.Helper()
	conn := openAWS(t, e, l, rec.Service)
	standing, err := conn.ListAPIs(t.Context())
	if err != nil || len(standing) != 3 {
		t.Fatalf("standing are %+v, %v", standing, err)
	}
	large := rec.Functions[1] // 55 MB: its code goes through the service's bucket
	path, size := zipOf(t, l.Dir, 51_000_000)
	for i, at := range standing {
		was := rec.Functions[i]
		if at.Function != was.Name || at.URL != was.Endpoint.URL || at.MemoryMB != was.MemoryMB ||
			at.PackageType != "Zip" {
			t.Errorf("standing is %+v, deployed was %+v", at, was.Endpoint)
		}
		fn := &provider.Function{Name: was.Name, PackageType: "Zip", MemoryMB: was.MemoryMB + 64}
		if was.Name == large.Name {
			fn.Package = &run.Package{Name: "new", Path: path, SHA256: strings.Repeat("00", 32),
				Bytes: bytesize.Size(size)}
		}
		alias := versionOf(t, e, at.Detail["name"])
		if err := conn.UpdateFunction(t.Context(), at, fn); err != nil {
			t.Fatal(err)
		}
		is, err := e.Lambda.GetFunctionConfiguration(
			t.Context(),
			&lambda.GetFunctionConfigurationInput{FunctionName: aws.String(at.Detail["name"])},
		)
		if err != nil {
			t.Fatal(err)
		}
		if int(aws.ToInt32(is.MemorySize)) != fn.MemoryMB || is.Environment.Variables["STELLAR_COLD"] == "" ||
			is.Environment.Variables["STELLAR_TOKEN_SHA256"] == "" {
			t.Errorf("%s after its update has %d MB and %v", at.Function, aws.ToInt32(is.MemorySize),
				is.Environment.Variables)
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
func versionOf(t *testing.T, e *cloud.AWS, name string) string {
	t.Helper()
	all, err := e.Lambda.ListAliases(t.Context(), &lambda.ListAliasesInput{FunctionName: &name})
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
