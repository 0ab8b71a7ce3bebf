package deploy

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

func TestVersionTellsWhatCanRunThePlugin(t *testing.T) {
	for out, ok := range map[string]bool{
		"osls (Serverless Framework) 4.3.1\n":                                        true,
		"Running \"serverless\" from node_modules\nFramework Core: 3.40.0 (local)\n": true,
		"Framework Core: 2.72.0\n":                                                   false,
		"Serverless ϟ Framework 4.4.7\n":                                             false,
		"hello\n":                                                                    false,
		"osls version 10.0.0\n":                                                      true,
		"osls version: 12.34.56\n":                                                   true,
		"osls version 2.72.4\n":                                                      false,
		"Framework Core: 30.1.0\n":                                                   false,
		"Framework Core: 10.0.0\n":                                                   false,
	} {
		run := func(context.Context, shell.Command) (shell.Result, error) { return shell.Result{Stdout: out}, nil }
		version, err := Version(context.Background(), run, "serverless")
		if (err == nil) != ok || (!ok && fail.Code(err) != fail.CodeInput) {
			t.Errorf("%q: %q, %v; want ok %v", out, version, err, ok)
		}
	}
}

// A CLI that is there and fails is reported with how to get one that works, and with what it wrote.
func TestBrokenServerless(t *testing.T) {
	run := func(context.Context, shell.Command) (shell.Result, error) {
		return shell.Result{}, &fail.Error{Code: fail.CodeFailed, Output: "old Node.js", Err: errors.New("exit code 1")}
	}
	_, err := Version(context.Background(), run, "serverless")
	if !strings.Contains(fail.Hint(err), "npm install") || fail.Output(err) != "old Node.js" {
		t.Errorf("%v, hint %q, output %q", err, fail.Hint(err), fail.Output(err))
	}
}

func TestFindServerless(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "osls")
	if err := os.WriteFile(bin, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", t.TempDir())
	none := func(string) string { return "" }
	if got, err := FindServerless(none, dir); err != nil || got != bin {
		t.Errorf("beside the binary: %q, %v", got, err)
	}
	if _, err := FindServerless(none); fail.Code(err) != fail.CodeInput {
		t.Errorf("nowhere: %v", err)
	}
	named := func(string) string { return bin }
	if got, err := FindServerless(named); err != nil || got != bin {
		t.Errorf("named by the environment: %q, %v", got, err)
	}
}

func TestServerlessRunsInItsFolderAndKeepsTheOutput(t *testing.T) {
	dir := t.TempDir()
	var seen shell.Command
	s := &Serverless{Bin: "osls", Dir: dir, Env: []string{"TOKEN=x"}, Secrets: []string{"x"},
		Runner: func(_ context.Context, c shell.Command) (shell.Result, error) {
			seen = c
			return shell.Result{Stdout: "out\n", Stderr: "err\n"}, errors.New("exit 1")
		}}
	text, err := s.Deploy(context.Background())
	if err == nil || text != "out\nerr\n" {
		t.Errorf("got %q, %v", text, err)
	}
	kept, _ := os.ReadFile(filepath.Join(dir, "deploy.txt"))
	if string(kept) != text {
		t.Errorf("kept %q", kept)
	}
	if seen.Dir != dir || !slices.Equal(seen.Args, []string{"deploy"}) || !slices.Contains(seen.Env, "TOKEN=x") ||
		seen.Retry.Attempts > 1 {
		t.Errorf("ran %+v", seen)
	}
}

// TestHiddenPackagesAreRemoved: where the functions' environment has secrets, the folder of what the CLI has put
// together is gone after every command, whether it failed or not.
func TestHiddenPackagesAreRemoved(t *testing.T) {
	for _, hide := range []bool{true, false} {
		dir := t.TempDir()
		template := filepath.Join(dir, ".serverless", "cloudformation-template-update-stack.json")
		s := Kit{Hide: hide, Getenv: func(string) string { return os.Args[0] },
			Runner: func(context.Context, shell.Command) (shell.Result, error) {
				return shell.Result{}, errors.Join(os.MkdirAll(filepath.Dir(template), 0o755),
					os.WriteFile(template, []byte("secret"), 0o600), errors.New("exit 1"))
			}}.Open(provider.MainCLI, dir)
		for _, command := range []func(context.Context, ...string) (string, error){s.Deploy, s.Info, s.Remove} {
			if _, err := command(t.Context()); err == nil || !strings.Contains(err.Error(), "exit 1") {
				t.Errorf("error is %v", err)
			}
			if _, err := os.Stat(filepath.Dir(template)); (err == nil) == hide {
				t.Errorf("hide %v: %v", hide, err)
			}
		}
	}
}

type connection struct {
	stand []provider.Endpoint
	err   error
}

func (c connection) ListAPIs(context.Context) ([]provider.Endpoint, error) { return nil, nil }
func (c connection) DeployFunctions(context.Context, []*provider.Function) ([]provider.Endpoint, error) {
	return c.stand, c.err
}
func (c connection) UpdateFunction(context.Context, provider.Endpoint, *provider.Function) error {
	return nil
}
func (c connection) RemoveFunctions(context.Context, []provider.Unit) error { return nil }

func TestStageWritesTheIntentFirst(t *testing.T) {
	for name, c := range map[string]struct {
		conn connection
		want string
	}{
		"deployed":        {connection{stand: []provider.Endpoint{{URL: "http://h/a"}}}, ""},
		"failed":          {connection{err: errors.New("throttled")}, "throttled"},
		"too few":         {connection{}, "0 endpoints came back"},
		"garbage address": {connection{stand: []provider.Endpoint{{URL: "hello"}}}, "no usable address"},
	} {
		j, err := run.OpenJournal(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		r := &run.Run{Service: "stellar-x", Journal: j, Functions: []*run.Function{{Name: "f0-0"}}}
		var index map[string]string
		st := Stage{Locate: func(context.Context, *run.Run) (map[string]string, error) {
			return map[string]string{"region": "there"}, nil
		},
			Remember: func(_ *run.Run, place map[string]string) error {
				if len(j.Pending()) > 0 {
					t.Errorf("%s: the index is written after the journal: %v", name, j.Pending())
				}
				index = place
				return nil
			},
			Connect: func(*run.Run) (provider.Connection, error) {
				if len(j.Pending()) != 1 {
					t.Errorf("%s: connected before the intent was written, with where it goes", name)
				}
				return c.conn, nil
			},
			Units: func(r *run.Run) []provider.Unit {
				return []provider.Unit{{Name: r.Service, Functions: r.Functions}}
			},
			Deploys: func(*run.Run) bool { return true },
			Attrs:   func(*run.Run) map[string]string { return map[string]string{"provider": "local"} }}
		err = st.Run(context.Background(), r)
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: error is %v; want %q", name, err, c.want)
		}
		if p := j.Pending(); len(p) != 1 || p[0].Kind != KindService || p[0].Name != "stellar-x" ||
			p[0].Attrs["region"] != "there" {
			t.Errorf("%s: pending is %v; the service must be there to undo", name, p)
		}
		if !maps.Equal(index, map[string]string{"provider": "local", "region": "there"}) {
			t.Errorf("%s: the index says %v", name, index)
		}
		if c.want == "" && r.Functions[0].Endpoint.URL != "http://h/a" {
			t.Errorf("%s: endpoint is %v", name, r.Functions[0].Endpoint)
		}
		_ = j.Close()
	}
}
