package cloud

import (
	"cmp"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/netprobe/relaytest"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Emulator is an AWS on this machine: MiniStack, which speaks the protocols of CloudFormation, Lambda, S3 and the HTTP
// APIs, and runs the functions as processes. The real Serverless CLI and AWS's own SDK are pointed at it by
// AWS_ENDPOINT_URL, as they would be by any user. One emulator serves all tests of a package: each has an account of
// its own in it. The zero value starts with the first account.
//
// What it lacks, so that the tests prove no more than they do: no permissions are enforced (that the role suffices for
// writing logs is not tried), SnapStart takes no snapshots and an alias is answered as its function, memory and
// architecture are settings without effect, instances live and die by other rules than Lambda's, stacks change in
// milliseconds, no call is throttled, a response is sent once the function has ended, as text in UTF-8 (so that streams
// are not tried), and the answer to an event does not name it as its log does (see gateway).
type Emulator struct {
	mu       sync.Mutex
	process  *exec.Cmd
	url, dir string
	accounts int
}

// AWS is an account of an emulator.
type AWS struct {
	*testing.T
	ID  string // its number, which is also its access key
	url string
	via string // what tools are pointed at in place of url, where it is set

	Stacks *cloudformation.Client
	Logs   *cloudwatchlogs.Client
	Lambda *lambda.Client
	s3     *s3.Client
}

// Where the tests deploy: a region that is no tool's default.
const (
	AWSRegion = "eu-north-1"
	awsSecret = "emulated-secret-key"
	firstAWS  = 210987654321
)

// Account opens an account with nothing in it. Its functions cannot be called by their addresses.
func (m *Emulator) Account(t *testing.T) *AWS {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.accounts++
	return m.open(t, firstAWS+m.accounts)
}

// Called opens the one account whose functions answer at their addresses: a request to a function names no account.
// Tests that call functions must run one after another, and leave nothing.
func (m *Emulator) Called(t *testing.T) *AWS {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.open(t, firstAWS)
}

// open opens an account of the emulator, which is started where it does not run. The emulator is locked.
func (m *Emulator) open(t *testing.T, number int) *AWS {
	t.Helper()
	if m.process == nil {
		if err := m.start(); err != nil {
			t.Fatal(err)
		}
	}
	a := &AWS{T: t, ID: strconv.Itoa(number), url: m.url}
	cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion(AWSRegion), config.WithBaseEndpoint(m.url),
		config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(a.ID, awsSecret, "")))
	if err != nil {
		t.Fatal(err)
	}
	a.Stacks, a.Logs = cloudformation.NewFromConfig(cfg), cloudwatchlogs.NewFromConfig(cfg)
	a.Lambda, a.s3 = lambda.NewFromConfig(cfg), s3.NewFromConfig(cfg)
	return a
}

func (m *Emulator) start() error {
	python := filepath.Join(lab.Repo(), "bin", "aws-emulator", "bin", "python")
	if _, err := os.Stat(python); err != nil {
		return fmt.Errorf("the emulator of AWS is not installed, run scripts/test-setup.sh: %w", err)
	}
	address, err := relaytest.FreeAddress()
	if err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if m.dir, err = os.MkdirTemp("", "stellar-aws-"); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(m.dir, "emulator.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	c := exec.Command(python, "-m", "ministack")
	c.Dir, c.Stdout, c.Stderr = m.dir, log, log
	c.Env = []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + m.dir,
		"TMPDIR=" + m.dir,
		"BIND_HOST=127.0.0.1",
		"GATEWAY_PORT=" + port,
		fmt.Sprintf(
			"MINISTACK_ACCOUNT_ID=%d",
			firstAWS,
		),
		"AWS_ACCESS_KEY_ID=emulated",
		"AWS_SECRET_ACCESS_KEY=" + awsSecret,
	}
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		return err
	}
	m.process, m.url = c, "http://"+address
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		res, err := http.Get(m.url + "/_ministack/health")
		if err == nil && res.Body.Close() == nil && res.StatusCode == http.StatusOK {
			return nil
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(log.Name())
			return fmt.Errorf("the emulator does not start: %w\n%s", err, text)
		}
	}
}

