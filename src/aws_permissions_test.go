package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// recorder stands between the tools and the emulator, and notes which action each request needs permission for.
type recorder struct {
	proxy *httputil.ReverseProxy

	mu      sync.Mutex
	actions map[string]bool
	strange []string // requests whose action the table does not know
}

func newRecorder(target string) (*recorder, error) {
	to, err := url.Parse(target)
	if err != nil {
		return nil, err
	}
	return &recorder{proxy: httputil.NewSingleHostReverseProxy(to), actions: map[string]bool{}}, nil
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
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

// rest are the actions of services that name none in their requests: service, method, and path or query.
var rest = []struct{ service, method, pattern, action string }{
	{"lambda", "GET", `/account-settings`, "lambda:GetAccountSettings"},
	{"lambda", "GET", `/functions/[^/]+/configuration`, "lambda:GetFunctionConfiguration"},
	{"lambda", "PUT", `/functions/[^/]+/configuration`, "lambda:UpdateFunctionConfiguration"},
	{"lambda", "PUT", `/functions/[^/]+/code`, "lambda:UpdateFunctionCode"},
	{"lambda", "POST", `/functions/[^/]+/versions`, "lambda:PublishVersion"},
	{"lambda", "PUT", `/functions/[^/]+/aliases/`, "lambda:UpdateAlias"},
	{"lambda", "GET", `/functions/[^/]+$`, "lambda:GetFunction"},
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
	m := scope.FindStringSubmatch(q.Header.Get("Authorization"))
	if m == nil {
		return ""
	}
	service := m[1]
	if form, err := url.ParseQuery(string(body)); err == nil && form.Get("Action") != "" && strings.Contains(q.Header.Get("Content-Type"), "form") {
		return service + ":" + form.Get("Action")
	}
	if _, action, ok := strings.Cut(q.Header.Get("X-Amz-Target"), "."); ok {
		return service + ":" + action
	}
	for _, r := range rest {
		if r.service == service && regexp.MustCompile("^"+r.method+"$").MatchString(q.Method) && regexp.MustCompile(r.pattern).MatchString(q.URL.RequestURI()) {
			return r.action
		}
	}
	return ""
}

// policy is docs/providers/aws-policy.json.
type policy struct {
	Statement []struct {
		Sid              string
		Effect           string
		Action, Resource words
	}
}

// words is a string or a list of strings, as policies have them.
type words []string

func (w *words) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*w = words{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(w))
}

func readPolicy(t *testing.T) policy {
	t.Helper()
	text, err := os.ReadFile("../docs/providers/aws-policy.json")
	if err != nil {
		t.Fatal(err)
	}
	var p policy
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// check demands that the policy allows all that was asked for.
func (r *recorder) check(t *testing.T) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	allowed := map[string]bool{}
	for _, s := range readPolicy(t).Statement {
		for _, a := range s.Action {
			allowed[a] = true
		}
	}
	var asked []string
	for a := range r.actions {
		asked = append(asked, a)
		if a != "" && !allowed[a] {
			t.Errorf("%s was asked for, docs/providers/aws-policy.json does not allow it", a)
		}
	}
	if len(r.strange) > 0 {
		t.Errorf("requests of unknown actions: %q", slices.Compact(slices.Sorted(slices.Values(r.strange))))
	}
	if len(asked) < 15 {
		t.Errorf("only %q were asked for: not all is recorded", asked)
	}
	fmt.Printf("| of the actions in docs/providers/aws-policy.json the Serverless CLI and stellar asked the emulator for %d\n", len(asked))
}

// The documented permissions have no wildcard for an action, and are confined to our names wherever AWS lets them be.
func TestAWSPolicyIsConfined(t *testing.T) {
	for _, s := range readPolicy(t).Statement {
		for _, a := range s.Action {
			if strings.Contains(a, "*") || s.Effect != "Allow" {
				t.Errorf("%s: %s %s", s.Sid, s.Effect, a)
			}
		}
		for _, res := range s.Resource {
			switch {
			case strings.Contains(res, "stellar"), s.Sid == "HTTPAPIs" && strings.HasPrefix(res, "arn:aws:apigateway:"):
			case s.Sid == "WhatHasNoNarrowerResource" && res == "*":
				for _, a := range s.Action {
					if _, verb, _ := strings.Cut(a, ":"); !regexp.MustCompile(`^(Describe|List|Get|Validate)`).MatchString(verb) {
						t.Errorf("%s: %s of everything", s.Sid, a)
					}
				}
			default:
				t.Errorf("%s is of %s", s.Sid, res)
			}
		}
	}
}
