package local

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
)

// owned is what the owner program tells its test.
type owned struct {
	Platform, Watcher int
	Processes         map[string]int // the function and what it has started
	Dir, Error        string
}

// ownPlatform is the owner program: it spawns a platform, starts an instance that leaves processes behind and is busy,
// tells about them, and, when the platform ends, closes it and tells how that went.
func ownPlatform(root string) {
	child, err := Spawn(context.Background(), SpawnOptions{Root: root,
		Options: Options{namespaces: sandbox.Level(os.Getenv("STELLAR_TEST_LEVEL"))}})
	told := func() (o owned) {
		if err != nil {
			return owned{Error: err.Error()}
		}
		s, err := child.Put(context.Background(), "s", client.ServiceSpec{Functions: []client.FunctionSpec{{
			Name: "f", Runtime: "go", Handler: "bootstrap", Artifact: os.Getenv("STELLAR_TEST_PACKAGE"),
		}}})
		if err != nil {
			return owned{Error: err.Error()}
		}
		o = owned{Platform: child.PID, Watcher: parentOf(child.PID), Dir: child.Dir, Processes: map[string]int{}}
		url := s.Functions[0].URL
		for what, query := range map[string]string{
			"function": "", "child": "?leave=group", "session": "?leave=setsid",
			"twice": "?leave=twice", "bare": "?leave=bare"} {
			r, err := send("GET", url+query, nil)
			if err != nil {
				return owned{Error: err.Error()}
			}
			o.Processes[what] = outerOf(child.PID, r.PID)
		}
		go func() { _, _ = send("GET", url+"?do=hang", nil) }()
		return o
	}()
	_ = json.NewEncoder(os.Stdout).Encode(told)
	if told.Error == "" {
		<-child.Done()
		_ = json.NewEncoder(os.Stdout).Encode(map[string]string{"closed": fmt.Sprint(child.Close())})
	}
	os.Exit(0)
}

// owner is a running owner program.
type owner struct {
	owned
	cmd  *exec.Cmd
	said *bufio.Reader
}

// startOwner starts the owner program and gives what it told.
func startOwner(t *testing.T, best sandbox.Level) owner {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "STELLAR_TEST_OWNER="+t.TempDir(), "STELLAR_TEST_PACKAGE="+testPackage,
		"STELLAR_TEST_LEVEL="+string(best))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	o := owner{cmd: cmd, said: bufio.NewReader(out)}
	line, err := o.said.ReadBytes('\n')
	if err != nil || json.Unmarshal(line, &o.owned) != nil || o.Error != "" {
		t.Fatalf("owner: %v %s", err, line)
	}
	for what, pid := range o.Processes {
		if !alive(pid) {
			t.Fatalf("the %s, process %d, is not there", what, pid)
		}
	}
	if !alive(o.Platform) || !alive(o.Watcher) {
		t.Fatalf("platform %d or its watcher %d is not there", o.Platform, o.Watcher)
	}
	return o
}

// wantNoProcess waits until everything that the platform has started has ended.
func (o owned) wantNoProcess(t *testing.T) {
	t.Helper()
	for what, pid := range o.Processes {
		eventually(t, fmt.Sprintf("the %s, process %d, ends", what, pid), func() bool { return !alive(pid) })
	}
	eventually(t, "platform ends", func() bool { return !alive(o.Platform) })
}

func (o owned) wantNothingLeft(t *testing.T) {
	t.Helper()
	o.wantNoProcess(t)
	eventually(t, "folder is removed", func() bool { return absent(o.Dir) })
	eventually(t, "control groups are removed", func() bool {
		return len(groupsOf(fmt.Sprintf("stellar-local-%d-", o.Platform))) == 0
	})
}

// kill kills what of the owner's is named.
func (o owner) kill(t *testing.T, what ...string) {
	t.Helper()
	for _, w := range what {
		pid := map[string]int{"owner": o.cmd.Process.Pid, "platform": o.Platform, "watcher": o.Watcher}[w]
		// it may have gone with its watcher
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && w != "platform" {
			t.Fatal(err)
		}
	}
}

func TestSpawnAndClose(t *testing.T) {
	root := t.TempDir()
	child, err := Spawn(t.Context(), SpawnOptions{Root: root, Options: Options{CPU: CPUOff, Region: "here"}})
	if err != nil {
		t.Fatal(err)
	}
	args, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", child.PID))
	if err == nil && strings.Contains(string(args), child.Token) {
		t.Error("the token is among the arguments")
	}
	status, err := child.Status(t.Context())
	if err != nil || status.PID != child.PID || status.Gateway != child.Gateway || status.Dir != child.Dir ||
		status.Version != "test" {
		t.Fatalf("%v %+v", err, status)
	}
	url := deployTo(t, child.Client, nil)
	r := getOK(t, url+"?do=env")
	if !contains(r.Env, "AWS_REGION=here") {
		t.Errorf("settings did not reach the child: %q", r.Env)
	}
	pid := outerOf(child.PID, getOK(t, url).PID)
	if err := child.Close(); err != nil {
		t.Fatal(err)
	}
	if alive(pid) || alive(child.PID) || !absent(child.Dir) {
		t.Error("something is left after Close")
	}
	if err := child.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	if left, _ := os.ReadDir(root); len(left) > 0 {
		t.Errorf("left in the state root: %v", left)
	}
}

