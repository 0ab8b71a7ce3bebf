package aws

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/providertest"
)

func awsText(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestAWSRoutes(t *testing.T) {
	several, osls := "https://z4a0lmtx64.execute-api.us-west-1.amazonaws.com/",
		"https://b271152a.execute-api.eu-central-1.amazonaws.com/"
	for name, want := range map[string][]string{
		"aws-one.txt":     {"https://7rhr5111eg.execute-api.us-west-1.amazonaws.com/parallelism1_0_0"},
		"aws-several.txt": {several + "parallelism1_0_0", several + "parallelism2_1_0", several + "parallelism2_1_1"},
		"osls-4.3.1.txt":  {osls + "f0-0", osls + "f1-0"},
	} {
		var urls []string
		for _, e := range readRoutes(awsText(t, name)) {
			urls = append(urls, e.URL)
			if e.Function != e.URL[strings.LastIndex(e.URL, "/")+1:] {
				t.Errorf("%s: function %q of %s", name, e.Function, e.URL)
			}
		}
		if !slices.Equal(urls, want) {
			t.Errorf("%s has %q, want %q", name, urls, want)
		}
	}
	for text, want := range map[string]string{
		"endpoint: * - https://x.example/dev/f0-0\n":                        "https://x.example/dev/f0-0",
		"endpoint: GET - https://x.example/f0-0?a=b":                        "https://x.example/f0-0",
		"  functions:\n  f0-0: stellar-f0-0 (5 kB)\n":                       "",
		"see https://x.example/f0-0":                                        "",
		"Warning: the endpoint is GET - https://x.example/f0-0 of old days": "",
	} {
		got := ""
		for _, e := range readRoutes(text) {
			got += e.URL
		}
		if got != want {
			t.Errorf("%q has %q, want %q", text, got, want)
		}
	}
	text := awsText(t, "osls-4.3.1.txt")
	_, err := provider.InOrder(text, []*provider.Function{{Name: "f0-0"}, {Name: "f2-0"}}, readRoutes(text))
	var told *fail.Error
	if !errors.As(err, &told) || told.Output != text ||
		!strings.Contains(err.Error(), "no endpoint for function f2-0") {
		t.Errorf("fewer endpoints than functions: %v", err)
	}
}

func TestAWSFunctionNames(t *testing.T) {
	unit := "stellar-20261121t010203z-aws-abcd"
	if got := functionName(unit, "f0-0"); got != unit+"-f0-0" {
		t.Errorf("name %q", got)
	}
	long := strings.Repeat("x", 50)
	a, b := functionName(unit, long+"1"), functionName(unit, long+"2")
	if len(a) != 64 || len(b) != 64 || a == b {
		t.Errorf("long names %q and %q: want 64 characters, distinct", a, b)
	}
}

func TestAWSRefuses(t *testing.T) {
	a := connect(provider.Options{}).(provider.Refuser)
	for want, s := range map[string]*experiment.SubExperiment{
		"": {DesiredServiceTimes: []string{"0ms", "29s"}, PayloadLengthBytes: maxPayload, FunctionTimeoutSeconds: 900},
		"DesiredServiceTimes 30s, its HTTP API gives up after 30s; Entry url and sdk do not": {
			DesiredServiceTimes: []string{"1s", "30s"}},
		"SnapStartEnabled for Runtime python3.11, it begins with python3.12 and java11":                          {SnapStartEnabled: true},
		"PayloadLengthBytes 6291457, Lambda takes 6291456 a request and a response":                              {PayloadLengthBytes: maxPayload + 1},
		"DesiredServiceTimes 1m0s, its HTTP API gives up after 30s; Entry url and sdk do not|PayloadLengthBytes": {DesiredServiceTimes: []string{"1m"}, PayloadLengthBytes: 1 << 30},
	} {
		got := providertest.Said(a.Refuse(s, &provider.Function{Runtime: "python3.11"}), "|")
		if (want == "") != (got == "") || !strings.HasPrefix(got, want) {
			t.Errorf("%+v: %q, want %q", s.DesiredServiceTimes, got, want)
		}
	}
}

// awsCloud answers as CloudFormation, STS, S3 and CloudWatch Logs do about one stack.
type awsCloud struct {
	t *testing.T

	mu      sync.Mutex
	states  []string // of the stack, as one look after the other sees them; "" is that it is not there
	objects bool     // in its bucket
	groups  []string // log groups
	calls   []string
}

const awsStackName = "stellar-x"

func (c *awsCloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Error(err)
	}
	if target := r.Header.Get("X-Amz-Target"); target != "" {
		c.log(w, target, body)
		return
	}
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	if err := r.ParseForm(); err != nil {
		c.t.Error(err)
	}
	switch {
	case c.query(w, r.Form.Get("Action")):
		return
	case r.URL.Query().Has("versions"):
		fmt.Fprint(w, "<ListVersionsResult>")
		if c.objects {
			fmt.Fprint(w,
				"<Version><Key>a.zip</Key><VersionId>1</VersionId></Version><DeleteMarker><Key>a.zip</Key><VersionId>2</VersionId></DeleteMarker>")
		}
		fmt.Fprint(w, "</ListVersionsResult>")
		return
	case r.URL.Query().Has("delete") && r.URL.Path == "/stellar-x-bucket" &&
		strings.Count(string(body), "<VersionId>") == 2:
		c.calls, c.objects = append(c.calls, "empty bucket"), false
		fmt.Fprint(w, "<DeleteResult></DeleteResult>")
		return
	}
	c.t.Errorf("%s %s: %s", r.Method, r.URL, body)
	w.WriteHeader(http.StatusTeapot)
}

