package local_test

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
)

const perfCost = `{"Provider": "local", "Runtime": "go", "SubExperiments": [{"Title": "pc", "Type": "perf-cost",
	"MemorySizesMB": [128, 256], "Repetitions": 6, "Concurrency": 2, "ColdStart": "force"}]}`

// localPrices are those of AWS Lambda, for the local platform.
const localPrices = `provider,region,architecture,item,unit,usd,source,date
local,*,*,request,1M requests,0.20,https://aws.amazon.com/lambda/pricing/,2026-11-28
local,*,*,duration,GB-s,0.0000166667,https://aws.amazon.com/lambda/pricing/,2026-11-28
`

// table reads a CSV file of a run's only sub-experiment.
func table(t *testing.T, l *lab.Lab, out, name string) [][]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(l.Dir, out, "2*", name))
	if err != nil || len(files) != 1 {
		t.Fatalf("%s: %q, %v", name, files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil || len(lines) < 2 {
		t.Fatalf("%s: %v\n%s", name, err, text)
	}
	return lines
}

// TestPerfCost: two memory sizes, each cold, warm, in bursts and one after the other; times of the platform's report,
// and money only where there are prices.
func TestPerfCost(t *testing.T) {
	t.Parallel()
	l := lab.New(t, perfCost)
	plan := l.Output("plan", "-c", "exp.json")
	if !strings.Contains(plan, "128, 256 MB") || !strings.Contains(plan, "2 functions, ") ||
		!strings.Contains(plan, "cost: not known: ") {
		t.Errorf("the plan says\n%s", plan)
	}
	out := l.Output("-c", "exp.json", "-o", "out")
	rows := table(t, l, "out", "0-*/perf-cost.csv")
	columns := strings.Split("memory,type,is_cold,exec_time,connection_time,client_time,provider_time,mem_used,"+
		"billed_time_ms,gb_seconds", ",")
	if !slices.Equal(rows[0][:len(columns)], columns) {
		t.Fatalf("columns %q", rows[0])
	}
	got := map[string]int{}
	for _, row := range rows[1:] {
		if row[slices.Index(rows[0], "obtained")] != "true" {
			continue
		}
		got[row[0]+" "+row[1]]++
		for i, name := range columns {
			if row[i] == "" {
				t.Errorf("no %s in %q", name, row)
			}
		}
		if row[1] == "cold" != (row[2] == "true") && row[1] != "burst" {
			t.Errorf("is_cold of %q", row)
		}
	}
	for _, kind := range []string{"128 cold", "128 warm", "128 sequential", "128 burst", "256 cold", "256 warm",
		"256 sequential", "256 burst"} {
		if got[kind] != 6 {
			t.Errorf("%d values of %s, want 6", got[kind], kind)
		}
		memory, name, _ := strings.Cut(kind, " ")
		if want := memory + " MB " + name + ": mean "; !strings.Contains(out, want) {
			t.Errorf("the summary has no %q:\n%s", want, out)
		}
	}
	checkPerfCostStatistics(t, l)
	checkPerfCostMoney(t, l)
}

// checkPerfCostStatistics demands the intervals of each memory size, type and metric.
func checkPerfCostStatistics(t *testing.T, l *lab.Lab) {
	t.Helper()
	lines := table(t, l, "out", "0-*/perf-cost-statistics.csv")
	for _, line := range lines[1:] {
		for i, name := range lines[0] {
			// the spin loop takes no time here, and a mean of 0 has no coefficient of variation
			if line[i] == "" && name != "cv" {
				t.Errorf("no %s in %q", name, line)
			}
		}
	}
	if want := 1 + 2*4*5; len(lines) != want {
		t.Errorf("%d lines of statistics, want %d", len(lines), want)
	}
}

// checkPerfCostMoney demands that no request has a cost without prices, and that all have one with them.
func checkPerfCostMoney(t *testing.T, l *lab.Lab) {
	t.Helper()
	costs := func() (empty, filled int) {
		for _, r := range l.RowsOf("out", "0-*") {
			if math.IsNaN(r.Cost) {
				empty++
				continue
			}
			filled++
		}
		return empty, filled
	}
	if _, filled := costs(); filled > 0 {
		t.Errorf("%d rows have a cost without prices", filled)
	}
	l.Write("prices.csv", localPrices)
	dirs, err := filepath.Glob(filepath.Join(l.Dir, "out", "2*"))
	if err != nil || len(dirs) != 1 {
		t.Fatalf("%q, %v", dirs, err)
	}
	l.Output("report", "--prices", "prices.csv", dirs[0])
	if empty, filled := costs(); empty > 0 || filled == 0 {
		t.Errorf("with prices %d rows have a cost, %d have none", filled, empty)
	}
}
