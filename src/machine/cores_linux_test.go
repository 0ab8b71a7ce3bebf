package machine

import (
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// TestBind binds this process to one of its cores, looks at what it starts, and undoes that. A process that Run starts
// has other cores meanwhile.
func TestBind(t *testing.T) {
	all, err := usableCores()
	if err != nil || len(all) < 2 {
		t.Skipf("one core, or none that is known: %v, %v", all, err)
	}
	inherited := func() string {
		t.Helper()
		out, err := exec.Command("grep", "^Cpus_allowed_list", "/proc/self/status").Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(strings.TrimPrefix(string(out), "Cpus_allowed_list:"))
	}
	one, others := all[:1], all[1:]
	own := len(all) + 1 // GOMAXPROCS, as a user may have set it
	was := runtime.GOMAXPROCS(own)
	t.Cleanup(func() { runtime.GOMAXPROCS(was) })
	restore, err := one.Bind()
	if err != nil {
		t.Fatal(err)
	}
	if got := inherited(); got != one.String() {
		t.Errorf("bound to %s, a child has %s", one, got)
	}
	if n := runtime.GOMAXPROCS(0); n != 1 {
		t.Errorf("GOMAXPROCS is %d on one core", n)
	}
	beside := ""
	if err := others.Run(func() error { beside = inherited(); return nil }); err != nil || beside != others.String() {
		t.Errorf("a child that is started on %s has %s: %v", others, beside, err)
	}
	if got := inherited(); got != one.String() {
		t.Errorf("afterwards, a child has %s", got)
	}
	if err := restore(); err != nil {
		t.Fatal(err)
	}
	if now, err := usableCores(); err != nil || !slices.Equal(now, all) {
		t.Errorf("restored to %s of %s: %v", now, all, err)
	}
	if n := runtime.GOMAXPROCS(0); n != own {
		t.Errorf("GOMAXPROCS is restored to %d, want %d", n, own)
	}
}