// query answers an action of STS or CloudFormation, and reports whether it is one.
func (c *awsCloud) query(w http.ResponseWriter, action string) bool {
	xml := func(result string) {
		fmt.Fprintf(w, "<%sResponse><%sResult>%s</%sResult></%sResponse>", action, action, result, action, action)
	}
	switch action {
	case "GetCallerIdentity":
		xml("<Account>123456789012</Account>")
	case "DescribeStacks":
		state := c.states[0]
		if len(c.states) > 1 {
			c.states = c.states[1:]
		}
		if state == "" {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, "<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack with id %s does not "+
				"exist</Message></Error></ErrorResponse>", awsStackName)
			return true
		}
		xml(fmt.Sprintf("<Stacks><member><StackName>%s</StackName><StackId>%s</StackId><StackStatus>%s</StackStatus><StackStatusReason>because</StackStatusReason></member></Stacks>",
			awsStackName, awsStackName, state))
	case "ListStackResources":
		xml(`<StackResourceSummaries><member><ResourceType>AWS::S3::Bucket</ResourceType><PhysicalResourceId>stellar-x-bucket</PhysicalResourceId><ResourceStatus>CREATE_COMPLETE</ResourceStatus></member>
			<member><ResourceType>AWS::S3::Bucket</ResourceType><PhysicalResourceId>stellar-x-gone</PhysicalResourceId><ResourceStatus>DELETE_COMPLETE</ResourceStatus></member></StackResourceSummaries>`)
	case "DeleteStack":
		c.calls = append(c.calls, "delete stack")
		xml("")
	default:
		return false
	}
	return true
}

func (c *awsCloud) log(w http.ResponseWriter, target string, body []byte) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	if strings.HasSuffix(target, ".DeleteLogGroup") {
		var in struct {
			Name string `json:"logGroupName"`
		}
		if err := json.Unmarshal(body, &in); err != nil {
			c.t.Error(err)
		}
		c.calls = append(c.calls, "delete "+in.Name)
		c.groups = slices.DeleteFunc(c.groups, func(g string) bool { return g == in.Name })
		return
	}
	list := []string{}
	for _, g := range c.groups {
		list = append(list, fmt.Sprintf(`{"logGroupName": %q}`, g))
	}
	fmt.Fprintf(w, `{"logGroups": [%s]}`, strings.Join(list, ","))
}

func newAWSCloud(t *testing.T, states ...string) (*awsCloud, provider.Connection) {
	t.Helper()
	c := &awsCloud{t: t, states: states}
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": s.URL, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY": "none", "AWS_SESSION_TOKEN": "",
		"AWS_PROFILE": "", "AWS_REGION": "eu-west-3", "AWS_DEFAULT_REGION": "", "AWS_CONFIG_FILE": os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull} {
		t.Setenv(name, value)
	}
	quick := provider.Patience{Wait: time.Millisecond, Settle: time.Millisecond}
	return c, connect(provider.Options{Service: awsStackName, Getenv: os.Getenv, Patience: quick,
		Log: providertest.Silent{}}.WithDefaults())
}

