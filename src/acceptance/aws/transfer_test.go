package aws_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// TestAWSDataTransfer runs chains of two through the HTTP API, inline and through S3, and leaves nothing.
func TestAWSDataTransfer(t *testing.T) {
	e := emulator.Called(t)
	l := lab.In(t, e, `{"Provider": "aws", "Sequential": true, "Runtime": "go", "SubExperiments": [
		{"Title": "inline", "Function": "measure", "DataTransferChainLength": 2, "PayloadLengthBytes": 100000, "Bursts": 2},
		{"Title": "store", "Function": "measure", "DataTransferChainLength": 2, "PayloadLengthBytes": 5000000, "Bursts": 2,
			"StorageTransfer": true}]}`)
	said := strings.Join(strings.Fields(stellar(l, 0, "-c", "exp.json", "-o", "out")), " ")
	for _, want := range []string{"0 inline: a hop of 100000 B inline", "1 store: a hop of 5000000 B storage"} {
		if !strings.Contains(said, want) {
			t.Errorf("the summary does not say %q:\n%s", want, said)
		}
	}
	for _, folder := range []string{"0-*", "1-*"} {
		dirs, err := filepath.Glob(filepath.Join(l.Dir, "out", "2*", folder))
		if err != nil || len(dirs) != 1 {
			t.Fatalf("%v, %v", dirs, err)
		}
		rows, err := sample.ReadTransfers(dirs[0], 2)
		if err != nil || len(rows) != 2 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		for _, row := range rows {
			if h := row.Hops[0]; row.Check != "" || len(row.SHA256) != 64 || !h.Known ||
				(h.Put > 0) != (folder == "1-*") {
				t.Errorf("%s: %+v", folder, row)
			}
		}
	}
	empty(t, e)
}
