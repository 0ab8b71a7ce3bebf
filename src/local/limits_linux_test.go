package local

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
)

func TestCPUQuota(t *testing.T) {
	p, c := testPlatform(t, func(o *Options) { o.CPU = CPUQuota })
	if !p.Limits().CPU {
		t.Skipf("CPU is not enforced here: %s", p.Limits().Why)
	}
	s, err := c.Put(t.Context(), "s", testSpec(func(f *client.FunctionSpec) { f.MemoryMB = 128 }))
	if err != nil {
		t.Fatal(err)
	}
	if want := p.Limits().Memory; s.Functions[0].LimitsEnforced != want {
		t.Errorf("limitsEnforced is %v", s.Functions[0].LimitsEnforced)
	}
	getOK(t, s.Functions[0].URL)
	var quotas []string
	for _, branch := range groupsOf(p.id) {
		for _, pattern := range []string{"/*/cpu.cfs_quota_us", "/*/cpu.max"} {
			files, _ := filepath.Glob(branch + pattern)
			for _, file := range files {
				text, _ := os.ReadFile(file)
				quotas = append(quotas, strings.Fields(string(text))[0])
			}
		}
	}
	if !contains(quotas, "1447") { // 128/1769 of 20 ms
		t.Errorf("quotas of the instances: %v", quotas)
	}
}