// What the Serverless CLI cannot be asked for, because the run's folder is gone, or leaves undone is done by ourselves.
func TestAWSRemovesWhatIsLeft(t *testing.T) {
	ours, others := "/aws/lambda/stellar-x-f0-0", "/aws/lambda/stellar-x-f0-00"
	for _, c := range []struct {
		name    string
		states  []string
		objects bool
		groups  []string
		calls   []string
		wrong   string
	}{
		{name: "not there", states: []string{""}},
		{name: "an update is under way", states: []string{"UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
			"UPDATE_COMPLETE", "UPDATE_COMPLETE", ""},
			objects: true, calls: []string{"empty bucket", "delete stack"}},
		{name: "its deletion is under way", states: []string{"DELETE_IN_PROGRESS", "DELETE_IN_PROGRESS", ""}},
		{name: "its deletion failed once", states: []string{"CREATE_COMPLETE", "CREATE_COMPLETE", "DELETE_IN_PROGRESS",
			"DELETE_FAILED", "DELETE_IN_PROGRESS", ""},
			calls: []string{"delete stack", "delete stack"}},
		{name: "it was deleted a while ago", states: []string{"DELETE_COMPLETE"}},
		{name: "its change set was never carried out", states: []string{"REVIEW_IN_PROGRESS", "REVIEW_IN_PROGRESS", ""},
			calls: []string{"delete stack"}},
		{name: "Lambda wrote a log group anew", states: []string{""}, groups: []string{others, ours},
			calls: []string{"delete " + ours}},
		{name: "it cannot be deleted", states: []string{"ROLLBACK_FAILED"},
			calls: []string{"delete stack", "delete stack"},
			wrong: "stack stellar-x in eu-west-3 is in state ROLLBACK_FAILED: because"},
		{name: "it appears late", states: []string{"", "", "CREATE_IN_PROGRESS"},
			wrong: "service stellar-x is still there"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cloud, conn := newAWSCloud(t, c.states...)
			cloud.objects, cloud.groups = c.objects, c.groups
			err := conn.RemoveFunctions(t.Context(),
				[]provider.Unit{provider.UnitOf(map[string]string{provider.DetailUnit: awsStackName,
					provider.DetailDir:       filepath.Join(t.TempDir(), "gone"),
					provider.DetailFunctions: "f0-0 f1-0", provider.DetailAccount: "123456789012"}, false)})
			if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%v; want %q", err, c.wrong)
			}
			if !slices.Equal(cloud.calls, c.calls) {
				t.Errorf("calls %q, want %q", cloud.calls, c.calls)
			}
			if cloud.objects || slices.Contains(cloud.groups, ours) || len(c.groups) > 0 &&
				!slices.Contains(cloud.groups, others) {
				t.Errorf("left: objects %t, log groups %q", cloud.objects, cloud.groups)
			}
		})
	}
}

func TestAWSTouchesNoOtherAccount(t *testing.T) {
	cloud, conn := newAWSCloud(t, "CREATE_COMPLETE")
	err := conn.RemoveFunctions(t.Context(),
		[]provider.Unit{provider.UnitOf(map[string]string{provider.DetailUnit: awsStackName,
			provider.DetailAccount: "999999999999"}, false)})
	if err == nil || !strings.Contains(err.Error(),
		"is in account 999999999999, the credentials (AWS_ACCESS_KEY_ID) are of 123456789012") || len(cloud.calls) > 0 {
		t.Errorf("%v, calls %q", err, cloud.calls)
	}
}

// The region is the run's, else AWS's own ways of naming one, else what the Serverless CLI takes, which is said.
func TestAWSRegion(t *testing.T) {
	for _, c := range []struct {
		region, env, fallback, profile, want string
		named                                bool
	}{
		{"ap-south-1", "eu-west-3", "", "", "ap-south-1", true},
		{"", "eu-west-3", "us-west-2", "", "eu-west-3", true},
		{"", "", "us-west-2", "", "us-west-2", true},
		{"", "", "", "sa-east-1", "sa-east-1", true},
		{"", "", "", "", "us-east-1", false},
	} {
		_, conn := newAWSCloud(t, "")
		t.Setenv("AWS_REGION", c.env)
		t.Setenv("AWS_DEFAULT_REGION", c.fallback)
		if c.profile != "" {
			file := filepath.Join(t.TempDir(), "config")
			if err := os.WriteFile(file, []byte("[default]\nregion = "+c.profile+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			t.Setenv("AWS_CONFIG_FILE", file)
		}
		a := conn.(*connection)
		a.Region = c.region
		s, err := a.open(t.Context())
		if err != nil || s.region != c.want || s.named != c.named {
			t.Errorf("%+v: %+v, %v", c, s, err)
		}
	}
}

func TestAWSSaysWhereCredentialsWereFound(t *testing.T) {
	for source, want := range map[string]string{"EnvConfigCredentials": "AWS_ACCESS_KEY_ID",
		"SharedConfigCredentials: /home/x/.aws/credentials": "profile p",
		"SSOProvider": "SSO of profile p", "EC2RoleProvider": "role of this machine", "Another": "Another",
		"": "found by AWS's SDK"} {
		if got := credentialSource(source, "p"); got != want {
			t.Errorf("%q is %q, want %q", source, got, want)
		}
	}
}
