package local

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/local/sigv4"
)

func requestIDOf(m middleware.Metadata) (string, bool) { return awsmiddleware.GetRequestIDMetadata(m) }

// streamedBy reads the answer of InvokeWithResponseStream: its payload, and how it ended. It calls came with
// each piece.
func streamedBy(t *testing.T, c *lambda.Client, payload []byte, came func()) ([]byte,
	types.InvokeWithResponseStreamCompleteEvent) {
	t.Helper()
	out, err := c.InvokeWithResponseStream(t.Context(), &lambda.InvokeWithResponseStreamInput{
		FunctionName: aws.String("s-f"), Payload: payload, LogType: types.LogTypeTail})
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	var end types.InvokeWithResponseStreamCompleteEvent
	for e := range out.GetStream().Events() {
		switch e := e.(type) {
		case *types.InvokeWithResponseStreamResponseEventMemberPayloadChunk:
			all = append(all, e.Value.Payload...)
			came()
		case *types.InvokeWithResponseStreamResponseEventMemberInvokeComplete:
			end = e.Value
		}
	}
	if err := out.GetStream().Close(); err != nil {
		t.Error(err)
	}
	return all, end
}

func TestStreamsThroughTheAPI(t *testing.T) {
	p, _, c := apiPlatform(t, nil)
	arrived := newGate(t)
	whole := strings.Repeat("a", 100_000) + strings.Repeat("b", 100_000)
	for name, test := range map[string]struct {
		ask        []byte
		body       string
		code, says string
	}{
		"whole":        {asked("do", "stream", "pieces", "2", "size", "100000"), whole, "", ""},
		"empty":        {asked("do", "stream"), "", "", ""},
		"not a stream": {asked("do", "event"), string(asked("do", "event")), "", ""},
		"fails": {asked("do", "stream", "pieces", "1", "size", "5", "then", "fail"),
			"aaaaa", "Unhandled", "half-way"},
		"hangs": {asked("do", "stream", "pieces", "1", "size", "5", "then", "hang"),
			"aaaaa", "Unhandled", "timed out"},
		"ends": {asked("do", "stream", "pieces", "1", "size", "5", "then", "exit", "last", arrived.server.URL),
			"aaaaa", "Unhandled", "exit"},
		"error": {asked("do", "error"), "", "Unhandled", "it is broken"},
	} {
		setTimeout(p, time.Minute)
		came := func() {}
		switch name {
		case "hangs":
			setTimeout(p, time.Second)
		case "ends":
			came = arrived.open
		}
		body, end := streamedBy(t, c, test.ask, came)
		if string(body) != test.body || aws.ToString(end.ErrorCode) != test.code ||
			!strings.Contains(aws.ToString(end.ErrorDetails), test.says) || aws.ToString(end.LogResult) == "" {
			t.Errorf("%s: %d bytes, %s %s", name, len(body),
				aws.ToString(end.ErrorCode), aws.ToString(end.ErrorDetails))
		}
	}
}

// TestPiecesComeAsTheyAreMade: each piece is at the caller before the next one is made.
func TestPiecesComeAsTheyAreMade(t *testing.T) {
	p, _, _ := apiPlatform(t, func(f *client.FunctionSpec) {
		f.URL = &client.FunctionURL{InvokeMode: client.InvokeStreamed}
	})
	came := make(chan bool, 5)
	between := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-came:
		case <-r.Context().Done():
		}
	}))
	defer between.Close()
	res, err := (&http.Client{Timeout: time.Minute}).Get(p.GatewayURL() +
		"/lambda-url/s/f/?do=stream&pieces=5&size=1000&between=" + url.QueryEscape(between.URL))
	if err != nil {
		t.Fatalf("the first piece did not come before the second was made: %v", err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/x-pieces" {
		t.Errorf("status %d, %v", res.StatusCode, res.Header)
	}
	piece := make([]byte, 1000)
	for i := range 5 {
		if _, err := io.ReadFull(res.Body, piece); err != nil {
			t.Fatalf("piece %d did not come before the next one was made: %v", i, err)
		}
		came <- true
	}
}

