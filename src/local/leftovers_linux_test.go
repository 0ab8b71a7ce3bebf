package local

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
)

// ordinaryUser is who tests run as that are started by root.
const ordinaryUser = 65534

// alsoAsUser runs the test a second time as an ordinary user, where it runs as root.
func alsoAsUser(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	t.Run("as an ordinary user", func(t *testing.T) {
		t.Parallel()
		home := t.TempDir()
		program := filepath.Join(home, "local.test")
		own, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		code, err := os.ReadFile(own)
		if err == nil {
			err = os.WriteFile(program, code, 0o755)
		}
		for _, dir := range []string{home, filepath.Join(home, "tmp")} {
			if err == nil {
				_ = os.Mkdir(dir, 0o755)
				err = os.Chown(dir, ordinaryUser, ordinaryUser)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
		for dir := filepath.Dir(home); dir != "/"; dir = filepath.Dir(dir) { // t.TempDir is its user's alone
			if info, err := os.Stat(dir); err == nil && info.Mode()&1 == 0 {
				t.Logf("opening %s to other users", dir)
				if err := os.Chmod(dir, info.Mode()|1); err != nil {
					t.Fatal(err)
				}
			}
		}
		name, _, _ := strings.Cut(t.Name(), "/")
		cmd := exec.Command(program, "-test.run", "^"+name+"$", "-test.v", "-test.parallel=2")
		cmd.Dir = home
		cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "TMPDIR=" + filepath.Join(home, "tmp"),
			"STELLAR_TEST_PACKAGE=" + testPackage,
			"XDG_STATE_HOME=" + filepath.Join(home, "state")}
		user := &syscall.Credential{Uid: ordinaryUser, Gid: ordinaryUser}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user, Pdeathsig: syscall.SIGKILL}
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: "+name+" ") {
			t.Errorf("as user %d: %v\n%s", ordinaryUser, err, out)
		}
	})
}

// TestLeftovers kills the parts of a run in every combination, with the kernel's help and without, as root and as an
// ordinary user. Functions have started processes that try to get away: in a session of their own, forked twice, and
// with an empty environment.
func TestLeftovers(t *testing.T) {
	alsoAsUser(t)
	for _, best := range []sandbox.Level{sandbox.LevelFull, sandbox.LevelMounts, sandbox.LevelNone} {
		for _, what := range [][]string{
			{"owner"}, {"platform"}, {"watcher"}, {"owner", "platform"}, {"watcher", "platform"},
			{"owner", "watcher", "platform"},
		} {
			t.Run(fmt.Sprintf("%s/%s", best, strings.Join(what, " and ")), func(t *testing.T) {
				t.Parallel()
				o := startOwner(t, best)
				inGroup := len(groupsOf(fmt.Sprintf("stellar-local-%d-", o.Platform))) > 0
				full := len(numbersOf(o.Platform)) > 1
				o.kill(t, what...)
				unwatched := slices.Contains(what, "watcher")
				if !full && unwatched && !inGroup {
					// Nothing tells a process with an empty environment from others of the user any more.
					_ = syscall.Kill(o.Processes["bare"], syscall.SIGKILL)
				}
				switch {
				case !unwatched:
					o.wantNothingLeft(t)
				case !slices.Contains(what, "owner"):
					line, err := o.said.ReadBytes('\n')
					var told struct{ Closed string }
					if err != nil || json.Unmarshal(line, &told) != nil || told.Closed != "<nil>" {
						t.Errorf("Close: %v %s", err, line)
					}
					o.wantNothingLeft(t)
				default: // nobody is left to remove the folder before the next start; the kernel ends the processes
					if full {
						o.wantNoProcess(t)
					}
					eventually(t, "platform ends", func() bool { return !alive(o.Platform) })
					eventually(t, "the next start removes the folder", func() bool { // its lock ends with the process
						_, err := Sweep(filepath.Dir(o.Dir))
						return err == nil && absent(o.Dir)
					})
					o.wantNothingLeft(t)
				}
			})
		}
	}
}

// TestStopWaitsForTheWatcher holds that the platform's watcher, its parent, has ended too when Stop returns.
func TestStopWaitsForTheWatcher(t *testing.T) {
	root := filepath.Join(t.TempDir(), "state")
	for range 5 {
		s, _, err := Detach(t.Context(), SpawnOptions{Root: root, Options: Options{CPU: CPUOff}})
		if err != nil {
			t.Fatal(err)
		}
		watcher := parentOf(s.PID)
		if stopped, err := Stop(t.Context(), root); err != nil || !stopped {
			t.Fatalf("stop: %v %v", stopped, err)
		}
		if watcher > 1 && alive(watcher) {
			t.Fatalf("process %d is left", watcher)
		}
	}
}