// Stop ends the emulator and its functions. One that was never started is left alone.
func (m *Emulator) Stop() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.process == nil {
		return nil
	}
	_ = syscall.Kill(-m.process.Process.Pid, syscall.SIGKILL)
	_ = m.process.Wait()
	return os.RemoveAll(m.dir)
}

// Environment points every tool of AWS at the emulator.
func (e *AWS) Environment(string) []string {
	return []string{
		"AWS_ENDPOINT_URL=" + cmp.Or(e.via, e.url),
		"AWS_ACCESS_KEY_ID=" + e.ID,
		"AWS_SECRET_ACCESS_KEY=" + awsSecret,
		"AWS_SESSION_TOKEN=",
		"AWS_PROFILE=",
		"AWS_REGION=",
		"AWS_DEFAULT_REGION=" + AWSRegion,
		"AWS_EC2_METADATA_DISABLED=true",
		"SLS_AWS_MONITORING_FREQUENCY=300",
	} // the Serverless CLI's pause between two looks at a stack, ms
}

// Prefixes are those of AWS's variables.
func (e *AWS) Prefixes() []string { return []string{"AWS_"} }

// Secret is that of the access key.
func (e *AWS) Secret() string { return awsSecret }

// Calls is empty: the emulator keeps no list.
func (e *AWS) Calls() []string { return nil }

// Record lets all that the tools ask pass by a recorder.
func (e *AWS) Record() *Recorder {
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

// Functions is the emulator's own listing, a line each.
func (e *AWS) Functions() []string {
	e.Helper()
	var out []string
	pages := lambda.NewListFunctionsPaginator(e.Lambda, &lambda.ListFunctionsInput{})
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
			out = append(
				out,
				fmt.Sprintf(
					"%s: %s, %s, %s, %d MB, %d s",
					aws.ToString(f.FunctionName),
					f.Runtime,
					aws.ToString(f.Handler),
					strings.Join(on, " "),
					aws.ToInt32(f.MemorySize),
					aws.ToInt32(f.Timeout),
				),
			)
		}
	}
	slices.Sort(out)
	return out
}

// List prints the emulator's own listing of functions as a row of a table.
func (e *AWS) List(when string) []string {
	e.Helper()
	all := e.Functions()
	if len(all) == 0 {
		fmt.Printf("| functions in the emulator %s: none\n", when)
	}
	for _, f := range all {
		fmt.Printf("| functions in the emulator %s: %s\n", when, f)
	}
	return all
}

// Left names all that there is of runs: functions, stacks, log groups, buckets, APIs, roles.
func (e *AWS) Left() (left []string) {
	ctx := e.Context()
	e.Helper()
	for _, f := range e.Functions() {
		left = append(left, "function "+f)
	}
	stacks, err := e.Stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{})
	if err != nil {
		e.Fatal(err)
	}
	for _, s := range stacks.Stacks {
		if s.StackStatus != "DELETE_COMPLETE" {
			left = append(left, fmt.Sprintf("stack %s (%s)", aws.ToString(s.StackName), s.StackStatus))
		}
	}
	groups, err := e.Logs.DescribeLogGroups(ctx, &cloudwatchlogs.DescribeLogGroupsInput{})
	if err != nil {
		e.Fatal(err)
	}
	for _, g := range groups.LogGroups {
		if name := aws.ToString(g.LogGroupName); strings.Contains(name, "stellar-") { // others have theirs
			left = append(left, "log group "+name)
		}
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
func (e *AWS) ask(what, action string) string {
	e.Helper()
	if what == "API" {
		return e.get("apigateway", "/v2/apis")
	}
	return e.get("iam", "/?Action="+action)
}

// get is the emulator's answer about something of a service.
func (e *AWS) get(service, path string) string {
	e.Helper()
	req, err := http.NewRequestWithContext(e.Context(), http.MethodGet, e.url+path, nil)
	if err != nil {
		e.Fatal(err)
	}
	req.Header.Set(
		"Authorization",
		fmt.Sprintf(
			"AWS4-HMAC-SHA256 Credential=%s/20261121/%s/%s/aws4_request, SignedHeaders=host, Signature=0",
			e.ID,
			AWSRegion,
			service,
		),
	)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		e.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		e.Fatalf("the emulator's answer about %s%s: %d %v %s", service, path, res.StatusCode, err, text)
	}
	return string(text)
}
