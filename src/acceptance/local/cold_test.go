package local_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/reportline"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

const forced = `{"Provider": "local", "SubExperiments": [
 {"Title": "forced", "Runtime": "go", "ColdStart": "force", "Parallelism": 5, "Bursts": 100, "IATSeconds": 0.01,
  "FunctionMemoryMB": 1769}]}`

// TestForcedColdStarts: a hundred cold rows of functions that are kept, in less than half a minute, all of them cold by
// the platform's own log.
func TestForcedColdStarts(t *testing.T) {
	l := lab.New(t, forced)
	deployed := l.Deploy()
	defer l.Output("remove", deployed.Dir)
	began := time.Now()
	l.Output("probe", "-o", "probes", deployed.Dir)
	took := time.Since(began)
	cold := map[string]bool{}
	for i := range 5 {
		for line := range strings.Lines(l.Output("local", "logs", "-f", fmt.Sprint("f0-", i))) {
			if rep, ok := reportline.Parse(strings.TrimSpace(line)); ok {
				cold[rep.RequestID] = rep.Cold
			}
		}
	}
	rows := l.RowsOf("probes", "0-*")
	for _, r := range rows {
		if !cold[r.RequestID] || r.ColdStart != sample.Forced || r.Lateness > time.Second {
			t.Errorf("cold by the log: %v, row %+v", cold[r.RequestID], r)
		}
	}
	if len(rows) != 100 || took > 30*time.Second {
		t.Errorf("%d rows in %v", len(rows), took)
	}
	t.Logf("%d forced cold rows in %.1f s", len(rows), took.Seconds())
}