func TestSpawnSaysWhyItFailed(t *testing.T) {
	root := t.TempDir()
	_, err := Spawn(t.Context(), SpawnOptions{Root: root, Options: Options{CPU: "lots"}})
	if err == nil {
		t.Fatal("no error")
	}
	var text string
	if e, ok := err.(interface{ Unwrap() error }); ok {
		text = fmt.Sprintf("%v %+v", err, e)
	}
	if !strings.Contains(text+outputOf(err), `CPU limit "lots"`) {
		t.Errorf("error %v, output %q", err, outputOf(err))
	}
	if left, _ := os.ReadDir(root); len(left) > 0 {
		t.Errorf("left in the state root: %v", left)
	}
}

func TestDetachFindStop(t *testing.T) {
	root := filepath.Join(t.TempDir(), "state")
	ctx := t.Context()
	if s, err := Running(ctx, root); err != nil || s != nil {
		t.Fatalf("before the start: %v %v", s, err)
	}
	// Two starts at once: one platform.
	var wait sync.WaitGroup
	var states [2]State
	var started [2]bool
	for i := range 2 {
		wait.Go(func() {
			var err error
			if states[i], started[i], err = Detach(ctx,
				SpawnOptions{Root: root, Options: Options{CPU: CPUOff}}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	t.Cleanup(func() { _, _ = Stop(context.Background(), root) })
	if states[0] != states[1] || started[0] == started[1] {
		t.Fatalf("%+v %v", states, started)
	}
	info, err := os.Stat(filepath.Join(root, stateFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("state file: %v %v", err, info)
	}
	s, err := Running(ctx, root)
	if err != nil || s == nil || *s != states[0] {
		t.Fatalf("running: %v %+v", err, s)
	}
	pid := outerOf(s.PID, getOK(t, deployTo(t, s.Client(), nil)).PID)
	if stopped, err := Stop(ctx, root); err != nil || !stopped {
		t.Fatalf("stop: %v %v", stopped, err)
	}
	if alive(pid) || !absent(s.Dir) || !absent(filepath.Join(root, stateFile)) {
		t.Error("something is left after Stop")
	}
	if stopped, err := Stop(ctx, root); err != nil || stopped {
		t.Errorf("second stop: %v %v", stopped, err)
	}
}

func TestKilledDetachedPlatform(t *testing.T) {
	root := filepath.Join(t.TempDir(), "state")
	s, _, err := Detach(t.Context(), SpawnOptions{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	pid := outerOf(s.PID, getOK(t, deployTo(t, s.Client(), nil)).PID)
	if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	owned{Platform: s.PID, Processes: map[string]int{"function": pid}, Dir: s.Dir}.wantNothingLeft(t)
	eventually(t, "state file is removed", func() bool { return absent(filepath.Join(root, stateFile)) })
	if found, err := Running(t.Context(), root); err != nil || found != nil {
		t.Errorf("running: %v %v", found, err)
	}
}

func TestSweep(t *testing.T) {
	root := t.TempDir()
	dead, fresh := filepath.Join(root, dirPrefix+"dead"), filepath.Join(root, dirPrefix+"fresh")
	for _, dir := range []string{dead, fresh, filepath.Join(root, "other")} {
		if err := os.MkdirAll(filepath.Join(dir, "packages"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dead, ownerLock), []byte("stellar-local-1-dead"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, _ := testPlatform(t, func(o *Options) { o.Dir = filepath.Join(root, dirPrefix+"lives") })
	n, err := Sweep(root)
	if err != nil || n != 1 || !absent(dead) || absent(fresh) || absent(p.opts.Dir) ||
		absent(filepath.Join(root, "other")) {
		t.Errorf("removed %d, %v", n, err)
	}
}

// A platform whose folder is removed under it ends: nobody could find it any more.
func TestRemovedFolderEndsThePlatform(t *testing.T) {
	root := filepath.Join(t.TempDir(), "state")
	s, _, err := Detach(t.Context(), SpawnOptions{Root: root})
	if err != nil {
		t.Fatal(err)
	}
	pid := outerOf(s.PID, getOK(t, deployTo(t, s.Client(), nil)).PID)
	if err := sandbox.RemoveTree(root); err != nil {
		t.Fatal(err)
	}
	owned{Platform: s.PID, Processes: map[string]int{"function": pid}, Dir: s.Dir}.wantNothingLeft(t)
}
