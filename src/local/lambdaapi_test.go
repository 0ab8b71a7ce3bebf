package local

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/local/sigv4"
	"github.com/vhive-serverless/STeLLAR/src/reportline"
)

// lambdaClient is AWS's own client of a platform.
func lambdaClient(p *Platform, keys sigv4.Keys) *lambda.Client {
	return lambda.New(lambda.Options{
		Region: "eu-north-1", BaseEndpoint: aws.String(p.GatewayURL()), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(keys.ID, keys.Secret, ""),
	})
}

// apiPlatform is a platform with the test function, and AWS's client of it.
func apiPlatform(t *testing.T, change func(*client.FunctionSpec)) (*Platform, *client.Client, *lambda.Client) {
	t.Helper()
	p, c := testPlatform(t, func(o *Options) { o.eventPauses = [2]time.Duration{time.Millisecond, time.Millisecond} })
	deployTo(t, c, change)
	return p, c, lambdaClient(p, sigv4.Derive(testToken))
}

// asked is an event that says to the test function how to behave: pairs of parameter and value.
func asked(pairs ...string) []byte {
	query := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		query[pairs[i]] = pairs[i+1]
	}
	text, _ := json.Marshal(map[string]any{"queryStringParameters": query})
	return text
}

func TestInvoke(t *testing.T) {
	p, _, c := apiPlatform(t, nil)
	for _, name := range []string{"s-f", "000000000000:function:s-f", p.arnOf("s-f"), p.arnOf("s-f") + ":$LATEST"} {
		out, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: &name, Payload: asked("do", "event")})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if out.StatusCode != http.StatusOK || string(out.Payload) != string(asked("do", "event")) ||
			aws.ToString(out.ExecutedVersion) != "$LATEST" || out.FunctionError != nil || out.LogResult != nil {
			t.Errorf("%s: %+v with %s", name, out, out.Payload)
		}
	}
	out, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("s-f"),
		InvocationType: types.InvocationTypeDryRun})
	if err != nil || out.StatusCode != http.StatusNoContent {
		t.Errorf("dry run: %+v, %v", out, err)
	}
	if n := p.Status().Instances; n != 1 {
		t.Errorf("%d instances", n)
	}
}

func TestInvokeGivesTheLogsTail(t *testing.T) {
	_, _, c := apiPlatform(t, nil)
	for round := range 3 {
		text := fmt.Sprintf("round %d", round)
		out, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("s-f"),
			LogType: types.LogTypeTail, Payload: asked("do", "print", "text", text)})
		if err != nil {
			t.Fatal(err)
		}
		log, err := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(log)), "\n")
		if len(lines) != 4 || !strings.HasPrefix(lines[0], "START RequestId: ") || lines[1] != text ||
			!strings.HasPrefix(lines[2], "END RequestId: ") {
			t.Fatalf("tail:\n%s", log)
		}
		if r, ok := reportline.Parse(lines[3]); !ok || r.Cold != (round == 0) || r.MemoryMB != 256 {
			t.Errorf("report: %s", lines[3])
		}
	}
	out, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("s-f"),
		LogType: types.LogTypeTail, Payload: asked("do", "spew", "mb", "1")})
	if err != nil {
		t.Fatal(err)
	}
	log, _ := base64.StdEncoding.DecodeString(aws.ToString(out.LogResult))
	if len(log) != maxTail || !strings.Contains(string(log), "the last line\nEND RequestId: ") {
		t.Errorf("tail of much output has %d bytes and ends in %.400q", len(log), log[max(0, len(log)-400):])
	}
}

func TestFailuresOfAFunction(t *testing.T) {
	p, _, c := apiPlatform(t, nil)
	for _, test := range []struct {
		ask        []byte
		within     time.Duration
		kind, says string
	}{
		{asked("do", "error"), time.Minute, "Broken", "it is broken"},
		{asked("do", "exit", "code", "3"), time.Minute, "Runtime.ExitError", "Runtime exited: exit status 3"},
		{asked("do", "hang"), time.Second, "Sandbox.Timedout", "Task timed out after 1.00 seconds"},
		{asked("do", "big", "bytes", fmt.Sprint(maxResponse)), time.Minute, "Function.ResponseSizeTooLarge",
			"maximum allowed"},
	} {
		setTimeout(p, test.within)
		out, err := c.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("s-f"), Payload: test.ask})
		if err != nil {
			t.Errorf("%s: %v", test.ask, err)
			continue
		}
		var told struct{ ErrorType, ErrorMessage string }
		if err := json.Unmarshal(out.Payload, &told); err != nil || out.StatusCode != http.StatusOK ||
			aws.ToString(out.FunctionError) != "Unhandled" || told.ErrorType != test.kind ||
			!strings.Contains(told.ErrorMessage, test.says) {
			t.Errorf("%s: %s %s, want %s with %q", test.ask, aws.ToString(out.FunctionError), out.Payload, test.kind,
				test.says)
		}
	}
}

