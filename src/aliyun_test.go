package main

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stellar/src/run"
)

// The path to Alibaba Cloud with nothing left out but the company: the pinned Serverless CLI and plugin talk to an account that
// stands in for it, and the functions that they make run.

type aliyunLab struct {
	*lab
	*aliyunAccount
	env []string
}

func newAliyunLab(t *testing.T, bin, experiment string) *aliyunLab {
	t.Helper()
	l := &aliyunLab{lab: newLab(t, bin, experiment), aliyunAccount: newAliyunAccount(t)}
	cli, err := filepath.Abs(filepath.Join("..", "scripts", "serverless-aliyun", "node_modules", ".bin"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(cli, "serverless")); err != nil {
		t.Fatalf("the Serverless CLI for Alibaba Cloud is not installed, run `make aliyun`: %v", err)
	}
	shim, err := filepath.Abs(filepath.Join("testdata", "account", "serverless"))
	if err != nil {
		t.Fatal(err)
	}
	l.env = []string{"STELLAR_SERVERLESS_ALIYUN=" + shim, "STELLAR_TEST_CLI=" + cli, "STELLAR_TEST_ACCOUNT=" + l.server.URL,
		"ALIBABA_CLOUD_ACCESS_KEY_ID=key-id", "ALIBABA_CLOUD_ACCESS_KEY_SECRET=" + aliyunSecret, "ALIBABA_CLOUD_ACCOUNT_ID=1234567890"}
	return l
}

func (l *aliyunLab) stellar(code int, args ...string) (stdout, stderr string) {
	l.lab.Helper()
	c := l.command(args...)
	var out, errs strings.Builder
	c.Stdout, c.Stderr = &out, &errs
	c.Env = append(slices.DeleteFunc(c.Env, func(v string) bool { return strings.HasPrefix(v, "ALIBABA_") }), l.env...)
	_ = c.Run()
	if got := c.ProcessState.ExitCode(); got != code {
		l.lab.Fatalf("stellar %s: exit code %d, want %d\n%s%s\n%s", strings.Join(args, " "), got, code, &out, &errs, l.called())
	}
	if text := out.String() + errs.String(); strings.Contains(text, aliyunSecret) {
		l.lab.Errorf("stellar %s shows the secret:\n%s", strings.Join(args, " "), text)
	}
	return out.String(), errs.String()
}

const aliyunExperiment = `{"Provider": "aliyun", "Region": "ap-southeast-1", "Runtime": "RUNTIME", "Seed": 7, "SubExperiments": [
 {"Title": "plain", "Function": "measure", "Bursts": 2, "BurstSizes": [2]},
 {"Title": "shared", "Function": "measure", "Bursts": 1},
 {"Title": "filled", "Function": "measure", "Bursts": 1, "FunctionImageSizeMB": 9, "FillerRead": true, "FunctionMemoryMB": 512}]}`

// called lists what the account was asked.
func (l *aliyunLab) called() (text string) {
	l.locked(func() { text = strings.Join(l.calls, "\n") })
	return text
}

func TestAliyun(t *testing.T) {
	bin := buildBinary(t)
	for _, c := range []struct{ runtime, says, theirs string }{{"python3.13", "python3.", "python3.10"}, {"nodejs22.x", "nodejs", "nodejs20"}} {
		t.Run(c.runtime, func(t *testing.T) {
			l := newAliyunLab(t, bin, strings.ReplaceAll(aliyunExperiment, "RUNTIME", c.runtime))
			l.locked(func() { l.buckets[aliyunShared]["serverless/theirs/dev/p.zip"] = []byte("x") })
			text, _ := l.stellar(0, "deploy", "-c", "exp.json", "-o", "out", "--yes", "--json")
			var deployed struct{ Dir string }
			if err := json.Unmarshal([]byte(text), &deployed); err != nil {
				t.Fatalf("deploy --json: %v\n%s", err, text)
			}
			record, err := run.ReadRecord(deployed.Dir)
			if err != nil {
				t.Fatal(err)
			}
			token, err := run.ReadToken(deployed.Dir)
			if err != nil {
				t.Fatal(err)
			}
			if stand := l.left(); len(stand) != 12 {
				t.Errorf("deployed %q, want a service, group, role and bucket for each function", stand)
			}
			var filled map[string]*aliyunFunction
			l.locked(func() { filled = maps.Clone(l.services[record.Service+"-f2-0"]) })
			for _, f := range filled {
				if f.Runtime != c.theirs || f.MemorySize != 512 || f.Timeout != 60 || f.Environment["STELLAR_FILLER_READ"] != "1" {
					t.Errorf("function %+v", f)
				}
			}
			aliyunChecks(t, &cell{lab: l.lab, functions: [variants]run.FunctionRecord(record.Functions), token: token}, c.says)
			l.stellar(0, "probe", "-o", "out", deployed.Dir)
			l.stellar(0, "remove", deployed.Dir)
			theirs := 0
			l.locked(func() { theirs = len(l.buckets[aliyunShared]) })
			if left := l.left(); len(left) > 0 || theirs != 1 {
				t.Errorf("after: %q, and in the account's bucket %d objects", left, theirs)
			}
			l.stellar(0, "remove", deployed.Dir) // twice is no error
		})
	}
}

// aliyunChecks are those of the conformance suite that apply: the gateway's route is for GET alone.
func aliyunChecks(t *testing.T, c *cell, says string) {
	first, second := c.work(t, plain, ""), c.work(t, plain, "")
	if i := first.Instance; i.Cold == nil || !*i.Cold || i.Invocation != 1 || !strings.HasPrefix(i.Runtime, says) || i.InitNs <= 0 {
		t.Errorf("first request: %+v", i)
	}
	if i := second.Instance; i.Cold == nil || *i.Cold || i.Invocation != 2 || i.ID != first.Instance.ID || first.RequestID == second.RequestID {
		t.Errorf("second request: %+v", second)
	}
	for name, check := range map[string]func(*testing.T, *cell){"spin": checkSpin, "token": checkToken, "errors": checkErrors, "one cold": checkOneCold, "filler": checkFiller} {
		t.Run(name, func(t *testing.T) { check(t, c) })
	}
	if a := c.work(t, plain, "", "PayloadLengthBytes", "100001"); a.PayloadBytes != 100001 {
		t.Errorf("made %d bytes", a.PayloadBytes)
	}
}

// TestAliyunFaults: whatever goes wrong on the way, nothing stays, nothing of others is touched, and the user is told.
func TestAliyunFaults(t *testing.T) {
	bin := buildBinary(t)
	one := `{"Provider": "aliyun", "Region": "ap-southeast-1", "Runtime": "nodejs22.x", "Seed": 7, "SubExperiments": [{"Title": "a", "Function": "measure", "Bursts": 1}]}`
	for _, c := range []struct{ name, fault, code string }{
		{"the service is refused", "POST 1234567890.ap-southeast-1.fc.aliyuncs.com/2016-08-15/services ", "AccessDenied"},
		{"the bucket is refused", ".oss-ap-southeast-1.aliyuncs.com/ ", "TooManyBuckets"},
		{"the function is refused", "/functions ", "InvalidArgument"},
		{"the API is refused", "CreateApi", "QuotaExceeded.Api"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newAliyunLab(t, bin, one)
			l.locked(func() { l.faults[c.fault] = c.code })
			_, said := l.stellar(1, "-c", "exp.json", "-o", "out", "--yes")
			unmet := 0
			l.locked(func() { unmet = len(l.faults) })
			if left := l.left(); len(left) > 0 || !strings.Contains(said, c.code) || unmet > 0 {
				t.Errorf("left %q, %d faults not met; said:\n%s\n%s", left, unmet, said, l.called())
			}
		})
	}
	t.Run("the folder is gone", func(t *testing.T) {
		l := newAliyunLab(t, bin, one)
		text, _ := l.stellar(0, "deploy", "-c", "exp.json", "-o", "out", "--yes", "--json")
		var deployed struct{ Dir string }
		if err := json.Unmarshal([]byte(text), &deployed); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(deployed.Dir, "serverless")); err != nil {
			t.Fatal(err)
		}
		l.stellar(0, "remove", deployed.Dir)
		if left := l.left(); len(left) > 0 {
			t.Errorf("left %q", left)
		}
	})
}
