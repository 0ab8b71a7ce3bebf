package app

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/run/runtest"
)

type quiet struct{ runtest.Quiet }

func (quiet) Burst(Progress) {}

func testJob(t *testing.T, file string) (*job, *run.Run) {
	t.Helper()
	home := t.TempDir()
	t.Setenv("TMPDIR", home)
	env := map[string]string{"HOME": home}
	w := App{Config: Config{Deps: run.Deps{Getenv: func(k string) string { return env[k] }, Version: "test",
		Now: time.Now, Log: quiet{}},
		Options: Options{Output: home, Serverless: true, Only: -1}, Observer: quiet{}}}
	exp := parse(t, file)
	j := newJob(w, exp)
	r, err := j.begin(exp, home)
	if err != nil {
		t.Fatal(err)
	}
	return j, r
}

func parse(t *testing.T, file string) *experiment.Experiment {
	t.Helper()
	loaded, err := experiment.Parse("test.json", []byte(file), vendors.Known())
	if err != nil {
		t.Fatal(err)
	}
	return loaded.Experiment
}

const small = `{"Provider":"local","SubExperiments":[{"Runtime":"go","Bursts":1,"Parallelism":2}]}`

func TestAPanicIsUndoneLikeAnError(t *testing.T) {
	j, r := testJob(t, small)
	panics := runtest.Stage{Name: "a", Do: func() error { panic("ouch") }}
	err := j.Execute(context.Background(), r, []pipeline.Stage{panics})
	out, err := j.end(context.Background(), r, err)
	if out == nil || fail.Code(err) != fail.CodeFailed || !strings.Contains(err.Error(), "ouch") {
		t.Errorf("error is %v", err)
	}
	if left := r.Journal.Pending(); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
	if rec, err := run.ReadRecord(r.Dir); err != nil || rec.Status != run.StatusFailed || rec.Finished == nil {
		t.Errorf("record %+v, %v", rec, err)
	}
}

func TestWhatCannotBeRemovedIsExitCode4(t *testing.T) {
	j, r := testJob(t, small)
	if _, err := r.Journal.Intend(pipeline.KindFolder, "/not-ours", nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // an interrupted run removes all the same, and what stays behind decides the exit code
	_, err := j.end(ctx, r, nil)
	if fail.Code(err) != fail.CodeLeftBehind || !strings.Contains(err.Error(), "/not-ours") {
		t.Errorf("error is %v", err)
	}
	if left := r.Journal.Pending(); len(left) != 1 || left[0].Name != "/not-ours" {
		t.Errorf("pending: %v; want only what could not be removed", left)
	}
}

func TestSupported(t *testing.T) {
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}
	for _, c := range []struct{ provider, sub, want string }{
		{"local", `"Runtime":"go","Bursts":1,"Parallelism":2`, ""},
		{"aws", `"Bursts":1`, ""},
		{"aws", `"Bursts":1,"Function":"stack:shop/Search"`, ""},
		{"local", `"Bursts":1,"Function":"stack:shop/Search"`, "functions that exist already, by their ARN or stack (stack:"},
		{"local", `"Bursts":1,"ColdPull":true`, "ColdPull of a ZIP package"},
		{"local", `"RatePerSecond":5,"DurationSeconds":1`, ""},
		{"local", `"Bursts":1,"Protocol":"h2c"`, ""},
		{"local", `"Bursts":1,"DataTransferChainLength":2`, ""},
		{"cloudflare", `"Bursts":1,"DataTransferChainLength":2`, ""},
		{"gcr", `"Bursts":1,"DataTransferChainLength":3,"Fan":4,"ChainRuntimes":["go","java21"],"PackageType":"Image"`, ""},
		{"local", `"Bursts":1,"DataTransferChainLength":2,"Runtime":"rust"`,
			"chains (DataTransferChainLength 2) over http1 on local; it runs them over HTTP, through the measurement"},
		{"local", `"Bursts":1,"DataTransferChainLength":2,"ChainRuntimes":["go","ruby3.4"]`, "chains ("},
		{"local", `"Bursts":1,"DataTransferChainLength":2,"Function":"mine"`, "chains ("},
		{"local", `"Bursts":1,"DataTransferChainLength":2,"PackageType":"Image","Platform":{"ImageContract":"http"}`,
			"chains ("},
		{"aliyun", `"Bursts":1,"DataTransferChainLength":2`, "chains ("},
		{"vhive", `"Bursts":1,"DataTransferChainLength":2`, ""},
		{"vhive", `"Bursts":1,"DataTransferChainLength":2,"StorageTransfer":true`,
			"StorageTransfer through functions that exist already"},
		{"aliyun", `"Bursts":1,"DataTransferChainLength":2,"StorageTransfer":true`,
			"StorageTransfer on aliyun, which has no object store that stellar knows; name one with the key Storage"},
		{"cloudflare", `"Bursts":1,"DataTransferChainLength":2,"StorageTransfer":true`,
			"support:\nSubExperiments[0] hellopy-0: StorageTransfer on cloudflare: functions there have no room for a " +
				"payload out of a store"},
		{"local", `"Bursts":1,"ColdStart":"force"`, ""},
		{"aws", `"Bursts":1,"ColdStart":"force"`, ""},
		{"vhive", `"Bursts":1,"ColdStart":"force"`, "ColdStart force on vhive; functions that stellar did not deploy"},
		{"http://h/f", `"Bursts":1,"ColdStart":"force"`, "ColdStart force on url"},
		{"local", `"Runtime":"go","Type":"network-ping-pong"`, ""},
		{"aws", `"Runtime":"python3.13","Type":"network-ping-pong"`, ""},
		{"aws", `"Runtime":"nodejs22.x","Type":"network-ping-pong","Exchange":"http"`, ""},
		{"aws", `"Runtime":"nodejs22.x","Type":"network-ping-pong"`,
			"Exchange udp of Runtime nodejs22.x (those in Go and Python have it) on aws; Exchange http needs neither " +
				"datagrams nor an open port"},
		{"local", `"Runtime":"go","Type":"network-ping-pong","Function":"mine"`,
			"Exchange udp of a Function of your own"},
		{"local", `"Runtime":"go","Type":"network-ping-pong","PackageType":"Image",` +
			`"Platform":{"ImageContract":"http"}`, "Exchange udp on local"},
		{"cloudflare", `"Runtime":"nodejs22.x","Type":"network-ping-pong"`, "Exchange udp on cloudflare"},
		{"http://h/f", `"Type":"network-ping-pong"`, ""},
		{"local", `"Bursts":1,"Cmds":{"stat":{"argv":1}}`, ""},
		{"cloudflare", `"Bursts":1,"Runtime":"nodejs22.x","Cmds":{"stat":{"argv":1}}`, "Cmds on cloudflare: its clock"},
		{"local", `"Bursts":1,"Architecture":"` + other[runtime.GOARCH] + `"`, "on the local platform of this"},
	} {
		file, want := fmt.Sprintf(`{"Provider":%q,"SubExperiments":[{%s}]}`, c.provider, c.sub), c.want
		exp := parse(t, file)
		w := App{Config: Config{Options: Options{Serverless: true, Only: -1}}}
		err := w.supported(exp)
		if (err == nil) != (want == "") || (err != nil &&
			(!strings.Contains(err.Error(), want) || !errors.Is(err, fail.ErrUnsupported))) {
			t.Errorf("%s: %v; want %q", file, err, want)
		}
	}
}
