package container

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/docker/docker/client"
)

// TestOutOfMemoryToldLate: the Engine may learn after a container's end that it was out of memory. It is asked again
// where that can be.
func TestOutOfMemoryToldLate(t *testing.T) {
	for name, c := range map[string]struct {
		code   int
		memory int64
		killed bool
		told   int32 // at that question; 0: never
		want   string
		asked  int32 // at most
	}{
		"at once":              {137, 64 << 20, false, 1, "signal: killed (out of memory)", 1},
		"later":                {137, 64 << 20, false, 4, "signal: killed (out of memory)", 4},
		"killed by others":     {137, 64 << 20, false, 0, "signal 9", oomLooks + 1},
		"killed by stellar":    {137, 64 << 20, true, 0, "signal 9", 1},
		"memory is not bound":  {137, 0, false, 0, "signal 9", 1},
		"ended with a failure": {3, 64 << 20, false, 0, "exit status 3", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int32
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/json") {
					n := asked.Add(1)
					_ = json.NewEncoder(w).Encode(map[string]any{"Id": "x", "State": map[string]any{
						"ExitCode": c.code, "OOMKilled": c.told > 0 && n >= c.told}})
					return
				}
				_ = json.NewEncoder(w).Encode(map[string]any{"StatusCode": c.code})
			}))
			defer s.Close()
			docker, err := client.NewClientWithOpts(client.WithHost("tcp://"+s.Listener.Addr().String()),
				client.WithVersion("1.41"))
			if err != nil {
				t.Fatal(err)
			}
			one := &Container{client: docker, id: "x", memory: c.memory}
			if c.killed {
				one.Kill()
			}
			one.await()
			if how, _ := one.Verdict(); how != c.want || asked.Load() > c.asked {
				t.Errorf("%q after %d questions, want %q after %d", how, asked.Load(), c.want, c.asked)
			}
		})
	}
}
