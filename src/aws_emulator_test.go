package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// emulator is an AWS on this machine: MiniStack, which speaks CloudFormation's, Lambda's, S3's and the HTTP APIs' protocols and runs the
// functions as processes. The real Serverless CLI and AWS's own SDK are pointed at it by AWS_ENDPOINT_URL, as they would be by any user.
//
// What it lacks, so that what is proven here is not more than it is: no permissions are enforced (that the role suffices for
// writing logs was not tried here), SnapStart takes no snapshots and an alias is answered as its function, memory and architecture are
// settings without effect, instances live and die by other rules than Lambda's, stacks change in milliseconds, and nobody throttles.
type emulator struct {
	*testing.T
	url string
	via string // what tools are pointed at in place of url, where it is set
	key string // access key in place of the usual one

	stacks *cloudformation.Client
	logs   *cloudwatchlogs.Client
	lambda *lambda.Client
	s3     *s3.Client
}

// Where the tests deploy: a region that is nobody's default, and the account number of the emulator.
const (
	emulatedRegion  = "eu-north-1"
	emulatedAccount = "210987654321"
	emulatedSecret  = "emulated-secret-key"
)

func newEmulator(t *testing.T) *emulator {
	t.Helper()
	python, err := filepath.Abs("../bin/aws-emulator/bin/python")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(python); err != nil {
		t.Fatalf("the emulator of AWS is not installed, run scripts/test-setup.sh: %v", err)
	}
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	log, err := os.Create(filepath.Join(dir, "emulator.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	c := exec.Command(python, "-m", "ministack")
	c.Dir, c.Stdout, c.Stderr = dir, log, log
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "BIND_HOST=127.0.0.1", "GATEWAY_PORT=" + port,
		"MINISTACK_ACCOUNT_ID=" + emulatedAccount, "AWS_ACCESS_KEY_ID=emulated", "AWS_SECRET_ACCESS_KEY=" + emulatedSecret}
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) // its functions too
		_ = c.Wait()
	})
	e := &emulator{T: t, url: "http://" + address}
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion(emulatedRegion), config.WithBaseEndpoint(e.url),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("emulated", emulatedSecret, "")))
	if err != nil {
		t.Fatal(err)
	}
	e.stacks, e.logs = cloudformation.NewFromConfig(cfg), cloudwatchlogs.NewFromConfig(cfg)
	e.lambda, e.s3 = lambda.NewFromConfig(cfg), s3.NewFromConfig(cfg)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		res, err := http.Get(e.url + "/_ministack/health")
		if err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK {
			return e
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log.Name())
			t.Fatalf("the emulator does not start: %v\n%s", err, text)
		}
	}
}

// environment is what points every tool of AWS at the emulator.
func (e *emulator) environment() []string {
	return []string{"AWS_ENDPOINT_URL=" + cmp.Or(e.via, e.url), "AWS_ACCESS_KEY_ID=" + cmp.Or(e.key, "emulated"), "AWS_SECRET_ACCESS_KEY=" + emulatedSecret, "AWS_SESSION_TOKEN=", "AWS_PROFILE=",
		"AWS_REGION=", "AWS_DEFAULT_REGION=" + emulatedRegion, "AWS_EC2_METADATA_DISABLED=true",
		"SLS_AWS_MONITORING_FREQUENCY=300"} // the Serverless CLI's pause between two looks at a stack, ms
}

// record lets all that the tools ask pass by a recorder.
func (e *emulator) record() *recorder {
	e.Helper()
	r, err := newRecorder(e.url)
	if err != nil {
		e.Fatal(err)
	}
	s := httptest.NewServer(r)
	e.Cleanup(s.Close)
	e.via = s.URL
	return r
}

