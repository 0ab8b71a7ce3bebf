package overhead

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/netprobe"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// function stands in for the measurement function: its clock is ahead, and it has a request late.
type function struct {
	ahead, late time.Duration
	plain       bool // its answer is a text
	mute        bool // it sends no datagram
	stays       bool // it cannot be made cold
	flees       bool // each request has a cold instance

	mu       sync.Mutex
	instance int
	cold     bool
	had      map[string]time.Time // when a request was there, on the true clock
	bodies   [][]byte             // of requests with one
}

func (f *function) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	time.Sleep(f.late)
	received := time.Now()
	f.mu.Lock()
	id := fmt.Sprint("r", len(f.had))
	f.had[id] = received
	cold := f.cold || f.flees
	if f.flees {
		f.instance++
	}
	f.cold = false
	instance := fmt.Sprint("i", f.instance)
	if len(body) > 0 {
		f.bodies = append(f.bodies, body)
	}
	f.mu.Unlock()
	if f.plain {
		_, _ = io.WriteString(w, "Hello")
		return
	}
	answer := map[string]any{"RequestID": id, "ReceivedAt": f.stamp(received),
		"Instance": map[string]any{"ID": instance, "Cold": cold}}
	var ask struct{ UDP *netprobe.Command }
	if text := r.URL.Query().Get("cmds"); text != "" && json.Unmarshal([]byte(text), &ask) == nil {
		answer["Cmds"] = map[string]any{"udp": f.exchange(ask.UDP)}
	}
	answer["TimestampChain"] = []string{f.stamp(time.Now())}
	_ = json.NewEncoder(w).Encode(answer)
}

func (f *function) stamp(at time.Time) string {
	return strconv.FormatInt(at.Add(f.ahead).UnixNano(), 10)
}

// exchange does what a function does with the command udp, for so many exchanges as end a synchronisation.
func (f *function) exchange(c *netprobe.Command) any {
	conn, err := net.Dial("udp", net.JoinHostPort(c.Address, strconv.Itoa(c.Port)))
	if err != nil {
		return map[string]string{"error": err.Error()}
	}
	defer func() { _ = conn.Close() }()
	base, rows, buf := time.Now(), [][]int64{}, make([]byte, 256)
	for n := 0; n <= c.N && !f.mute; n++ {
		row := []int64{int64(n), int64(time.Since(base))}
		_, _ = fmt.Fprintf(conn, "%s %d ping", c.ID, n)
		_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := conn.Read(buf); err == nil {
			row = append(row, int64(time.Since(base)))
		}
		rows = append(rows, row)
	}
	return map[string]any{"id": c.ID, "base": f.stamp(base), "rows": rows, "end": "done"}
}

func (f *function) makeCold(context.Context, ...study.Endpoint) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.stays {
		f.cold, f.instance = true, f.instance+1
	}
	return nil
}

// log keeps what is warned of.
type log struct{ lines *[]string }

func (l log) Warnf(format string, args ...any) {
	*l.lines = append(*l.lines, fmt.Sprintf(format, args...))
}

