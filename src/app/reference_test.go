package app

import (
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/goldentest"
)

// TestReference keeps docs/experiment.md true: `go test ./src/app -run TestReference -update` writes it.
func TestReference(t *testing.T) {
	got, err := Reference()
	if err != nil {
		t.Fatal(err)
	}
	goldentest.CheckFile(t, "../../docs/experiment.md", got)
}