// stellar runs the tool against the emulator and gives what it printed.
func (e *emulator) stellar(l *lab, code int, args ...string) string {
	l.Helper()
	c := e.command(l, args...)
	out, _ := c.CombinedOutput()
	if got := c.ProcessState.ExitCode(); got != code {
		l.Fatalf("stellar %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, out)
	}
	if strings.Contains(string(out), emulatedSecret) {
		l.Errorf("stellar %s shows the secret:\n%s", strings.Join(args, " "), out)
	}
	return string(out)
}

func (e *emulator) command(l *lab, args ...string) *exec.Cmd {
	c := l.command(args...)
	c.Env = append(slices.DeleteFunc(c.Env, func(v string) bool { return strings.HasPrefix(v, "AWS_") }), e.environment()...)
	return c
}

// functions is the emulator's own listing, a line each.
func (e *emulator) functions() []string {
	e.Helper()
	var out []string
	pages := lambda.NewListFunctionsPaginator(e.lambda, &lambda.ListFunctionsInput{})
	for pages.HasMorePages() {
		page, err := pages.NextPage(e.Context())
		if err != nil {
			e.Fatal(err)
		}
		for _, f := range page.Functions {
			var on []string
			for _, a := range f.Architectures {
				on = append(on, string(a))
			}
			out = append(out, fmt.Sprintf("%s: %s, %s, %s, %d MB, %d s", aws.ToString(f.FunctionName), f.Runtime, aws.ToString(f.Handler),
				strings.Join(on, " "), aws.ToInt32(f.MemorySize), aws.ToInt32(f.Timeout)))
		}
	}
	slices.Sort(out)
	return out
}

// list prints the emulator's own listing of functions as a row of a table.
func (e *emulator) list(when string) []string {
	e.Helper()
	all := e.functions()
	if len(all) == 0 {
		fmt.Printf("| functions in the emulator %s: none\n", when)
	}
	for _, f := range all {
		fmt.Printf("| functions in the emulator %s: %s\n", when, f)
	}
	return all
}

// empty demands that nothing is left of any run: stacks, functions, log groups, buckets, APIs, roles.
func (e *emulator) empty(ctx context.Context) {
	e.Helper()
	if left := e.left(ctx); len(left) > 0 {
		e.Errorf("left in the emulator: %s", strings.Join(left, ", "))
	}
}

// left names all that there is of runs.
func (e *emulator) left(ctx context.Context) (left []string) {
	e.Helper()
	for _, f := range e.functions() {
		left = append(left, "function "+f)
	}
	stacks, err := e.stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
	if err != nil {
		e.Fatal(err)
	}
	for _, s := range stacks.Stacks {
		if s.StackStatus != "DELETE_COMPLETE" {
			left = append(left, fmt.Sprintf("stack %s (%s)", aws.ToString(s.StackName), s.StackStatus))
		}
	}
	groups, err := e.logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
	if err != nil {
		e.Fatal(err)
	}
	for _, g := range groups.LogGroups {
		left = append(left, "log group "+aws.ToString(g.LogGroupName))
	}
	buckets, err := e.s3.ListBuckets(ctx, &s3.ListBucketsInput{})
	if err != nil {
		e.Fatal(err)
	}
	for _, b := range buckets.Buckets {
		left = append(left, "bucket "+aws.ToString(b.Name))
	}
	for what, action := range map[string]string{"role": "ListRoles&Version=2010-05-08", "API": ""} {
		if text := e.ask(what, action); strings.Contains(text, "stellar-") {
			left = append(left, what+" in "+text)
		}
	}
	return left
}

// ask puts a question for which the SDK's further clients are not worth a dependency.
func (e *emulator) ask(what, action string) string {
	e.Helper()
	service, url := "iam", e.url+"/?Action="+action
	if what == "API" {
		service, url = "apigateway", e.url+"/v2/apis"
	}
	req, err := http.NewRequestWithContext(e.Context(), http.MethodGet, url, nil)
	if err != nil {
		e.Fatal(err)
	}
	req.Header.Set("Authorization", fmt.Sprintf("AWS4-HMAC-SHA256 Credential=emulated/20261121/%s/%s/aws4_request, SignedHeaders=host, Signature=0", emulatedRegion, service))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		e.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		e.Fatalf("the emulator's answer about %ss: %d %v %s", what, res.StatusCode, err, text)
	}
	return string(text)
}
