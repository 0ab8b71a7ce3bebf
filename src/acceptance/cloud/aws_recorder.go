package cloud

import (
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Recorder stands between the tools and the emulator, and notes which action each request needs permission for.
type Recorder struct {
	proxy *httputil.ReverseProxy

	mu      sync.Mutex
	actions map[string]bool
	strange []string // requests whose action the table does not know
}

func newRecorder(target string) (*Recorder, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	proxy := httputil.NewSingleHostReverseProxy(to)
	proxy.ModifyResponse = reachable
	return &Recorder{proxy: proxy, actions: map[string]bool{}}, nil
}

// functionURLPath is where the emulator answers for function URLs, whose own hosts no resolver knows.
const functionURLPath = "/_aws/lambda-url/"

var functionURL = regexp.MustCompile(`https://([a-z0-9]+)\.lambda-url\.[a-z0-9-]+\.on\.aws/`)

// reachable makes the function URL in an answer one of the emulator, by way of the recorder.
func reachable(res *http.Response) error {
	if !strings.HasSuffix(res.Request.URL.Path, "/url") {
		return nil
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	text = functionURL.ReplaceAll(text, []byte("http://"+res.Request.Host+functionURLPath+"$1/"))
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	res.Header.Set("Content-Length", strconv.Itoa(len(text)))
	return nil
}

func (r *Recorder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	q.Body = io.NopCloser(strings.NewReader(string(body)))
	action := actionOf(q, body)
	r.mu.Lock()
	if action == "" {
		r.strange = append(r.strange, q.Method+" "+q.URL.String())
	}
	r.actions[action] = true
	r.mu.Unlock()
	r.proxy.ServeHTTP(w, q)
}

var scope = regexp.MustCompile(`Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request`)

// Asked are the actions that were asked for, and the requests whose action the table does not know.
func (r *Recorder) Asked() (actions, strange []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.actions)), slices.Compact(slices.Sorted(slices.Values(r.strange)))
}

// rest are the actions of services that name none in their requests: service, method, and path or query.
var rest = []struct{ service, method, pattern, action string }{
	{"lambda", "GET", `/account-settings`, "lambda:GetAccountSettings"},
	{"lambda", "GET", `/functions/[^/]+/configuration`, "lambda:GetFunctionConfiguration"},
	{"lambda", "PUT", `/functions/[^/]+/configuration`, "lambda:UpdateFunctionConfiguration"},
	{"lambda", "PUT", `/functions/[^/]+/code`, "lambda:UpdateFunctionCode"},
	{"lambda", "POST", `/functions/[^/]+/versions`, "lambda:PublishVersion"},
	{"lambda", "GET", `/functions/[^/]+/versions`, "lambda:ListVersionsByFunction"},
	{"lambda", "PUT", `/functions/[^/]+/aliases/`, "lambda:UpdateAlias"},
	{"lambda", "GET", `/functions/[^/]+/aliases/`, "lambda:GetAlias"},
	{"lambda", "DELETE", `/functions/[^/]+$`, "lambda:DeleteFunction"},
	{"lambda", "GET", `/functions/[^/]+$`, "lambda:GetFunction"},
	{"lambda", "GET", `/functions/[^/]+/url$`, "lambda:GetFunctionUrlConfig"},
	{"lambda", "POST", `/functions/[^/]+/invocations$`, "lambda:InvokeFunction"},
	{"s3", "HEAD", `^/[^/?]+/?(\?.*)?$`, "s3:ListBucket"},
	{"s3", "GET", `^/[^/?]+/?\?.*list-type=2`, "s3:ListBucket"},
	{"s3", "GET", `^/[^/?]+/?\?.*versions`, "s3:ListBucketVersions"},
	{"s3", "GET", `^/[^/?]+/?\?.*location`, "s3:GetBucketLocation"},
	{"s3", "POST", `^/[^/?]+/?\?.*delete`, "s3:DeleteObject"},
	{"s3", "(PUT|POST)", `^/[^/?]+/[^?]+`, "s3:PutObject"},
	{"s3", "(GET|HEAD)", `^/[^/?]+/[^?]+`, "s3:GetObject"},
}

// actionOf is the IAM action that a request needs, empty where the table has none.
func actionOf(q *http.Request, body []byte) string {
	if strings.HasPrefix(q.URL.Path, functionURLPath) {
		return "lambda:InvokeFunctionUrl"
	}
	m := scope.FindStringSubmatch(q.Header.Get("Authorization"))
	if m == nil {
		return ""
	}
	service := m[1]
	if form, err := url.ParseQuery(string(body)); err == nil && form.Get("Action") != "" &&
		strings.Contains(q.Header.Get("Content-Type"), "form") {
		return service + ":" + form.Get("Action")
	}
	if _, action, ok := strings.Cut(q.Header.Get("X-Amz-Target"), "."); ok {
		return service + ":" + action
	}
	for _, r := range rest {
		if r.service == service && regexp.MustCompile("^"+r.method+"$").MatchString(q.Method) &&
			regexp.MustCompile(r.pattern).MatchString(q.URL.RequestURI()) {
			return r.action
		}
	}
	return ""
}
