package aliyun

import (
	"context"
	"errors"
	"fmt"
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
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// fakeAliyun is a Serverless CLI that works in an account of Alibaba Cloud's.
type fakeAliyun struct {
	t     *testing.T
	env   map[string]string
	said  string // what `serverless deploy` prints; empty: what the plugin does
	info  string // what `serverless info` prints at its end; empty: what is left
	fails map[string]error

	mu    sync.Mutex
	left  map[string]bool
	stays bool
	calls []string
	yml   string // serverless.yml of the last folder that was removed from
}

func newFakeAliyun(t *testing.T) *fakeAliyun {
	return &fakeAliyun{t: t, left: map[string]bool{}, fails: map[string]error{},
		env: map[string]string{"ALIBABA_CLOUD_ACCESS_KEY_ID": "id",
			"ALIBABA_CLOUD_ACCESS_KEY_SECRET": "s3cret", "ALIBABA_CLOUD_ACCOUNT_ID": "123"}}
}

func (f *fakeAliyun) open(dir string) *connection {
	return connect(provider.Options{Service: "stellar-x", ServiceDir: dir, Getenv: func(n string) string {
		return f.env[n]
	},
		Serverless: func(which, dir string) provider.Serverless { return aliyunCLI{f, which, dir} },
		Patience:   provider.Patience{Wait: time.Millisecond, Settle: time.Millisecond}}.WithDefaults()).(*connection)
}

type aliyunCLI struct {
	*fakeAliyun
	which, dir string
}

func (c aliyunCLI) Ready(context.Context) provider.Tool {
	return provider.Tool{Name: c.which, Version: "4.3.1"}
}
func (c aliyunCLI) Command(verb string, args ...string) shell.Command {
	return shell.Command{Name: "serverless", Args: append([]string{verb}, args...), Dir: c.dir}
}

func (c aliyunCLI) Deploy(context.Context, ...string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fn := filepath.Base(c.dir)
	c.calls = append(c.calls, c.which+" "+fn+" deploy")
	c.left[fn] = true
	if c.said != "" {
		return c.said, c.fails["deploy"]
	}
	return "Deployed API stellar_http_1\nGET http://5cfe-ap-southeast-1.alicloudapi.com/" + fn + " -> stellar-x-" + fn +
		".stellar-x-" + fn + "-dev-" + fn + "\n", c.fails["deploy"]
}

func (c aliyunCLI) Info(context.Context, ...string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.info != "" {
		return c.info, nil
	}
	var left []string
	for n := range c.left {
		left = append(left, `"service stellar-x-`+n+`"`)
	}
	return "Endpoints\nThere are no endpoints yet\n\nstellar-left: [" + strings.Join(left, ",") + "]\n", c.fails["info"]
}

func (c aliyunCLI) Remove(context.Context, ...string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	yml, err := os.ReadFile(filepath.Join(c.dir, "serverless.yml"))
	if err != nil {
		c.t.Error(err)
	}
	c.yml = string(yml)
	if !c.stays {
		clear(c.left)
	}
	return "", c.fails["remove"]
}

func TestAliyunDeploys(t *testing.T) {
	f := newFakeAliyun(t)
	f.env["ALIBABA_CLOUD_REGION_ID"] = "ap-southeast-1"
	dir := t.TempDir()
	a := f.open(dir)
	fns := []*provider.Function{providertest.Packaged("f0-0"), providertest.Packaged("f0-1")}
	got, err := a.DeployFunctions(t.Context(), fns)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range got {
		if e.Function != fns[i].Name || e.URL != "http://5cfe-ap-southeast-1.alicloudapi.com/"+e.Function ||
			e.ImageSizeMB != 3 ||
			e.Detail[provider.DetailUnit] != "stellar-x-"+e.Function ||
			e.Detail[provider.DetailDir] != filepath.Join(dir, e.Function) {
			t.Errorf("endpoint %d: %+v", i, e)
		}
	}
	if slices.Sort(f.calls); len(f.calls) != 2 || f.calls[0] != "aliyun f0-0 deploy" {
		t.Errorf("called %q", f.calls)
	}
	if where, err := a.Locate(t.Context()); err != nil || where[provider.DetailRegion] != "ap-southeast-1" {
		t.Errorf("located %v, %v", where, err)
	}
	f.said = "Deployed API sls\n"
	_, err = a.DeployFunctions(t.Context(), fns[:1])
	var said *fail.Error
	if !errors.As(err, &said) || said.Output != f.said {
		t.Errorf("no address: %v", err)
	}
	f.calls, f.said = nil, ""
	if err := a.UpdateFunction(t.Context(), got[0], fns[0]); err != nil || len(f.calls) != 1 {
		t.Errorf("cold start: %v, %q", err, f.calls)
	}
	if err := a.UpdateFunction(t.Context(), got[0], nil); fail.Code(err) != fail.CodeInput {
		t.Errorf("without its folder: %v", err)
	}
	yml := filepath.Join(dir, fns[0].Name, provider.YMLName)
	if err := errors.Join(os.MkdirAll(filepath.Dir(yml), 0o755), os.WriteFile(yml, nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	if err := a.UpdateFunction(t.Context(), got[0], nil); err != nil || len(f.calls) != 2 ||
		f.calls[1] != f.calls[0] {
		t.Errorf("only a cold start: %v, %q", err, f.calls)
	}
}

func TestAliyunReadsWhatThePluginPrints(t *testing.T) {
	for text, want := range map[string][]string{
		"Deploying API sls_http_my_service_dev_hello...\nDeployed API sls_http_my_service_dev_hello\n" +
			"GET http://5cfeb440ed6d4ad69ae29d8408aa606e-ap-southeast-1.alicloudapi.com/foo -> " +
			"my-service-dev.my-service-dev-hello\n": {
			"http://5cfeb440ed6d4ad69ae29d8408aa606e-ap-southeast-1.alicloudapi.com/foo my-service-dev-hello"},
		"Serverless: POST http://a.alicloudapi.com/b -> s.f": {"http://a.alicloudapi.com/b f"},
		"GET http://a.alicloudapi.com/b":                     nil,
		"":                                                   nil,
	} {
		var got []string
		for _, e := range readEndpoints(text) {
			got = append(got, e.URL+" "+e.Function)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestAliyunWantsCredentials(t *testing.T) {
	home := t.TempDir()
	file := filepath.Join(home, ".aliyuncli", "credentials")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	whole := "[default]\naliyun_access_key_id = k\naliyun_access_key_secret = s3cret\naliyun_account_id = 1\n"
	for name, c := range map[string]struct {
		env        map[string]string
		text, want string // in the error, else found
	}{
		"environment": {env: newFakeAliyun(t).
			env, want: "ALIBABA_CLOUD_ACCESS_KEY_ID, ALIBABA_CLOUD_ACCESS_KEY_SECRET, ALIBABA_CLOUD_ACCOUNT_ID"},
		"half an environment": {env: map[string]string{"ALIBABA_CLOUD_ACCESS_KEY_ID": "id"}, text: whole,
			want: "incomplete: ALIBABA_CLOUD_ACCESS_KEY_SECRET, ALIBABA_CLOUD_ACCOUNT_ID not set"},
		"file in the home": {text: whole, want: file},
		"file by name": {env: map[string]string{"ALIBABA_CLOUD_CREDENTIALS_FILE": filepath.Join(home, "none")},
			text: whole, want: "no such file"},
		"half a file": {text: "[default]\naliyun_access_key_id = k\n",
			want: "have no aliyun_access_key_secret"},
		"nothing": {want: "there are no credentials"},
	} {
		_ = os.Remove(file)
		if c.text != "" {
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		f := newFakeAliyun(t)
		f.env = map[string]string{"HOME": home}
		for k, v := range c.env {
			f.env[k] = v
		}
		a := f.open(t.TempDir())
		r := a.Ready(t.Context())
		if text := fmt.Sprint(r.Credentials, r.Err()); !strings.Contains(text, c.want) ||
			strings.Contains(text, "s3cret") {
			t.Errorf("%s: %s", name, text)
		}
		_, derr := a.DeployFunctions(t.Context(), []*provider.Function{providertest.Packaged("f0-0")})
		if r.Err() != nil && (fail.Code(derr) != fail.CodeInput || len(f.calls) > 0 ||
			fail.Code(a.RemoveFunctions(t.Context(), nil)) != fail.CodeInput) {
			t.Errorf("%s: deploying gave %v, after %q", name, derr, f.calls)
		}
	}
}

func TestAliyunRemoves(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "f0-0")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "serverless.yml"), []byte("the run's own\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		gone   bool // the folder
		change func(f *fakeAliyun)
		want   string // in the error; empty: removed
	}{
		"removed":                   {},
		"the folder is gone":        {gone: true},
		"it fails, but all is gone": {change: func(f *fakeAliyun) { f.fails["remove"] = errors.New("exit code 1") }},
		"something stays":           {change: func(f *fakeAliyun) { f.stays = true }, want: "still there"},
		"it says nothing of what stays": {change: func(f *fakeAliyun) { f.info = "Service Information\n" },
			want: "did not say what is left"},
		"nobody can look": {change: func(f *fakeAliyun) { f.fails["info"] = errors.New("Forbidden.RAM") },
			want: "Forbidden.RAM"},
	} {
		f := newFakeAliyun(t)
		f.left["f0-0"] = true
		if c.change != nil {
			c.change(f)
		}
		u := provider.Unit{Name: "stellar-x-f0-0", Folder: dir,
			Where: map[string]string{provider.DetailRegion: "eu-central-1"}}
		want := "the run's own\n"
		if c.gone {
			u.Folder = filepath.Join(dir, "no")
			want = "service: stellar-x-f0-0\n"
		}
		err := f.open(t.TempDir()).RemoveFunctions(t.Context(), []provider.Unit{u})
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) ||
			!strings.HasPrefix(f.yml, want) {
			t.Errorf("%s: %v, want %q; from a folder with %q", name, err, c.want, f.yml)
		}
		if c.gone && !strings.Contains(f.yml, "region: eu-central-1") {
			t.Errorf("the region of then is forgotten: %s", f.yml)
		}
	}
}

func TestAliyunRefuses(t *testing.T) {
	a := newFakeAliyun(t).open(t.TempDir())
	s := experiment.SubExperiment{Protocol: "h2", DesiredServiceTimes: []string{"1s", "31s"}}
	if no := a.Refuse(&s, nil); len(no) != 2 || !strings.Contains(no[1].String(), "31s") {
		t.Errorf("refused %q", no)
	}
	if no := a.Refuse(&experiment.SubExperiment{Protocol: "http1", DesiredServiceTimes: []string{"29s"}},
		nil); len(no) > 0 {
		t.Errorf("refused %q", no)
	}
}

// In another account nothing is to be found, which is no removal: the account is compared first, wherever the
// credentials are.
func TestAliyunKeepsToTheAccount(t *testing.T) {
	file := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(file, []byte("[default]\naliyun_access_key_id = id\naliyun_access_key_secret = "+
		"s3cret\naliyun_account_id = 456\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		env     map[string]string
		account string
		refused bool
	}{
		"the same":           {nil, "123", false},
		"another":            {nil, "456", true},
		"the same, by file":  {map[string]string{"ALIBABA_CLOUD_CREDENTIALS_FILE": file}, "456", false},
		"another, by file":   {map[string]string{"ALIBABA_CLOUD_CREDENTIALS_FILE": file}, "123", true},
		"of an earlier time": {nil, "", false},
	} {
		f := newFakeAliyun(t)
		if c.env != nil {
			f.env = c.env
		}
		conn := f.open(t.TempDir())
		err := conn.RemoveFunctions(t.Context(), []provider.Unit{{Name: "stellar-x-f0-0", Confirmed: true,
			Where: map[string]string{provider.DetailAccount: c.account}}})
		if (err != nil) != c.refused || c.refused && (!strings.Contains(err.Error(), "is in account "+c.account) ||
			len(f.calls) > 0) {
			t.Errorf("%s: %v after %q", name, err, f.calls)
		}
		if where, err := conn.Locate(t.Context()); err != nil || where[provider.DetailAccount] == "" {
			t.Errorf("%s: located %v, %v", name, where, err)
		}
	}
}

func TestOutputsOfRealDeployments(t *testing.T) {
	providertest.Outputs(t, func(text string) (urls []string) {
		for _, e := range readEndpoints(text) {
			urls = append(urls, e.URL)
		}
		return urls
	},
		map[string][]string{"deploy.txt": {"http://5cfeb440ed6d4ad69ae29d8408aa606e-ap-southeast-1.alicloudapi.com/foo"}})
}
