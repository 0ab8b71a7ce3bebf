package local

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
)

// spawned starts a platform in a process of its own, as the user that the test runs as.
func spawned(t *testing.T, best sandbox.Level) (*Child, *tail) {
	t.Helper()
	lines := new(tail)
	child, err := Spawn(t.Context(), SpawnOptions{Root: t.TempDir(), Options: Options{CPU: CPUOff, namespaces: best},
		Line: lines.add})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := child.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return child, lines
}

// TestPlatformIsHidden has functions look for the platform's token and its owner's secrets in the process that started
// them, in the platform, its watcher and its owner.
func TestPlatformIsHidden(t *testing.T) {
	alsoAsUser(t)
	const secret = "of-the-owner-alone"
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	t.Setenv("STELLAR_REGISTRY_PASSWORD", secret)
	for _, best := range []sandbox.Level{sandbox.LevelFull, sandbox.LevelMounts, sandbox.LevelNone} {
		t.Run(string(best), func(t *testing.T) {
			child, _ := spawned(t, best)
			url := deployTo(t, child.Client, nil)
			watcher := parentOf(child.PID)
			for who, pid := range map[string]int{"platform": child.PID, "watcher": watcher, "owner": os.Getpid()} {
				r := getOK(t, url+fmt.Sprintf("?do=files&platform=%d", pid))
				if text := string(r.body); strings.Contains(text, child.Token) || strings.Contains(text, secret) {
					t.Errorf("a function reads secrets of the %s: %.300s", who, text)
				}
				var said map[string]any
				if err := json.Unmarshal(r.body, &said); err != nil {
					t.Fatal(err)
				}
				for _, what := range []string{"environ", "mem"} {
					if said[what] == "<nil>" && said[fmt.Sprint(pid)+what] != nil {
						t.Errorf("a function opens %s of the %s", what, who)
					}
				}
			}
			if os.Geteuid() != 0 {
				return
			}
			for _, pid := range []int{child.PID, watcher} { // what root sees, who sees all
				environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
				if err != nil || strings.Contains(string(environ), child.Token) ||
					strings.Contains(string(environ), secret) {
					t.Errorf("environment of process %d: %v %q", pid, err, environ)
				}
			}
		})
	}
}

// TestInstancesAreApart has two functions of the same package, and two instances of one, leave files for each other.
func TestInstancesAreApart(t *testing.T) {
	alsoAsUser(t)
	mark := filepath.Join(sandbox.PrivateTmp, "stellar-test-"+randomHex(8))
	if err := os.WriteFile(mark, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(mark) })
	child, lines := spawned(t, "")
	zero := 0.0
	spec := testSpec(func(f *client.FunctionSpec) { f.KeepAliveSeconds = &zero })
	second := spec.Functions[0]
	second.Name = "g"
	spec.Functions = append(spec.Functions, second)
	s, err := child.Put(t.Context(), "s", spec)
	if err != nil {
		t.Fatal(err)
	}
	before := ""
	for i, f := range []client.Function{s.Functions[0], s.Functions[0], s.Functions[1]} {
		r, err := send(http.MethodGet, f.URL+"?do=files&mark=left-by-a-function", nil)
		var said map[string]any
		if err == nil {
			err = json.Unmarshal(r.body, &said)
		}
		if err != nil {
			t.Fatalf("%v %s", err, r.body)
		}
		if strings.Contains(lines.String(), "share this machine's /tmp") {
			if i == 2 && said["root"] == before {
				t.Error("two functions share a package that they can write to")
			}
			before = fmt.Sprint(said["root"])
			continue
		}
		for _, what := range []string{"change", "create", "chmod", "remove", "remount", "unmount"} {
			if said[what] == "<nil>" {
				t.Errorf("instance %d: %s of the package succeeds", i, what)
			}
		}
		if said["write"] != "<nil>" {
			t.Errorf("instance %d cannot write to /tmp: %v", i, said["write"])
		}
		tmp, _ := said["tmp"].([]any)
		if slices.Contains(tmp, any("left-by-a-function")) || slices.Contains(tmp, any(filepath.Base(mark))) {
			t.Errorf("instance %d finds files of others in its /tmp: %v", i, tmp)
		}
		if before != "" && before != fmt.Sprint(tmp) {
			t.Errorf("instance %d finds %v, an earlier one found %s", i, tmp, before)
		}
		before = fmt.Sprint(tmp)
	}
	told := strings.Contains(lines.String(), "share this machine's /tmp")
	if err := os.Remove(filepath.Join(sandbox.PrivateTmp, "left-by-a-function")); err == nil && !told {
		t.Error("what a function wrote to /tmp is in this machine's")
	}
}

// TestSharedTmpIsTold wants one line where functions cannot be kept apart, and a package of their own for each.
func TestSharedTmpIsTold(t *testing.T) {
	alsoAsUser(t)
	child, lines := spawned(t, sandbox.LevelNone)
	url := deployTo(t, child.Client, nil)
	getOK(t, url)
	getOK(t, url)
	told := strings.Count(lines.String(), "share this machine's /tmp")
	if private := sandbox.TryPrivateMounts() == nil; private && told != 0 || !private && told != 1 {
		t.Errorf("mounts of its own: %t, told %d times: %v", private, told, lines)
	}
}
