package study

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// TestBodyFiles: a body may be larger than a text; a FIFO in its place is bad input, and is not waited for.
func TestBodyFiles(t *testing.T) {
	large, fifo := filepath.Join(t.TempDir(), "large"), filepath.Join(t.TempDir(), "fifo")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, wholefile.MaxText+1); err != nil { // a hole
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	e := &Env{}
	b, err := e.body(experiment.Body{File: large})
	if err != nil || int64(len(b.Bytes)) != wholefile.MaxText+1 {
		t.Errorf("%d bytes, %v", len(b.Bytes), err)
	}
	if _, err := e.body(experiment.Body{File: fifo}); fail.Code(err) != fail.CodeInput {
		t.Errorf("a FIFO: %v", err)
	}
}
