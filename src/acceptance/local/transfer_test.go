package local_test

import (
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// TestDataTransfer runs a chain of eight inline, a tree, and 64 MiB through the embedded store. Functions have one
// clock, so that each offset is within its bound of 0.
func TestDataTransfer(t *testing.T) {
	l := lab.New(t, `{"Provider": "local", "Runtime": "go", "Sequential": true, "SubExperiments": [
		{"Title": "eight", "DataTransferChainLength": 8, "PayloadLengthBytes": 1024, "Bursts": 3, "WarmupBursts": 1},
		{"Title": "tree", "DataTransferChainLength": 3, "Fan": 2, "PayloadLengthBytes": 1, "Bursts": 2},
		{"Title": "store", "DataTransferChainLength": 2, "PayloadLengthBytes": 67108864, "Bursts": 2,
			"StorageTransfer": true, "FunctionMemoryMB": 1024}]}`)
	said := strings.Join(strings.Fields(l.Output("-c", "exp.json", "-o", "out", "--provider", "local")), " ")
	for _, want := range []string{"0 eight: a hop of 1024 B inline: P50 ", "n = 14", "1 tree: a hop of 1 B inline: P50",
		"2 store: a hop of 67108864 B storage: P50", "2 store: the store: put P50"} {
		if !strings.Contains(said, want) {
			t.Errorf("the summary does not say %q:\n%s", want, said)
		}
	}
	for folder, functions := range map[string]int{"0-*": 8, "1-*": 7, "2-*": 2} {
		dirs, err := filepath.Glob(filepath.Join(l.Dir, "out", "2*", folder))
		if err != nil || len(dirs) != 1 {
			t.Fatalf("%v, %v", dirs, err)
		}
		checkTransfers(t, dirs[0], functions)
		for _, name := range []string{"data-transfers-statistics.csv", "transfers_CDF.png"} {
			if _, err := os.Stat(filepath.Join(dirs[0], name)); err != nil {
				t.Error(err)
			}
		}
	}
}

// checkTransfers checks the rows of chains whose functions have this machine's clock.
func checkTransfers(t *testing.T, dir string, functions int) {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, sample.TransfersFile))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil || strings.Join(lines[0], ",") != sample.TransfersHeader(functions) || len(lines) < 3 {
		t.Fatalf("%d lines, %v, header %v", len(lines), err, lines[0])
	}
	for i, line := range lines[1:] {
		cell := func(name string) string { return line[slices.Index(lines[0], name)] }
		number := func(k int, name string) float64 {
			v, err := strconv.ParseFloat(cell(fmt.Sprintf("Hop %d %s", k, name)), 64)
			if err != nil {
				t.Errorf("%s, row %d: %v", dir, i, err)
			}
			return v
		}
		if len(cell("Payload SHA-256")) != 64 || cell("Clock Check") != "" {
			t.Errorf("%s, row %d: SHA-256 %q, Clock Check %q", dir, i, cell("Payload SHA-256"), cell("Clock Check"))
		}
		for k := range functions - 1 {
			if offset, bound := number(k, "Clock Offset (ms)"), number(k, "Clock Offset Error (ms)"); bound <= 0 ||
				math.Abs(offset) > bound+0.001 {
				t.Errorf("%s, row %d, hop %d: offset %.3f ± %.3f ms", dir, i, k, offset, bound)
			}
		}
	}
}
