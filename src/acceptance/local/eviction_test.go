package local_test

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
)

// TestEvictionFindsTheKeepAlive measures the local platform's keep-alive: it is fixed, and known within 5 %.
func TestEvictionFindsTheKeepAlive(t *testing.T) {
	t.Parallel()
	l := lab.New(t, `{"Provider": "local", "Runtime": "go", "Seed": 5, "SubExperiments": [{"Type": "eviction",
		"EvictionSeconds": [0.5, 1, 8], "Copies": 4, "Platform": {"KeepAliveSeconds": 2}}]}`)
	plan := l.Output("plan", "-c", "exp.json")
	if !strings.Contains(plan, "12 functions") {
		t.Errorf("the plan does not say 12 functions:\n%s", plan)
	}
	out := l.Output("-c", "exp.json", "-o", "out")
	if !strings.Contains(out, "the keep-alive is fixed, ") {
		t.Errorf("the summary does not tell the keep-alive:\n%s", out)
	}
	files, err := filepath.Glob(filepath.Join(l.Dir, "out", "2*", "0-*", "eviction-statistics.csv"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(strings.NewReader(string(text))).ReadAll()
	if err != nil || len(lines) != 2 {
		t.Fatalf("%s: %v", text, err)
	}
	cells := map[string]string{}
	for i, name := range lines[0] {
		cells[name] = lines[1][i]
	}
	seconds, err := strconv.ParseFloat(cells["Keep-Alive (s)"], 64)
	if err != nil || cells["Keep-Alive"] != "fixed" || math.Abs(seconds/2-1) > 0.05 || cells["Functions"] != "12" {
		t.Errorf("%v, %v", cells, err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(files[0]), "survival.png")); err != nil {
		t.Error(err)
	}
}
