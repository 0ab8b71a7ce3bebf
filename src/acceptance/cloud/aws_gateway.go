package cloud

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// gateway stands before the emulator and adds what it lacks of Lambda's and the HTTP APIs' logs: a cold start and an
// instance in the REPORT lines, the reports of events under the ids of their answers, and the access log in the format
// that the API's stage has. All else is the emulator's answer. A function has one instance, which its first request
// starts.
type gateway struct {
	account *AWS
	next    http.Handler
	proxy   *httputil.ReverseProxy
	port    string

	mu     sync.Mutex
	groups map[string][]logEvent // by log group; of a function by its name in the stack
	stages map[string]stage      // by API
	seen   map[string]string     // instances, by function
}

// logEvent is an event as FilterLogEvents gives it.
type logEvent struct {
	LogStreamName string `json:"logStreamName"`
	Message       string `json:"message"`
	Timestamp     int64  `json:"timestamp"`
}

// stage is that of an API, as far as its access log goes.
type stage struct {
	AccessLogSettings struct{ DestinationArn, Format string }
}

// coldInit is the Init Duration of the first request of each function.
const coldInit = 123450 * time.Microsecond

// WithLogs lets all that the tools ask, and all requests to functions, pass by a gateway that keeps their logs. What is
// asked is recorded.
func (e *AWS) WithLogs() *Recorder {
	e.Helper()
	recorder, err := newRecorder(e.url)
	if err != nil {
		e.Fatal(err)
	}
	to, err := url.Parse(e.url)
	if err != nil {
		e.Fatal(err)
	}
	g := &gateway{account: e, next: recorder, proxy: httputil.NewSingleHostReverseProxy(to),
		groups: map[string][]logEvent{}, stages: map[string]stage{}, seen: map[string]string{}}
	s := httptest.NewServer(g)
	e.Cleanup(s.Close)
	_, g.port, _ = strings.Cut(strings.TrimPrefix(s.URL, "http://"), ":")
	e.via = s.URL
	return recorder
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	switch {
	case strings.Contains(r.Host, ".execute-api."):
		g.call(w, r)
	case strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".FilterLogEvents"):
		g.filter(w, r, body)
	case r.Header.Get("X-Amz-Invocation-Type") == "Event":
		g.event(w, r, body)
	default:
		g.ask(w, r)
	}
}

// ask passes a request on. The addresses of APIs in the answer lead back to the gateway.
func (g *gateway) ask(w http.ResponseWriter, r *http.Request) {
	_, port, _ := strings.Cut(strings.TrimPrefix(g.account.url, "http://"), ":")
	answer := httptest.NewRecorder()
	g.next.ServeHTTP(answer, r)
	text := strings.ReplaceAll(answer.Body.String(), ".localhost:"+port, ".localhost:"+g.port)
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(answer.Code)
	_, _ = io.WriteString(w, text)
}

// call passes a request to a function on, and writes its logs.
func (g *gateway) call(w http.ResponseWriter, r *http.Request) {
	api, _, _ := strings.Cut(r.Host, ".")
	function, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	began := time.Now()
	answer := httptest.NewRecorder()
	g.proxy.ServeHTTP(answer, r)
	id := lambdaID()
	g.log(function, id, time.Since(began))
	g.logAccess(api, answer.Header().Get("Apigw-Requestid"), id)
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}

// event takes an event as Lambda does: the answer, with the id by which the log names the request, comes before the
// function has ended. The emulator's answer to an event has no id that its log has.
func (g *gateway) event(w http.ResponseWriter, r *http.Request, body []byte) {
	id, parts := lambdaID(), strings.Split(strings.Trim(r.URL.Path, "/"), "/") // …/functions/<name>/invocations
	w.Header().Set("X-Amzn-Requestid", id)
	w.WriteHeader(http.StatusAccepted)
	waits := r.Clone(context.WithoutCancel(r.Context()))
	waits.Header.Set("X-Amz-Invocation-Type", "RequestResponse")
	waits.Body = io.NopCloser(bytes.NewReader(body))
	fail.Go(func(err error) { must(err) }, func() {
		began := time.Now()
		g.next.ServeHTTP(httptest.NewRecorder(), waits)
		g.log(inStack(parts[2]), id, time.Since(began))
	})
}

// lambdaID is an id as Lambda gives one to a request.
func lambdaID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	h := hex.EncodeToString(b[:])
	return strings.Join([]string{h[:8], h[8:12], h[12:16], h[16:20], h[20:]}, "-")
}

// inStack is a function's name in its stack, f0-0.
func inStack(name string) string {
	parts := strings.Split(name, "-")
	return strings.Join(parts[max(0, len(parts)-2):], "-")
}

// log writes the lines of a request that Lambda names by an id.
func (g *gateway) log(function, id string, took time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	report := fmt.Sprintf("REPORT RequestId: %s\tDuration: %.2f ms\tBilled Duration: %d ms\tMemory Size: 128 MB\t"+
		"Max Memory Used: 40 MB\t", id, took.Seconds()*1e3, took.Milliseconds()+1)
	if g.seen[function] == "" {
		g.seen[function] = strings.ReplaceAll(id, "-", "")
		report += fmt.Sprintf("Init Duration: %.2f ms\t", coldInit.Seconds()*1e3)
	}
	now := time.Now().UnixMilli()
	g.groups[function] = append(g.groups[function], logEvent{"2026/11/28/[$LATEST]" + g.seen[function],
		"START RequestId: " + id, now}, logEvent{"2026/11/28/[$LATEST]" + g.seen[function], report + "\n", now})
}

// logAccess writes the line of an API's access log of a request that the API and Lambda name by their ids.
func (g *gateway) logAccess(api, id, lambda string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	st, known := g.stages[api]
	if !known {
		must(json.Unmarshal([]byte(g.account.get("apigateway", "/v2/apis/"+api+"/stages/$default")), &st))
		g.stages[api] = st
	}
	if to := st.AccessLogSettings.DestinationArn; to != "" {
		_, group, _ := strings.Cut(to, ":log-group:")
		group = strings.TrimSuffix(group, ":*")
		g.groups[group] = append(g.groups[group], logEvent{api, strings.NewReplacer("$context.requestId", id,
			"$context.integration.requestId", lambda).Replace(st.AccessLogSettings.Format), time.Now().UnixMilli()})
	}
}

// filter answers FilterLogEvents, three events a page.
func (g *gateway) filter(w http.ResponseWriter, r *http.Request, body []byte) {
	g.next.ServeHTTP(httptest.NewRecorder(), r) // it is recorded; the emulator's own lines are not used
	var in struct {
		LogGroupName, FilterPattern, NextToken string
		StartTime, EndTime                     int64
	}
	must(json.Unmarshal(body, &in))
	g.mu.Lock()
	defer g.mu.Unlock()
	name := in.LogGroupName
	if strings.HasPrefix(name, "/aws/lambda/") {
		name = inStack(name)
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	all, is := g.groups[name]
	if !is {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"__type":"ResourceNotFoundException","message":"The specified log group does not exist."}`)
		return
	}
	const page = 3
	at, _ := strconv.Atoi(in.NextToken)
	out := map[string]any{}
	if at+page < len(all) {
		out["nextToken"] = strconv.Itoa(at + page)
	}
	out["events"] = slices.DeleteFunc(slices.Clone(all[at:min(at+page, len(all))]), func(e logEvent) bool {
		return e.Timestamp < in.StartTime || e.Timestamp > in.EndTime ||
			in.FilterPattern != "" && !strings.HasPrefix(e.Message, "REPORT RequestId")
	})
	must(json.NewEncoder(w).Encode(out))
}
