package cloudflare

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// versions is a Worker of which one version after the other is deployed.
type versions struct {
	deployed []string // nil: there is no Worker
	calls    []string
	deaf     bool // a deployment changes nothing
}

func (v *versions) run(_ context.Context, c shell.Command) (shell.Result, error) {
	line := strings.Join(c.Args, " ")
	v.calls = append(v.calls, line)
	switch {
	case v.deployed == nil:
		return shell.Result{ExitCode: 1, Stderr: "This Worker does not exist on your account. [code: 10007]"},
			fail.With(fail.CodeFailed, "exit code 1")
	case c.Args[0] == "deployments":
		var list []string
		for i, id := range v.deployed {
			list = append(list, fmt.Sprintf(`{"created_on": "2026-11-28T10:00:0%dZ", "versions": [{"version_id": %q, `+
				`"percentage": 100}]}`, i, id))
		}
		slices.Reverse(list)
		return shell.Result{Stdout: "wrangler 4.86.0\n[" + strings.Join(list, ",") + "]\n"}, nil
	case !v.deaf:
		id, _, _ := strings.Cut(c.Args[2], "@")
		v.deployed = append(v.deployed, id)
	}
	return shell.Result{}, nil
}

func (v *versions) open(t *testing.T) *connection {
	return connect(provider.Options{Service: "stellar-x", ServiceDir: t.TempDir(), Runner: v.run,
		Getenv:   func(string) string { return "" },
		LookPath: func(n string) (string, error) { return "/tools/" + n, nil }}.WithDefaults()).(*connection)
}

// TestCloudflarePutsTheVersionBack: by another process, in no folder that a journal names.
func TestCloudflarePutsTheVersionBack(t *testing.T) {
	v := &versions{deployed: []string{"first"}}
	e := provider.Endpoint{Detail: map[string]string{provider.DetailUnit: "stellar-x-f0-0",
		provider.DetailAccount: "acc1", provider.DetailDir: "/nowhere"}}
	was, err := v.open(t).Configuration(t.Context(), e)
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(was, e.Detail)
	v.deployed = append(v.deployed, "cold")
	for range 2 {
		if err := v.open(t).Restore(t.Context(), was); err != nil || v.deployed[len(v.deployed)-1] != "first" {
			t.Errorf("deployed %q, %v", v.deployed, err)
		}
	}
	if n := slices.Index(v.calls, "versions deploy first@100% --name stellar-x-f0-0 --yes "+
		"--config wrangler.jsonc"); n < 0 ||
		len(v.deployed) != 3 {
		t.Errorf("ran %q", v.calls)
	}
	v.deployed, v.deaf = append(v.deployed, "cold"), true
	if err := v.open(t).Restore(t.Context(), was); err == nil {
		t.Error("the version of before is not deployed, and nobody says so")
	}
	v.deployed = nil
	if err := v.open(t).Restore(t.Context(), was); err != nil {
		t.Errorf("the Worker is gone: %v", err)
	}
	if _, err := v.open(t).Configuration(t.Context(), e); err == nil {
		t.Error("a Worker that is gone has a version")
	}
	if err := v.open(t).UpdateFunction(t.Context(), e, nil); fail.Code(err) != fail.CodeInput {
		t.Errorf("a cold start without the Worker's folder: %v", err)
	}
}
