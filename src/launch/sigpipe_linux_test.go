package launch

import (
	"context"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// TestChildrenCanDieOfSIGPIPE: stellar outlives a closed pipe, and does not hand that on to the programs that it
// starts.
func TestChildrenCanDieOfSIGPIPE(t *testing.T) {
	ignored := func() bool {
		res, err := shell.Run(context.Background(),
			shell.Command{Name: "grep", Args: []string{"SigIgn", "/proc/self/status"}})
		if err != nil {
			t.Fatal(err)
		}
		mask, err := strconv.ParseUint(strings.TrimSpace(strings.TrimPrefix(res.Stdout, "SigIgn:")), 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		return mask&(1<<(syscall.SIGPIPE-1)) != 0
	}
	t.Cleanup(func() { signal.Reset(syscall.SIGPIPE) })
	outlivePipes()
	if ignored() {
		t.Error("a program that stellar starts ignores SIGPIPE")
	}
	signal.Ignore(syscall.SIGPIPE)
	if !ignored() {
		t.Error("the test does not see an ignored SIGPIPE")
	}
}
