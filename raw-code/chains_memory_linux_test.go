package rawcode_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// files is a store that keeps objects in a folder.
type files string

func (dir files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := filepath.Join(string(dir), filepath.Base(r.URL.Path))
	if r.Method == http.MethodGet {
		http.ServeFile(w, r, path)
		return
	}
	f, err := os.Create(path)
	if err == nil {
		_, err = io.Copy(f, r.Body)
		_ = f.Close()
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

// residentOf reads a value of /proc/PID/status in bytes (proc_pid_status(5)): VmRSS, or VmHWM, the most since the last
// reset.
func residentOf(t *testing.T, pid int, name string) int64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name+":"); ok {
			kb, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kb << 10
		}
	}
	t.Fatalf("process %d has no %s", pid, name)
	return 0
}

// TestChainMemory: a payload through storage is never whole in the memory of a function. Java makes it and Node.js
// reads and writes it: both have a heap that grows. With STELLAR_PAYLOAD_MIB=1024, it is as large as it gets, and each
// language makes it once and passes it on once.
func TestChainMemory(t *testing.T) {
	size := int64(72) << 20
	heads := []string{"java"}
	if mib := os.Getenv("STELLAR_PAYLOAD_MIB"); mib != "" {
		n, err := strconv.ParseInt(mib, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		size, heads = n<<20, []string{"go", "python", "nodejs", "java"}
	}
	const most = 64 << 20 // above the memory of an instance that has had a small payload
	all := linkInstances(t, "STELLAR_TIMEOUT_SECONDS=600")
	store := httptest.NewServer(files(t.TempDir()))
	t.Cleanup(store.Close)
	next := map[string]string{"go": "python", "python": "go", "nodejs": "java", "java": "nodejs"}
	for _, head := range heads {
		chain := []string{all[head].url + "/", all[next[head]].url + "/", all[next[next[head]]].url + "/"}
		ask := func(size int64) {
			whole(t, askChain(t, chainCall(t, size, 1, store.URL, chain...), chain[0]), 3, size, true)
		}
		ask(1 << 10)
		idle := map[string]int64{}
		for _, name := range []string{head, next[head]} {
			pid := all[name].process.Pid
			if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0); err != nil {
				t.Fatal(err)
			}
			idle[name] = residentOf(t, pid, "VmRSS")
		}
		ask(size)
		for name, before := range idle {
			peak := residentOf(t, all[name].process.Pid, "VmHWM")
			t.Logf("head %s, %s: %d MiB idle, %d MiB at its peak", head, name, before>>20, peak>>20)
			if peak-before > most {
				t.Errorf("%s: %d MiB above its idle memory, with a payload of %d MiB", name, (peak-before)>>20,
					size>>20)
			}
		}
	}
}
