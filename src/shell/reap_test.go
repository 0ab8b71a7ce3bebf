package shell

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// The program's process id stays its own while its group may get a signal: an id that is free can be given to another
// process, which SIGKILL would then end. The program ends at once; a child that has left its group holds the output
// open, and says when to look.
func TestLeaderIsReapedLast(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Log("the state of a process is read from /proc")
		return
	}
	var leader, state string
	c := sh(`echo $$; setsid sh -c 'sleep 0.5; echo late' &`)
	c.Line = func(l string) {
		if l != "late" {
			leader = l
			return
		}
		state = stateOf(leader)
	}
	if _, err := Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if state != "Z" {
		t.Errorf("half a second after its end the program is in state %q, want Z: ended, and not reaped", state)
	}
	if left := stateOf(leader); left != "" {
		t.Errorf("after Run the program is in state %q, want gone", left)
	}
}

// stateOf is a process's state as the kernel reports it, empty if there is no such process.
func stateOf(pid string) string {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%s/stat", pid))
	_, rest, _ := strings.Cut(string(text), ") ")
	state, _, _ := strings.Cut(rest, " ")
	return state
}

// If the program ends on SIGTERM, its children get the rest of the grace period, and no longer than they need.
func TestChildrenGetTheGrace(t *testing.T) {
	t.Parallel()
	done := filepath.Join(t.TempDir(), "done")
	c := sh(`sh -c 'trap "sleep 0.5; echo x > ` + done +
		`; exit" TERM; echo up; while :; do sleep 0.05; done' & trap exit TERM; wait`)
	c.Grace = time.Minute
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c.Line = func(string) { cancel() }
	start := time.Now()
	if _, err := Run(ctx, c); err == nil {
		t.Error("a program that was stopped gave no error")
	}
	if _, err := os.Stat(done); err != nil {
		t.Errorf("the child was killed before it had cleaned up: %v", err)
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("took %v: waited for a group in which nobody is left", took)
	}
}

// A panic of the line handler, which runs on a goroutine that reads the output, is an error of the command.
func TestPanicWhileReadingOutput(t *testing.T) {
	t.Parallel()
	c := sh(`echo one; yes | head -c 1000000; echo end`)
	panicked := false
	c.Line = func(string) {
		if !panicked {
			panicked = true
			panic("bad line")
		}
	}
	_, err := Run(t.Context(), c)
	if d := fail.DefectIn(err); d == nil || d.Panic != "bad line" || fail.Code(err) != fail.CodeFailed {
		t.Errorf("got %v", err)
	}
}