func TestFunctionURLs(t *testing.T) {
	p, c := testPlatform(t, nil)
	for _, mode := range []string{client.InvokeBuffered, client.InvokeStreamed} {
		deployTo(t, c, func(f *client.FunctionSpec) { f.URL = &client.FunctionURL{InvokeMode: mode} })
		at := p.GatewayURL() + "/lambda-url/s/f"
		var e struct {
			RouteKey, RawPath string
			RequestContext    struct{ RouteKey string }
		}
		if r := getOK(t, at+"/a/b?do=event"); json.Unmarshal(r.body, &e) != nil || e.RouteKey != "$default" ||
			e.RawPath != "/a/b" || e.RequestContext.RouteKey != "$default" {
			t.Errorf("%s: event %s", mode, r.body)
		}
		wantFailure(t, at+"?do=error", http.StatusBadGateway, kindFunctionError, "it is broken")
		r := get(t, at+"?do=echo")
		if buffered := mode == client.InvokeBuffered; (r.status == http.StatusCreated) != buffered {
			t.Errorf("%s: an object with a status gives %d, %s", mode, r.status, r.body)
		}
	}
	at := p.GatewayURL() + "/lambda-url/s/f"
	prelude := "&prelude=" + "%7B%22statusCode%22%3A203%2C%22headers%22%3A%7B%22X-Mine%22%3A%22yes%22%7D%7D"
	r := get(t, at+"?do=stream&pieces=2&size=3"+prelude)
	if r.status != 203 || r.header.Get("X-Mine") != "yes" || string(r.body) != "aaabbb" ||
		r.header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("with a prelude: %d %v %s", r.status, r.header, r.body)
	}
	wantFailure(t, at+"?do=stream&prelude=nonsense", http.StatusBadGateway, kindBadResponse, "malformed response")
	g := newGate(t)
	res, err := http.Get(at + "?do=stream&pieces=1&size=5&then=exit&last=" + url.QueryEscape(g.server.URL))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	g.open()
	if body, err := io.ReadAll(res.Body); err == nil {
		t.Errorf("a response that broke off looks complete: %d %s", res.StatusCode, body)
	}
	wantFailure(t, p.GatewayURL()+"/lambda-url/s/g/", http.StatusNotFound, kindNoRoute, "no function URL")
}

func TestFunctionURLWithIAM(t *testing.T) {
	p, c := testPlatform(t, nil)
	deployTo(t, c, func(f *client.FunctionSpec) { f.URL = &client.FunctionURL{AuthType: client.AuthIAM} })
	at := p.GatewayURL() + "/lambda-url/s/f/path?do=event"
	if r := get(t, at); r.status != http.StatusForbidden || !strings.Contains(string(r.body), "Forbidden") {
		t.Errorf("not signed: %d %s", r.status, r.body)
	}
	body := []byte("x=1")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	keys, sum := sigv4.Derive(testToken), sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: keys.ID, SecretAccessKey: keys.Secret},
		req, hex.EncodeToString(sum[:]), "lambda", "local", time.Now()); err != nil {
		t.Fatal(err)
	}
	res, err := (&http.Client{}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if text, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK || !bytes.Contains(text, []byte(`"rawPath":"/path"`)) {
		t.Errorf("signed: %d %s", res.StatusCode, text)
	}
}

// Handlers of Node.js stream as they do on Lambda.
func TestNodeHandlersStream(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("node is not installed")
	}
	p, c := testPlatform(t, nil)
	deployTo(t, c, func(f *client.FunctionSpec) {
		f.Runtime, f.Handler, f.URL = "nodejs22.x", "main.f", &client.FunctionURL{InvokeMode: client.InvokeStreamed}
		f.Artifact = zipFile(t, map[string]string{"main.js": `
			exports.f = awslambda.streamifyResponse(async (event, out, context) => {
				const { do: what } = event.queryStringParameters || {};
				if (what === 'early') throw new TypeError('too early');
				if (what === 'prelude') {
					out = awslambda.HttpResponseStream.from(out, { statusCode: 203, headers: { 'X-Id': context.awsRequestId } });
				} else {
					out.setContentType('text/x-own');
				}
				out.write('first,');
				if (what === 'late') throw new TypeError('too late');
				await new Promise((done) => setTimeout(done, 1));
				out.end('last');
			});`})
	})
	at := p.GatewayURL() + "/lambda-url/s/f/"
	if r := getOK(t, at); string(r.body) != "first,last" || r.header.Get("Content-Type") != "text/x-own" {
		t.Errorf("%v %s", r.header, r.body)
	}
	if r := get(t, at+"?do=prelude"); r.status != 203 || string(r.body) != "first,last" ||
		r.header.Get("X-Id") != r.header.Get("X-Amzn-Requestid") {
		t.Errorf("%d %v %s", r.status, r.header, r.body)
	}
	wantFailure(t, at+"?do=early", http.StatusBadGateway, kindFunctionError, "TypeError: too early")
	body, end := streamedBy(t, lambdaClient(p, sigv4.Derive(testToken)), asked("do", "late"), func() {})
	if string(body) != "first," || !strings.Contains(aws.ToString(end.ErrorDetails), "too late") {
		t.Errorf("%s %s", body, aws.ToString(end.ErrorDetails))
	}
	if r := getOK(t, at); string(r.body) != "first,last" {
		t.Errorf("afterwards: %s", r.body)
	}
}