func environment(t *testing.T, f *function, keys experiment.TypeKeys) (study.Env, *[]string) {
	t.Helper()
	f.had, f.cold = map[string]time.Time{}, !f.stays
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	said := &[]string{}
	env := study.Env{Dir: filepath.Join(t.TempDir(), "0-o"), Log: log{said}, MakeCold: f.makeCold}
	keys.FirstPort, keys.N = 12000, 5
	env.Sub = experiment.SubExperiment{Title: "o", Type: experiment.TypeOverhead, MaxErrorRatio: 1, TimeoutSeconds: 30,
		Parallelism: 1, Connections: "new", Protocol: "http1", Schedule: "closed", TypeKeys: keys}
	for i := range (Study{}).Functions(&env.Sub) {
		env.Endpoints = append(env.Endpoints, study.Endpoint{Function: fmt.Sprint("f0-", i), URL: server.URL})
	}
	l, err := netprobe.Listen(t.Context(), "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	env.Listen = func(int) (*netprobe.Listener, error) { return l, nil }
	return env, said
}

func code(exchange string) experiment.TypeKeys {
	return experiment.TypeKeys{OverheadType: experiment.OverheadCode, CodePackageBegin: 1000, CodePackageEnd: 2001,
		CodePackagePoints: 2, Repetitions: 2, MaxRetries: 2, Exchange: exchange}
}

// measured runs a study and reads back what it wrote.
func measured(t *testing.T, env study.Env) ([]sample.Overhead, study.Summary) {
	t.Helper()
	if err := (Study{}).Run(t.Context(), env); err != nil {
		t.Fatal(err)
	}
	rows, err := sample.ReadOverheads(env.Dir)
	if err != nil {
		t.Fatal(err)
	}
	rec := &run.Record{ID: "r", Experiment: &experiment.Experiment{Provider: "local",
		SubExperiments: []experiment.SubExperiment{env.Sub}},
		Results: []run.ResultRecord{{Folder: filepath.Base(env.Dir)}}}
	sum, err := Study{}.SummarizeWith(rec, env.Dir)
	if err != nil {
		t.Fatal(err)
	}
	return rows, sum
}

// TestOffsetIsSubtracted measures a function that has a request 50 ms late and whose clock is 100 s ahead: each time is
// the true one within the bound of its row, over UDP and over HTTP.
func TestOffsetIsSubtracted(t *testing.T) {
	t.Parallel()
	const late = 50 * time.Millisecond
	for _, exchange := range []string{experiment.ExchangeUDP, experiment.ExchangeHTTP} {
		f := &function{ahead: 100 * time.Second, late: late}
		env, said := environment(t, f, code(exchange))
		rows, sum := measured(t, env)
		count := map[sample.Tri]int{}
		for i := range rows {
			r := &rows[i]
			took, ok := r.Invocation()
			if !ok || !r.Obtained() {
				t.Fatalf("%s: row %d has no time: %+v", exchange, i, r)
			}
			if r.Connection < 2*time.Microsecond || r.Connection > late {
				t.Errorf("%s: row %d: a new connection took %s", exchange, i, r.Connection)
			}
			truly := f.had[r.RequestID].Sub(r.Start) - r.Connection
			if truly < late || (took-truly).Abs() > r.OffsetError || r.OffsetError <= 0 || r.OffsetError > late {
				t.Errorf("%s: row %d: %s ± %s, truly %s", exchange, i, took, r.OffsetError, truly)
			}
			count[r.Cold]++
			if want := []int64{1000, 2001}[i/4]; r.Size != want || r.Repetition != i%2 || r.Exchanges <= 5 ||
				r.Endpoint != fmt.Sprint("f0-", i/4) {
				t.Errorf("%s: row %d: %+v", exchange, i, r)
			}
		}
		if count[sample.Yes] != 4 || count[sample.No] != 4 || len(rows) != 8 || len(*said) > 0 {
			t.Errorf("%s: %d rows, cold and warm %v, %q", exchange, len(rows), count, *said)
		}
		if f := sum.Latencies.Findings; len(f) != 2 || !strings.HasPrefix(f[0], "cold: median ") ||
			!strings.Contains(f[1], "2001 bytes; each at most ") {
			t.Errorf("findings %q", f)
		}
		if exchange == experiment.ExchangeHTTP && (sum.Latencies.Count != 8 || sum.Latencies.Warmup < 4*6) {
			t.Errorf("%d requests count, %d are warm-up", sum.Latencies.Count, sum.Latencies.Warmup)
		}
	}
}

// TestNotObtainable: rows that are not as wanted are kept and marked, and the tries end.
func TestNotObtainable(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		f    *function
		rows int // of which so many are obtained
		had  int
		says string
	}{
		"it stays warm": {&function{stays: true}, 10, 4, "2 of 2 cold invocations with 1000 bytes are not " +
			"obtainable"},
		"it never stays": {&function{flees: true}, 10, 4, "2 of 2 warm invocations with 2001 bytes are not " +
			"obtainable"},
		"no datagrams":        {&function{mute: true}, 12, 0, "no datagram of the function has reached this machine"},
		"its answer is plain": {&function{plain: true}, 12, 0, "is not that of the measurement function"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env, said := environment(t, c.f, code(experiment.ExchangeUDP))
			rows, sum := measured(t, env)
			had := 0
			for i := range rows {
				if rows[i].Obtained() {
					had++
				}
			}
			if len(rows) != c.rows || had != c.had || !strings.Contains(strings.Join(*said, "\n"), c.says) {
				t.Errorf("%d rows, %d obtained, %q", len(rows), had, *said)
			}
			text := strings.Join(sum.Latencies.Findings, "\n")
			if !strings.Contains(text, "not obtainable at any of 2") {
				t.Errorf("findings %q", text)
			}
		})
	}
}

