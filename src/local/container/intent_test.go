package container

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

// lateEngine stands in for the Engine: a container that was asked for is there after some questions about it.
type lateEngine struct {
	mu      sync.Mutex
	asked   int // about a container by name
	appears int // at that question; 0: never
	created []string
	removed []string
	holds   chan struct{} // a creation is answered when it is closed; nil: at once
}

func (e *lateEngine) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	answer := func(what any) { _ = json.NewEncoder(w).Encode(what) }
	e.mu.Lock()
	defer e.mu.Unlock()
	name, isOne := strings.CutSuffix(strings.TrimPrefix(path, "containers/"), "/json")
	switch {
	case strings.HasSuffix(r.URL.Path, "/_ping"):
		w.Header().Set("Api-Version", "1.41")
		w.Header().Set("Ostype", "linux")
	case path == "containers/create":
		e.created = append(e.created, r.URL.Query().Get("name"))
		if e.holds != nil {
			e.mu.Unlock()
			<-e.holds
			e.mu.Lock()
		}
		w.WriteHeader(http.StatusCreated)
		answer(map[string]any{"Id": "made"})
	case path == "containers/json":
		answer([]any{})
	case r.Method == http.MethodDelete:
		e.removed = append(e.removed, strings.TrimPrefix(path, "containers/"))
	case isOne:
		if e.asked++; e.appears == 0 || e.asked < e.appears {
			w.WriteHeader(http.StatusNotFound)
			answer(map[string]any{"message": "No such container: " + name})
			return
		}
		answer(map[string]any{"Id": "id-of-" + name, "State": map[string]any{"Status": "created"}})
	}
}

func (e *lateEngine) start(t *testing.T) (host string) {
	t.Helper()
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	return "tcp://" + server.Listener.Addr().String()
}

func lateOptions(t *testing.T, host string) Options {
	return Options{Platform: "p", Intents: t.TempDir(), RemoveTree: os.RemoveAll, Getenv: func(name string) string {
		return map[string]string{"DOCKER_HOST": host, "HOME": "/nonexistent"}[name]
	}}
}

// TestLateContainer holds that a container is removed that the Engine creates only after the platform was killed and
// its containers were listed.
func TestLateContainer(t *testing.T) {
	e := &lateEngine{appears: 3}
	opts := lateOptions(t, e.start(t))
	if err := os.WriteFile(filepath.Join(opts.Intents, "stellar-1"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := RemoveAll(t.Context(), opts); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(e.removed, []string{"id-of-stellar-1"}) {
		t.Errorf("removed %q", e.removed)
	}
}

// TestIntentOfAContainer holds that there is an intent while a container is being created and none after it, and that
// one whose creation was cancelled is removed when it appears.
func TestIntentOfAContainer(t *testing.T) {
	for _, cancelled := range []bool{false, true} {
		e := &lateEngine{appears: 2, holds: make(chan struct{})}
		host := e.start(t)
		engine := New(lateOptions(t, host))
		var err error
		engine.client, err = client.NewClientWithOpts(client.WithHost(host), client.WithVersion("1.41"))
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		type result struct {
			id  string
			err error
		}
		done := make(chan result, 1)
		go func() {
			id, err := engine.create(ctx, &container.Config{}, &container.HostConfig{})
			done <- result{id, err}
		}()
		name := ""
		for name == "" {
			e.mu.Lock()
			name = strings.Join(e.created, "")
			e.mu.Unlock()
		}
		if got := intents(engine.opts.Intents); !slices.Equal(got, []string{name}) {
			t.Errorf("intents %q while %q is created", got, name)
		}
		if cancelled {
			cancel()
		} else {
			close(e.holds)
		}
		got := <-done
		if cancelled {
			close(e.holds)
		}
		if (got.err != nil) != cancelled || (got.id == "made") == cancelled {
			t.Errorf("cancelled %t: id %q, error %v", cancelled, got.id, got.err)
		}
		if wanted := cancelled; slices.Contains(e.removed, "id-of-"+name) != wanted {
			t.Errorf("cancelled %t: removed %q", cancelled, e.removed)
		}
		if left := intents(engine.opts.Intents); len(left) != 0 {
			t.Errorf("cancelled %t: intents left: %q", cancelled, left)
		}
	}
}
