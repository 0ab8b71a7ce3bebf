package aws

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/providertest"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// lambdaCloud answers as Lambda does about functions, and as the functions themselves. For a while after each update it
// shows the configuration of before, whose LastUpdateStatus is Successful, and the instance of before answers.
type lambdaCloud struct {
	t     *testing.T
	stale time.Duration
	url   string

	mu        sync.Mutex
	functions map[string]*lambdaFunction
	updates   int
	conflicts int // so many updates are refused, because another one is under way
	denied    bool
	invalid   bool       // updates are refused, with all that they ask for in the message
	fails     string     // why updates that were taken fail; empty: they do not
	log       run.Logger // of connections; nil: none
	most      int        // published versions that a function had at once
}

// lambdaFunction is a function of lambdaCloud. All but what is shown may be changed by others at any time.
type lambdaFunction struct {
	config, shown map[string]any // the newest one, and the one of before
	until         time.Time      // so long the one of before is shown
	revision      int
	instance      int // the number of the one that answers
	warm          bool
	starts        []bool            // of each request: whether it was cold
	versions      map[string]string // of each published version its description
	published     int
	alias         string
}

func newLambdaCloud(t *testing.T, stale time.Duration, names ...string) (*lambdaCloud, provider.Connection) {
	t.Helper()
	c := &lambdaCloud{t: t, stale: stale, functions: map[string]*lambdaFunction{}}
	for _, name := range names {
		f := &lambdaFunction{config: map[string]any{"FunctionName": name, "MemorySize": 128, "Timeout": 3,
			"State": "Active", "Environment": map[string]any{"Variables": map[string]any{
				"DATABASE": "secret of " + name}}},
			versions: map[string]string{"1": ""}, published: 1, alias: "1"}
		c.functions[name] = f
		f.apply(f.config, 0)
	}
	s := httptest.NewServer(c)
	t.Cleanup(s.Close)
	c.url = s.URL
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": s.URL, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY": "none", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_REGION": "eu-west-3",
		"AWS_DEFAULT_REGION": "", "AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull} {
		t.Setenv(name, value)
	}
	return c, c.connect()
}

// connect is a connection of another process, which remembers nothing.
func (c *lambdaCloud) connect() provider.Connection {
	quick := provider.Patience{Wait: max(time.Millisecond, c.stale/20), Settle: time.Millisecond, Command: time.Minute}
	return connect(provider.Options{Service: awsStackName, Getenv: os.Getenv, Patience: quick,
		Log: c.logger()}.WithDefaults())
}

func (c *lambdaCloud) logger() run.Logger {
	if c.log == nil {
		return providertest.Silent{}
	}
	return c.log
}

// endpoint is that of a function.
func (c *lambdaCloud) endpoint(name string) provider.Endpoint {
	return provider.Endpoint{Function: name, URL: c.url + "/invoke/" + name, Provider: "aws",
		Detail: map[string]string{provider.DetailName: name, provider.DetailUnit: awsStackName,
			provider.DetailRegion: "eu-west-3"}}
}

// apply makes a configuration the newest one, of which nothing is shown for a while.
func (f *lambdaFunction) apply(config map[string]any, stale time.Duration) {
	f.shown, f.until = f.config, time.Now().Add(stale)
	f.revision++
	f.config = maps.Clone(config)
	f.config["RevisionId"], f.config["LastUpdateStatus"] = "revision-"+strconv.Itoa(f.revision), "Successful"
	f.config["LastModified"] = "2026-11-28T00:00:0" + strconv.Itoa(f.revision%10) + ".000+0000"
}

// seen is the configuration that Lambda shows now.
func (f *lambdaFunction) seen() map[string]any {
	if time.Now().Before(f.until) {
		return f.shown
	}
	return f.config
}

// lasting is what a configuration says, without what changes with every update.
func (c *lambdaCloud) lasting(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.functions[name]
	config := maps.Clone(f.config)
	for _, key := range []string{"RevisionId", "LastModified", "LastUpdateStatus"} {
		delete(config, key)
	}
	text, err := json.Marshal(config)
	if err != nil {
		c.t.Error(err)
	}
	return fmt.Sprintf("%s, the route leads to %s of %v", text, f.alias, slices.Sorted(maps.Keys(f.versions)))
}