// TestPayloads: bodies have exactly the sizes of the points, are the same for the same seed, and do not compress.
func TestPayloads(t *testing.T) {
	t.Parallel()
	f := &function{}
	env, _ := environment(t, f, experiment.TypeKeys{OverheadType: experiment.OverheadPayload, PayloadBegin: 1,
		PayloadEnd: 100_001, PayloadPoints: 3, Repetitions: 1, Exchange: experiment.ExchangeUDP})
	rows, sum := measured(t, env)
	var sizes []int
	for _, b := range f.bodies {
		sizes = append(sizes, len(b))
	}
	if !slices.Equal(sizes, []int{1, 1, 50_001, 50_001, 100_001, 100_001}) || len(rows) != 6 ||
		rows[5].Size != 100_001 {
		t.Errorf("bodies of %v, %d rows", sizes, len(rows))
	}
	body := f.bodies[5]
	var packed bytes.Buffer
	z, _ := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	_, _ = z.Write(body)
	_ = z.Close()
	if packed.Len() < len(body)*3/4 || !bytes.Equal(body, payload(&env, 100_001)) ||
		bytes.Equal(body[:50_001], f.bodies[3]) {
		t.Errorf("%d bytes become %d", len(body), packed.Len())
	}
	if sum.Latencies.Overhead.Type != experiment.OverheadPayload {
		t.Errorf("summary %+v", sum.Latencies.Overhead)
	}
}

// TestSettingsThatCannotBe: nothing is written then.
func TestSettingsThatCannotBe(t *testing.T) {
	for name, spoil := range map[string]func(*study.Env){
		"no ports":       func(e *study.Env) { e.Listen = nil },
		"no cold starts": func(e *study.Env) { e.MakeCold = nil },
		"no endpoint":    func(e *study.Env) { e.Endpoints = nil },
		"too few":        func(e *study.Env) { e.Endpoints = e.Endpoints[:1] },
		"no repetitions": func(e *study.Env) { e.Sub.Repetitions = 0 },
	} {
		env, _ := environment(t, &function{}, code(experiment.ExchangeUDP))
		spoil(&env)
		if err := (Study{}).Run(t.Context(), env); err == nil {
			t.Errorf("%s: it runs", name)
		}
		if _, err := sample.ReadOverheads(env.Dir); err == nil {
			t.Errorf("%s: something is written", name)
		}
	}
}

// TestPackagesAreExact: the size of each function's package is that of its point, to the byte.
func TestPackagesAreExact(t *testing.T) {
	sub := experiment.SubExperiment{Parallelism: 2, TypeKeys: experiment.TypeKeys{OverheadType: experiment.OverheadCode,
		CodePackageBegin: 1048577, CodePackageEnd: 261619713, CodePackagePoints: 20}}
	all, sizes := Study{}.Functions(&sub), sub.OverheadSizes()
	if len(all) != 40 {
		t.Fatalf("%d functions", len(all))
	}
	for i := range all {
		if got := all[i].ImageSizeMB * (1 << 20); got != float64(sizes[i%20]) || all[i].Replica != i {
			t.Errorf("function %d: %f bytes, want %d", i, got, sizes[i%20])
		}
	}
}
