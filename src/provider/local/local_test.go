package local

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/local/plugin"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/providertest"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// cli plays the provider.Serverless CLI: it leaves a file where the plugin would, and prints a text.
type cli struct {
	t      *testing.T
	dir    string
	deploy string // what the plugin writes; empty: nothing
	err    error
	stays  bool // remove does not take the file away
}

func (c cli) open(string, string) provider.Serverless { return c }
func (c cli) Ready(context.Context) provider.Tool {
	return provider.Tool{Name: "osls", Version: "4.3.1"}
}
func (c cli) Command(verb string, args ...string) shell.Command {
	return shell.Command{Name: "osls", Args: append([]string{verb}, args...), Dir: c.dir}
}

func (c cli) Deploy(context.Context, ...string) (string, error) {
	if c.deploy != "" {
		if err := os.WriteFile(filepath.Join(c.dir, plugin.EndpointsFile), []byte(c.deploy), 0o644); err != nil {
			c.t.Fatal(err)
		}
	}
	return "what it printed", c.err
}

func (c cli) Info(ctx context.Context, _ ...string) (string, error) { return c.Deploy(ctx) }

func (c cli) Remove(context.Context, ...string) (string, error) {
	if c.err == nil && !c.stays {
		_ = os.Remove(filepath.Join(c.dir, plugin.EndpointsFile))
	}
	return "removed", c.err
}

func TestLocalReadsWhatThePluginWrote(t *testing.T) {
	dir := t.TempDir()
	fn := providertest.Zip("f0-0", 0, 128)
	fn.Package = &run.Package{Bytes: 1 << 20, SHA256: "abc"}
	good := `{"service":"s","endpoints":[{"function":"f0-0","url":"http://127.0.0.1:1/s/f0-0","packageBytes":1048576,"packageSHA256":"abc","runtimeVersion":"Python 3.11","limitsEnforced":true}]}`
	l := connect(provider.Options{Serverless: cli{t: t, dir: dir, deploy: good}.open, ServiceDir: dir})
	got, err := l.DeployFunctions(t.Context(), []*run.Function{fn})
	if err != nil {
		t.Fatal(err)
	}
	if e := got[0]; e.URL != "http://127.0.0.1:1/s/f0-0" || e.MemoryMB != 128 || e.ImageSizeMB != 1 ||
		e.Detail["runtimeVersion"] != "Python 3.11" {
		t.Errorf("endpoint is %+v", e)
	}
	if err := l.RemoveFunctions(t.Context(), nil); err != nil {
		t.Error(err)
	}
	fn.Package.SHA256 = "other"
	if _, err := l.DeployFunctions(t.Context(), []*run.Function{fn}); err == nil ||
		!strings.Contains(err.Error(), "package") {
		t.Errorf("a package that is not the one built: %v", err)
	}
}

func TestLocalErrorsCarryTheText(t *testing.T) {
	fn := providertest.Zip("f0-0", 0, 128)
	fn.Package = &run.Package{}
	for name, c := range map[string]cli{
		"nothing written": {},
		"garbage":         {deploy: "not json"},
		"too few":         {deploy: `{"endpoints":[]}`},
	} {
		c.t, c.dir = t, t.TempDir()
		l := connect(provider.Options{Serverless: c.open, ServiceDir: c.dir})
		_, err := l.DeployFunctions(t.Context(), []*run.Function{fn})
		var e *fail.Error
		if !errors.As(err, &e) || e.Output != "what it printed" {
			t.Errorf("%s: error %v does not carry what was printed", name, err)
		}
	}
	dir := t.TempDir()
	l := connect(provider.Options{Serverless: cli{t: t, dir: dir, deploy: `{"endpoints":[]}`, stays: true}.open,
		ServiceDir: dir})
	if _, err := l.ListAPIs(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := l.RemoveFunctions(t.Context(), nil); err == nil {
		t.Error("a removal that left the service there was taken for success")
	}
}
