package local_test

import (
	"fmt"
	"slices"
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

// TestForcedColdStarts: a hundred cold rows of functions that are kept, all of them cold by the platform's own log. The
// twenty rounds of five take half a minute at most: the shortest, of which a busy machine changes least, is held to its
// part of it.
func TestForcedColdStarts(t *testing.T) {
	l := lab.New(t, forced)
	deployed := l.Deploy()
	defer l.Output("remove", deployed.Dir)
	l.Output("probe", "-o", "probes", deployed.Dir)
	cold := map[string]bool{}
	for i := range 5 {
		for line := range strings.Lines(l.Output("local", "logs", "-f", fmt.Sprint("f0-", i))) {
			if rep, ok := reportline.Parse(strings.TrimSpace(line)); ok {
				cold[rep.RequestID] = rep.Cold
			}
		}
	}
	rows := l.RowsOf("probes", "0-*")
	began, late := map[int]time.Time{}, []time.Duration{}
	for _, r := range rows {
		if !cold[r.RequestID] || r.ColdStart != sample.Forced {
			t.Errorf("cold by the log: %v, row %+v", cold[r.RequestID], r)
		}
		late = append(late, r.Lateness)
		if first, ok := began[r.Round]; !ok || r.SentAt.Before(first) {
			began[r.Round] = r.SentAt
		}
	}
	if len(rows) != 100 || len(began) != 20 {
		t.Fatalf("%d rows of %d rounds", len(rows), len(began))
	}
	shortest := time.Hour
	for round := range len(began) - 1 {
		shortest = min(shortest, began[round+1].Sub(began[round]))
	}
	slices.Sort(late)
	if shortest > 1500*time.Millisecond || late[len(late)/2] > time.Second {
		t.Errorf("the shortest round took %v, half of the rows left %v late", shortest, late[len(late)/2])
	}
	t.Logf("%d forced cold rows, the shortest round in %v", len(rows), shortest)
}