func (c *lambdaCloud) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Error(err)
	}
	if strings.Contains(string(body), "Action=GetCallerIdentity") {
		fmt.Fprint(w, "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account>"+
			"</GetCallerIdentityResult></GetCallerIdentityResponse>")
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	if parts[0] == "invoke" {
		c.functions[parts[1]].answer(w)
		return
	}
	if len(parts) < 3 || parts[1] != "functions" {
		c.t.Errorf("%s %s: %s", r.Method, r.URL, body)
		return
	}
	name, version, _ := strings.Cut(parts[2], ":")
	f := c.functions[name]
	if f == nil {
		refuseLambda(w, http.StatusNotFound, "ResourceNotFoundException")
		return
	}
	var in map[string]any
	_ = json.Unmarshal(body, &in)
	c.serve(w, r, f, version, strings.Join(parts[3:], "/"), in)
}

// serve answers a call about a function.
func (c *lambdaCloud) serve(w http.ResponseWriter, r *http.Request, f *lambdaFunction, version, what string,
	in map[string]any) {
	switch call := r.Method + " " + what; call {
	case "GET configuration":
		writeLambda(w, f.seen())
	case "PUT configuration":
		c.update(w, f, in)
	case "POST versions":
		f.published++
		n := strconv.Itoa(f.published)
		f.versions[n], _ = in["Description"].(string)
		c.most = max(c.most, len(f.versions))
		writeLambda(w, map[string]any{"Version": n})
	case "GET versions":
		list := []any{map[string]any{"Version": "$LATEST"}}
		for _, v := range slices.Sorted(maps.Keys(f.versions)) {
			list = append(list, map[string]any{"Version": v, "Description": f.versions[v]})
		}
		writeLambda(w, map[string]any{"Versions": list})
	case "GET aliases/snapstart":
		writeLambda(w, map[string]any{"FunctionVersion": f.alias})
	case "PUT aliases/snapstart":
		f.alias, _ = in["FunctionVersion"].(string)
		if _, ok := f.versions[f.alias]; !ok {
			c.t.Errorf("the route leads to version %q, which does not exist", f.alias)
		}
		writeLambda(w, map[string]any{"FunctionVersion": f.alias})
	case "DELETE ":
		switch gone := r.URL.Query().Get("Qualifier"); {
		case gone == "" || gone == f.alias:
			refuseLambda(w, http.StatusConflict, "ResourceConflictException")
		default:
			delete(f.versions, gone)
			w.WriteHeader(http.StatusNoContent)
		}
	default:
		c.t.Errorf("%s %s (version %q)", call, r.URL, version)
	}
}

// update takes an update of the configuration where it is of the newest revision.
func (c *lambdaCloud) update(w http.ResponseWriter, f *lambdaFunction, in map[string]any) {
	switch {
	case c.denied:
		refuseLambda(w, http.StatusForbidden, "AccessDeniedException")
		return
	case c.invalid:
		w.Header().Set("X-Amzn-ErrorType", "InvalidParameterValueException")
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprintf(w, `{"Type": "User", "Message": %q}`, fmt.Sprint("too much: theirs-0815. String measured: ", in))
		return
	case c.conflicts > 0:
		c.conflicts--
		refuseLambda(w, http.StatusConflict, "ResourceConflictException")
		return
	case in["RevisionId"] != f.config["RevisionId"]:
		refuseLambda(w, http.StatusPreconditionFailed, "PreconditionFailedException")
		return
	}
	config := maps.Clone(f.config)
	if in["MemorySize"] != nil {
		config["MemorySize"] = in["MemorySize"]
	}
	if in["Timeout"] != nil {
		config["Timeout"] = in["Timeout"]
	}
	if in["Environment"] != nil {
		config["Environment"] = in["Environment"]
	}
	delete(config, "LastUpdateStatusReason")
	f.apply(config, c.stale)
	if c.fails != "" {
		f.config["LastUpdateStatus"], f.config["LastUpdateStatusReason"] = "Failed", c.fails
	}
	c.updates++
	writeLambda(w, f.config)
}

// answer is a request to the function, which the instance of before takes as long as its configuration is shown.
func (f *lambdaFunction) answer(w http.ResponseWriter) {
	serving := f.revision
	if time.Now().Before(f.until) {
		serving--
	}
	cold := f.instance != serving || !f.warm
	f.instance, f.warm, f.starts = serving, true, append(f.starts, cold)
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"RequestID":"r","Instance":{"ID":"%s-%d","Cold":%v,"Invocation":1}}`, f.config["FunctionName"],
		serving, cold)
}

func writeLambda(w http.ResponseWriter, body any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body)
}

func refuseLambda(w http.ResponseWriter, status int, code string) {
	w.Header().Set("X-Amzn-ErrorType", code)
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"Type": "User", "Message": %q}`, code)
}
