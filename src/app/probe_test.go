package app

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// keptRun is the folder of a run of three sub-experiments that left up the functions of some of them.
func keptRun(t *testing.T, subs ...int) (App, string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(server.Close)
	return keptRunOf(t, `{"Provider":"local","SubExperiments":[{"Runtime":"go","Bursts":1,"Visualization":"none"},
		{"Runtime":"go","Bursts":1,"Visualization":"none"},{"Runtime":"go","Bursts":1,"Visualization":"none"}]}`,
		server.URL, subs...)
}

// keptRunOf is the folder of a run of a file that left up, at an address, the functions of some sub-experiments.
func keptRunOf(t *testing.T, file, url string, subs ...int) (App, string) {
	t.Helper()
	j, r := testJob(t, file)
	var up []*run.Function
	for _, f := range r.Functions {
		for _, sub := range subs {
			if f.Sub == sub {
				f.Endpoint = &run.Endpoint{Function: f.Name, URL: url, Deployed: true,
					Provider: r.Experiment.Provider}
				up = append(up, f)
			}
		}
	}
	r.Functions, r.Record.Status = up, run.StatusKept
	if _, err := r.Journal.Intend("test", "kept", nil); err != nil { // what is up keeps the token
		t.Fatal(err)
	}
	for _, err := range []error{r.KeepToken(), r.WriteRecord(), r.Journal.Note(run.EventKept, "left up on purpose"),
		r.Close()} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return j.app, r.Dir
}

// TestProbeOfSomeSubExperiments holds that only functions that were deployed are probed: those of a deployment with -r,
// and that asking for others is an error with a sentence.
func TestProbeOfSomeSubExperiments(t *testing.T) {
	for name, c := range map[string]struct {
		deployed []int
		only     int
		probed   []int
		want     string
	}{
		"all":                {[]int{0, 1, 2}, -1, []int{0, 1, 2}, ""},
		"one of all":         {[]int{0, 1, 2}, 2, []int{2}, ""},
		"the one that is up": {[]int{1}, -1, []int{1}, ""},
		"that one by name":   {[]int{1}, 1, []int{1}, ""},
		"another":            {[]int{1}, 0, nil, "function f0-0 was never deployed"},
		"one is missing":     {[]int{0, 1}, -1, nil, "function f2-0 was never deployed"},
	} {
		w, dir := keptRun(t, c.deployed...)
		w.Only = c.only
		out, err := w.Probe(t.Context(), dir)
		if c.want != "" {
			if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: error %v", name, err)
			}
			continue
		}
		if err != nil || len(out.Results) != len(c.probed) {
			t.Errorf("%s: %v, %+v", name, err, out)
			continue
		}
		for i, sub := range c.probed {
			if res := out.Results[i]; res.Sub != sub || res.Rows != 1 || res.Failed != 0 {
				t.Errorf("%s: result %+v", name, res)
			}
		}
	}
}

// said keeps what is warned of.
type said struct {
	quiet
	all *[]string
}

func (w said) Warnf(format string, args ...any) {
	*w.all = append(*w.all, fmt.Sprintf(format, args...))
}

// TestRemoveOfAProbe: the run of a probe, which latest leads to, has nothing to remove; where the functions are that it
// probed is said as long as they are up.
func TestRemoveOfAProbe(t *testing.T) {
	w, dir := keptRun(t, 1)
	out, err := w.Probe(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	w.Log = said{all: &lines}
	if n, err := w.Remove(t.Context(), out.Dir); n != 0 || err != nil || len(lines) != 1 ||
		!strings.Contains(lines[0], "stellar remove "+dir) {
		t.Errorf("%d removed, error %v, said %q", n, err, lines)
	}
	rec, err := run.ReadRecord(dir)
	if err != nil {
		t.Fatal(err)
	}
	rec.Status, lines = run.StatusDone, nil
	if err := rec.Write(dir); err != nil {
		t.Fatal(err)
	}
	if n, err := w.Remove(t.Context(), out.Dir); n != 0 || err != nil || len(lines) > 0 {
		t.Errorf("they are gone: %d removed, error %v, said %q", n, err, lines)
	}
}

// TestDeployOfExistingFunctionsOnly: where a file has functions of others alone there is nothing to deploy or to keep.
func TestDeployOfExistingFunctionsOnly(t *testing.T) {
	const of = `{"Provider": "aws", "SubExperiments": [
		{"Title": "theirs", "Bursts": 1, "Function": "arn:aws:lambda:eu-west-3:123456789012:function:search"},
		{"Title": "ours", "Bursts": 1, "Runtime": "go"}]}`
	exp := parse(t, of)
	home := t.TempDir()
	w := App{Config: Config{Options: Options{Output: home, Serverless: true, Only: 0}}}
	_, err := w.Deploy(t.Context(), exp, home)
	if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), "the functions exist already") ||
		fail.Hint(err) == "" {
		t.Errorf("deploy says %v", err)
	}
	if left, err := os.ReadDir(home); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

// TestProbeLooksExistingFunctionsUp: beside functions that were deployed, those of others are measured as they are now.
func TestProbeLooksExistingFunctionsUp(t *testing.T) {
	const api = "/2015-03-31/functions/search/"
	memory := 128
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch body, err := io.ReadAll(r.Body); {
		case err != nil:
			t.Error(err)
		case strings.Contains(string(body), "Action=GetCallerIdentity"):
			_, _ = io.WriteString(w, "<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account>"+
				"</GetCallerIdentityResult></GetCallerIdentityResponse>")
		case r.URL.Path == api+"configuration":
			_, _ = fmt.Fprintf(w, `{"FunctionName": "search", "MemorySize": %d, "Runtime": "ruby3.4"}`, memory)
		case r.URL.Path != api+"invocations" && r.URL.Path != "/ours":
			t.Errorf("%s %s: %s", r.Method, r.URL, body)
		}
	}))
	t.Cleanup(aws.Close)
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": aws.URL, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY": "none", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "", "AWS_REGION": "eu-west-3",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull} {
		t.Setenv(name, value)
	}
	w, dir := keptRunOf(t, `{"Provider": "aws", "SubExperiments": [{"Runtime": "go", "Bursts": 1, "Visualization": "none"},
		{"Bursts": 1, "Function": "arn:aws:lambda:eu-west-3:123456789012:function:search", "Visualization": "none"}]}`,
		aws.URL+"/ours", 0, 1)
	memory = 512 // somebody has changed it since
	out, err := w.Probe(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, res := range out.Results {
		if res.Sub != i || res.Rows != 1 || res.Failed != 0 {
			t.Errorf("result %+v", res)
		}
	}
	rec, err := run.ReadRecord(out.Dir)
	if err != nil || len(rec.Functions) != 2 || rec.Functions[1].MemoryMB != 512 ||
		rec.Functions[1].Runtime != "ruby3.4" {
		t.Errorf("%+v, %v", rec, err)
	}
}
