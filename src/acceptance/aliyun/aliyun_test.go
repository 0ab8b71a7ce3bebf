package aliyun_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/cloud"
	"github.com/vhive-serverless/STeLLAR/src/acceptance/conformance"
	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
)

// Everything on the way to Alibaba Cloud is real but the vendor: the pinned Serverless CLI and plugin talk to an
// account that stands in for it, and the functions that they make run.

const aliyunExperiment = `{"Provider": "aliyun", "Region": "ap-southeast-1", "Runtime": "RUNTIME", "Seed": 7,
	"SubExperiments": [
 {"Title": "plain", "Function": "measure", "Bursts": 2, "BurstSizes": [2]},
 {"Title": "filled", "Function": "measure", "Bursts": 1, "FunctionImageSizeMB": 9, "FillerRead": true,
  "FunctionMemoryMB": 512}]}`

func TestAliyun(t *testing.T) {
	for _, c := range []struct{ runtime, says, theirs string }{
		{"python3.13", "python3.", "python3.10"},
		{"nodejs22.x", "nodejs", "nodejs20"},
	} {
		t.Run(c.runtime, func(t *testing.T) {
			t.Parallel()
			a := cloud.NewAliyun(t)
			lab.In(t, a, strings.ReplaceAll(aliyunExperiment, "RUNTIME", c.runtime)).Life(func(d lab.Deployed) {
				if stand := a.Left(); len(stand) != 8 {
					t.Errorf("deployed %q, want a service, group, role and bucket for each function", stand)
				}
				filled := a.Service(d.Record.Service + "-f1-0")
				if len(filled) != 1 {
					t.Errorf("functions %v", filled)
				}
				for _, f := range filled {
					limits := f.Runtime == c.theirs && f.MemorySize == 512 && f.Timeout == 60
					if !limits || f.Environment["STELLAR_FILLER_READ"] != "1" {
						t.Errorf("function of %s, %d MB, %d s, %v", f.Runtime, f.MemorySize, f.Timeout, f.Environment)
					}
				}
				f := conformance.NewPair(d.Record.Functions, d.Token, c.says,
					func() { a.Restart(d.Record.Service + "-f0-0") })
				conformance.Run(
					t,
					f,
					"start",
					"spin",
					"made payload",
					"token",
					"errors",
					"one cold",
					"filler",
				) // the route is for GET alone
			})
		})
	}
}

const aliyunOne = `{"Provider": "aliyun", "Region": "ap-southeast-1", "Runtime": "nodejs22.x", "Seed": 7,
	"SubExperiments": [
 {"Title": "a", "Function": "measure", "Bursts": 1}]}`

func TestAliyunFaults(t *testing.T) {
	const compute = "1234567890.ap-southeast-1.fc.aliyuncs.com/2016-08-15/services "
	open := func(t *testing.T, _ cloud.FaultRow) cloud.FaultAccount { return cloud.NewAliyun(t) }
	cloud.CheckFaults(t, aliyunOne, []cloud.FaultRow{
		{
			Name:  "the service is refused",
			Exit:  1,
			Fault: cloud.Fault{Method: "POST", At: compute, Code: "AccessDenied"},
		},
		{
			Name:  "the bucket is refused",
			Exit:  1,
			Fault: cloud.Fault{At: ".oss-ap-southeast-1.aliyuncs.com/ ", Code: "TooManyBuckets"},
		},
		{Name: "the function is refused", Exit: 1, Fault: cloud.Fault{At: "/functions ", Code: "InvalidArgument"}},
		{Name: "the API is refused", Exit: 1, Fault: cloud.Fault{At: "CreateApi", Code: "QuotaExceeded.Api"}},
	}, open)
	t.Run("the folder is gone", func(t *testing.T) {
		t.Parallel()
		a := cloud.NewAliyun(t)
		l := lab.In(t, a, aliyunOne)
		d := l.Deploy()
		if err := os.RemoveAll(filepath.Join(d.Dir, "serverless")); err != nil {
			t.Fatal(err)
		}
		l.Output("remove", d.Dir)
		if left := a.Left(); len(left) > 0 {
			t.Errorf("left %q", left)
		}
	})
}