func TestRefusedCalls(t *testing.T) {
	p, _, c := apiPlatform(t, func(f *client.FunctionSpec) { f.MaxInstances = 1 })
	stranger := lambdaClient(p, sigv4.Derive("another token, not this one"))
	wrong := sigv4.Derive(testToken)
	wrong.Secret = strings.ToLower(wrong.Secret)
	busy, g := make(chan error, 1), newGate(t)
	go func() {
		_, err := c.Invoke(context.WithoutCancel(t.Context()), &lambda.InvokeInput{FunctionName: aws.String("s-f"),
			Payload: asked("gate", g.server.URL)})
		busy <- err
	}()
	g.await(t, 1)
	input := func(name string, payload []byte) *lambda.InvokeInput {
		return &lambda.InvokeInput{FunctionName: &name, Payload: payload}
	}
	event := input("s-f", []byte(`"`+strings.Repeat("a", maxAsyncPayload)+`"`))
	event.InvocationType = types.InvocationTypeEvent
	odd := input("s-f", nil)
	odd.InvocationType = "Sometimes"
	version := input("s-f", nil)
	version.Qualifier = aws.String("7")
	for name, test := range map[string]struct {
		c      *lambda.Client
		in     *lambda.InvokeInput
		status int
		code   string
		says   string
	}{
		"unknown key": {stranger, input("s-f", nil), 403, "UnrecognizedClientException", "security token"},
		"wrong secret": {lambdaClient(p, wrong), input("s-f", nil), 403, "InvalidSignatureException",
			"does not match"},
		"no function": {c, input("s-g", nil), 404, "ResourceNotFoundException", p.arnOf("s-g")},
		"no version":  {c, version, 404, "ResourceNotFoundException", p.arnOf("s-f") + ":7"},
		"no JSON":     {c, input("s-f", []byte("{not")), 400, "InvalidRequestContentException", "Could not parse"},
		"odd type":    {c, odd, 400, "InvalidParameterValueException", "Sometimes"},
		"too large": {c, input("s-f", make([]byte, maxSyncPayload+1)), 413, "RequestTooLargeException",
			"6291456"},
		"too large, event": {c, event, 413, "RequestEntityTooLargeException",
			"Event invocation type (limit 1048576 bytes)"},
		"throttled": {c, input("s-f", nil), 429, "TooManyRequestsException", "Rate Exceeded."},
	} {
		_, err := test.c.Invoke(t.Context(), test.in)
		var api smithy.APIError
		var res interface{ HTTPStatusCode() int }
		if !errors.As(err, &api) || !errors.As(err, &res) || api.ErrorCode() != test.code ||
			res.HTTPStatusCode() != test.status || !strings.Contains(api.ErrorMessage(), test.says) {
			t.Errorf("%s: %v; want %d %s with %q", name, err, test.status, test.code, test.says)
		}
	}
	g.open()
	if err := <-busy; err != nil {
		t.Error(err)
	}
	for path, status := range map[string]int{"/2015-03-31/functions/s-f": 403, "/2015-03-31/layers": 404} {
		if r := get(t, p.GatewayURL()+path); r.status != status {
			t.Errorf("%s not signed: status %d, %s", path, r.status, r.body)
		}
	}
	_, err := c.DeleteFunction(t.Context(), &lambda.DeleteFunctionInput{FunctionName: aws.String("s-f")})
	if err == nil || !strings.Contains(err.Error(), "osls deploy") {
		t.Errorf("an operation that is not there: %v", err)
	}
}

