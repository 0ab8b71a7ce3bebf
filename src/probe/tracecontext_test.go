package probe

import (
	"net/http"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// seenTraces notes what requests carry.
type seenTraces struct {
	mu  sync.Mutex
	all map[string]string // trace id to span id
	bad []string
}

var traceForm = regexp.MustCompile(`^00-([0-9a-f]{32})-([0-9a-f]{16})-01$`)

func (s *seenTraces) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := traceForm.FindStringSubmatch(r.Header.Get("Traceparent"))
	if m == nil || len(r.Header["Traceparent"]) != 1 || s.all[m[1]] != "" {
		s.bad = append(s.bad, r.Header.Get("Traceparent"))
		return
	}
	s.all[m[1]] = m[2]
}

// Every request carries a trace of its own, which is in its row, over every protocol, in bursts and in a sustained
// load.
func TestEachRequestHasATrace(t *testing.T) {
	for _, c := range []struct {
		name, protocol, connections string
		secure, load, bodies, each  bool
	}{
		{name: "new", protocol: HTTP1, connections: New},
		{name: "sealed beforehand", protocol: HTTP1, connections: Reuse, secure: true, bodies: true},
		{name: "bodies of their own", protocol: HTTP1, connections: Reuse, each: true},
		{name: "HTTP/2", protocol: H2C, connections: Shared, bodies: true},
		{name: "load", protocol: HTTP1, connections: Reuse, load: true, bodies: true},
		{name: "load over HTTP/2", protocol: H2C, connections: Shared, load: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			seen := &seenTraces{all: map[string]string{}}
			var at string
			if c.protocol == HTTP1 {
				s, _ := serveHTTP(t, c.secure, seen.ServeHTTP)
				at = s.URL
			} else {
				at, _, _ = serveH2(t, false, 250, seen.ServeHTTP)
			}
			var b book
			cfg := config(&b, at+"/a")
			insecure(&cfg)
			cfg.Protocol, cfg.Connections, cfg.TraceContext = c.protocol, c.connections, true
			if c.bodies {
				cfg.Method = http.MethodPost
				cfg.Bodies = []Body{{Name: "0", Bytes: []byte("first")}, {Name: "1", Bytes: []byte("second")}}
				cfg.Pick = func(_, slot int) int { return slot % 2 }
			}
			if c.each {
				cfg.Method = http.MethodPost
				cfg.Each = func(int, int) (Body, error) { return Body{Bytes: []byte("own")}, nil }
			}
			if c.load {
				sustained(&cfg, 400, 50*time.Millisecond)
			}
			if _, err := Run(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			if len(b.rows) < 12 || len(seen.all) != len(b.rows) || len(seen.bad) > 0 {
				t.Fatalf("%d rows, %d traces, and requests with %q", len(b.rows), len(seen.all), seen.bad)
			}
			for _, r := range b.rows {
				if span, ok := seen.all[r.TraceID]; !ok || span != r.TraceID[16:] || r.Err != sample.OK {
					t.Errorf("row with trace %q, error %q: the server saw %q", r.TraceID, r.Err, span)
				}
				if c.bodies && r.Body != string(rune('0'+r.Slot%2)) {
					t.Errorf("slot %d has body %q", r.Slot, r.Body)
				}
			}
		})
	}
}

// Without TraceContext no request has the field, and no row a trace.
func TestNoTrace(t *testing.T) {
	seen := &seenTraces{all: map[string]string{}}
	s, _ := serveHTTP(t, false, seen.ServeHTTP)
	var b book
	cfg := config(&b, s.URL)
	if _, err := Run(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	for _, text := range seen.bad {
		if text != "" {
			t.Errorf("a request has traceparent %q", text)
		}
	}
	if len(seen.all) != 0 || len(seen.bad) != len(b.rows) || b.rows[0].TraceID != "" {
		t.Errorf("%d traces, row with %q", len(seen.all), b.rows[0].TraceID)
	}
}

// Giving a used slot another trace allocates nothing: it happens on the thread that sends.
func TestIdentifyAllocatesNothing(t *testing.T) {
	head, at := appendTraceLine([]byte("GET / HTTP/1.1\r\n"))
	s := &slot{b: &burst{requests: []message{{head: head, trace: at}}}}
	s.identify()
	first := string(s.request().head)
	if allocs := testing.AllocsPerRun(100, s.identify); allocs > 0 {
		t.Errorf("%v allocations", allocs)
	}
	if string(s.request().head) == first || len(s.request().head) != len(first) {
		t.Errorf("%q after %q", s.request().head, first)
	}
}
