package local

import (
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
)

// TestLateAnswersFreeTheFunction has a function answer requests whose time is up. Its loops go on to ask for work:
// where they are refused, the runtime ends, and with it the requests that the instance still serves.
func TestLateAnswersFreeTheFunction(t *testing.T) {
	p, _ := testPlatform(t, nil)
	zero := 0.0
	f := newFunction(p, "s", client.FunctionSpec{Name: "f", Concurrency: 2, KeepAliveSeconds: &zero})
	f.log = newLogFile(filepath.Join(t.TempDir(), "log"), 1<<20, p.defect)
	f.timeout = time.Minute
	in := newInstance(f)
	api := serveAPI(t, in)
	ask := func(method, path string) (status int, body string) {
		res, err := http.DefaultClient.Do(request(t, method, api+runtimePrefix+path, "{}"))
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(text)
	}
	for i, verb := range []string{"response", "error", "response", "error"} {
		inv := newInvocation(fmt.Sprint("request-", i))
		inv.given = time.Now()
		if !in.submit(inv) {
			t.Fatal("the instance takes no request")
		}
		if status, body := ask(http.MethodGet, "invocation/next"); status != http.StatusOK {
			t.Fatalf("request %d: next is answered with %d %s", i, status, body)
		}
		timeOutIn(in, inv.id)
		if res := <-inv.result; res.kind != kindTimeout {
			t.Fatalf("request %d: %+v", i, res)
		}
		for range 2 { // a second answer frees nothing
			status, body := ask(http.MethodPost, "invocation/"+inv.id+"/"+verb)
			if status != http.StatusBadRequest || !strings.Contains(body, "InvalidRequestID") {
				t.Errorf("request %d: a late answer gets %d %s", i, status, body)
			}
		}
	}
	if n := len(in.slots); n != 0 {
		t.Errorf("%d slots are taken", n)
	}
}