func TestEventsAreTriedAsOftenAsOnLambda(t *testing.T) {
	_, c, api := apiPlatform(t, nil)
	ids := map[string]int{} // request id to the number of reports that it is to have
	for _, test := range []struct {
		ask  []byte
		runs int
	}{{asked("do", "event"), 1}, {asked("do", "error"), eventAttempts}} {
		out, err := api.Invoke(t.Context(), &lambda.InvokeInput{FunctionName: aws.String("s-f"), Payload: test.ask,
			InvocationType: types.InvocationTypeEvent})
		if err != nil || out.StatusCode != http.StatusAccepted || len(out.Payload) > 0 {
			t.Fatalf("%+v, %v", out, err)
		}
		id, _ := requestIDOf(out.ResultMetadata)
		ids[id] = test.runs
	}
	eventually(t, "all attempts are reported", func() bool {
		got := map[string]int{}
		for _, r := range reports(t, c) {
			got[r.RequestID]++
		}
		return fmt.Sprint(got) == fmt.Sprint(ids)
	})
}

func TestFunctionsAreDescribed(t *testing.T) {
	p, c, api := apiPlatform(t, func(f *client.FunctionSpec) {
		f.Environment, f.MaxInstances = map[string]string{"MINE": "yes"}, 7
		f.URL = &client.FunctionURL{AuthType: client.AuthIAM}
	})
	got, err := api.GetFunction(t.Context(), &lambda.GetFunctionInput{FunctionName: aws.String("s-f")})
	if err != nil {
		t.Fatal(err)
	}
	conf := got.Configuration
	if aws.ToString(conf.FunctionArn) != p.arnOf("s-f") || aws.ToInt32(conf.MemorySize) != 256 ||
		aws.ToInt32(conf.Timeout) != 30 || conf.Runtime != types.RuntimeProvidedal2023 ||
		conf.State != types.StateActive ||
		conf.Environment.Variables["MINE"] != "yes" || conf.CodeSize == 0 || len(aws.ToString(conf.CodeSha256)) != 44 ||
		aws.ToInt32(got.Concurrency.ReservedConcurrentExecutions) != 7 ||
		aws.ToString(got.Code.Location) != "file://"+testPackage {
		t.Errorf("%+v, %+v, %+v", conf, got.Code, got.Concurrency)
	}
	only, err := api.GetFunctionConfiguration(t.Context(),
		&lambda.GetFunctionConfigurationInput{FunctionName: conf.FunctionArn})
	if err != nil || aws.ToString(only.RevisionId) != aws.ToString(conf.RevisionId) {
		t.Errorf("%+v, %v", only, err)
	}
	address, err := api.GetFunctionUrlConfig(t.Context(),
		&lambda.GetFunctionUrlConfigInput{FunctionName: aws.String("s-f")})
	if err != nil || aws.ToString(address.FunctionUrl) != p.GatewayURL()+"/lambda-url/s/f/" ||
		address.AuthType != types.FunctionUrlAuthTypeAwsIam || address.InvokeMode != types.InvokeModeBuffered {
		t.Errorf("%+v, %v", address, err)
	}
	many := testSpec(nil)
	for i := range 2*mostFunctions + 1 {
		f := many.Functions[0]
		f.Name, f.Path = fmt.Sprintf("f%03d", i), ""
		many.Functions = append(many.Functions, f)
	}
	if _, err := c.Put(t.Context(), "s", many); err != nil {
		t.Fatal(err)
	}
	var names []string
	for pages := lambda.NewListFunctionsPaginator(api, &lambda.ListFunctionsInput{}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range page.Functions {
			names = append(names, aws.ToString(f.FunctionName))
		}
	}
	if len(names) != 2*mostFunctions+2 || names[0] != "s-f" || names[101] != "s-f100" {
		t.Errorf("%d names: %v", len(names), names)
	}
	clash := testSpec(func(f *client.FunctionSpec) { f.Name = "f" })
	clash.Functions[0].Name, clash.Functions[0].Path = "f000", "/x"
	if _, err := c.Put(t.Context(), "s", clash); err != nil {
		t.Fatal(err)
	}
	clash.Functions[0].Name = "b-f"
	if _, err := c.Put(t.Context(), "a", clash); err != nil {
		t.Fatal(err)
	}
	clash.Functions[0].Name = "f"
	if _, err := c.Put(t.Context(), "a-b", clash); err == nil || !strings.Contains(err.Error(), "another name") {
		t.Errorf("two functions of one name in the Lambda API: %v", err)
	}
	for _, name := range []string{"2015-03-31", "lambda-url"} {
		_, err := c.Put(t.Context(), name, testSpec(nil))
		if err == nil || !strings.Contains(err.Error(), "service name") {
			t.Errorf("service %s: %v", name, err)
		}
	}
}
