package local

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
)

// askAPI sends a request to an instance's Runtime API, as its function does.
func askAPI(in *instance, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	(*runtimeAPI)(in).ServeHTTP(w, httptest.NewRequest(method, runtimePrefix+path, strings.NewReader("{}")))
	return w
}

// TestLateAnswersFreeTheFunction has a function answer requests whose time is up. Its loops go on to ask for work:
// where they are refused, the runtime ends, and with it the requests that the instance still serves.
func TestLateAnswersFreeTheFunction(t *testing.T) {
	p, _ := testPlatform(t, nil)
	zero := 0.0
	f := newFunction(p, "s", client.FunctionSpec{Name: "f", Concurrency: 2, KeepAliveSeconds: &zero})
	f.log = newLogFile(filepath.Join(t.TempDir(), "log"), 1<<20, p.defect)
	f.timeout = 20 * time.Millisecond
	in := newInstance(f)
	for i, verb := range []string{"response", "error", "response", "error"} {
		inv := newInvocation(fmt.Sprint("request-", i))
		inv.given = time.Now()
		if !in.submit(inv) {
			t.Fatal("the instance takes no request")
		}
		if w := askAPI(in, http.MethodGet, "invocation/next"); w.Code != http.StatusOK {
			t.Fatalf("request %d: next is answered with %d %s", i, w.Code, w.Body)
		}
		if res := <-inv.result; res.kind != kindTimeout {
			t.Fatalf("request %d: %+v", i, res)
		}
		for range 2 { // a second answer frees nothing
			w := askAPI(in, http.MethodPost, "invocation/"+inv.id+"/"+verb)
			if w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "InvalidRequestID") {
				t.Errorf("request %d: a late answer gets %d %s", i, w.Code, w.Body)
			}
		}
	}
	if n := len(in.slots); n != 0 {
		t.Errorf("%d slots are taken", n)
	}
}
