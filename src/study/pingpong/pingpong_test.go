package pingpong

import (
	"fmt"
	"maps"
	"math"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/netprobe/relaytest"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// Ways of 20 ± 5 ms on average that differ by 15 ms, and lose 2 % of the exchanges together.
var (
	wayOut  = relaytest.Way{Delay: 27500 * time.Microsecond, Jitter: 5 * time.Millisecond, Loss: 0.01}
	wayBack = relaytest.Way{Delay: 12500 * time.Microsecond, Jitter: 5 * time.Millisecond, Loss: 0.01}
)

// aheadBy is the offset of the function's clock in the tests with relays.
const aheadBy = 100 * time.Second

// within says whether the offset of each complete row is within its bound, and how many rows are complete.
func within(t *testing.T, rows []sample.PingPong) {
	t.Helper()
	complete := 0
	for i := range rows {
		offset, bound, ok := rows[i].Offset()
		if !ok {
			continue
		}
		complete++
		if (offset - aheadBy).Abs() > bound {
			t.Errorf("row %d of invocation %d: offset %s ± %s", rows[i].Number, rows[i].Invocation, offset, bound)
		}
	}
	if complete < len(rows)*9/10 {
		t.Errorf("%d of %d rows are complete", complete, len(rows))
	}
}

// TestThroughARelay measures through a relay whose ways differ, with jitter and loss, over UDP and over HTTP: round
// trips as the relay's log has them, exactly its losses, every offset within its bound, and the two agree. An attempt
// on a machine that is too busy is repeated. The relay delays the same datagram alike in all attempts: of those in
// which it was held up itself, a round trip counts with the least that was added to it.
func TestThroughARelay(t *testing.T) {
	t.Parallel()
	const attempts = 10
	f := &function{ahead: aheadBy, timeout: 500 * time.Millisecond, stops: 1}
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	var clock analyze.Clock
	least := map[place]float64{}
	for attempt := 1; ; attempt++ {
		r := relayed(t, f, server.URL)
		clock = r.clock
		if r.off == "" || r.busy && r.reduce(least) {
			break
		}
		t.Logf("attempt %d: %s; the relay was held up: %t", attempt, r.off, r.busy)
		if attempt == attempts {
			t.Fatal("no attempt was in time")
		}
	}
	front := relaytest.StartTCP(t, server.Listener.Addr().String(), 1, wayOut, wayBack)
	env, _, _ := environment(t, f, "http://"+front, experiment.ExchangeHTTP, 2, 40)
	rows, p := measured(t, env)
	within(t, rows)
	if len(rows) != 80 || p.Rows != 78 || p.Lost != 0 || len(p.Clocks) != 1 {
		t.Fatalf("over HTTP: %d rows, %d count, %d lost, clocks %+v", len(rows), p.Rows, p.Lost, p.Clocks)
	}
	if other := p.Clocks[0]; (other.Offset - clock.Offset).Abs() > other.Bound+clock.Bound {
		t.Errorf("over UDP %s ± %s, over HTTP %s ± %s", clock.Offset, clock.Bound, other.Offset, other.Bound)
	}
}

// place is that of an exchange among all invocations.
type place struct{ invocation, number int }

// relayedRun is what was measured through relays.
type relayedRun struct {
	clock analyze.Clock
	off   string            // how far the round trips are off; empty: they are right
	busy  bool              // the relays took longer for a round trip than they wait at most
	added map[place]float64 // ms beyond the relay's, of each exchange that is complete
}

// reduce keeps the least that was added to each exchange, and reports whether that is within a millisecond.
func (r *relayedRun) reduce(least map[place]float64) bool {
	for e, ms := range r.added {
		if known, ok := least[e]; ok {
			ms = min(ms, known)
		}
		least[e] = ms
	}
	all := slices.Sorted(maps.Values(least))
	return len(all) > 0 && analyze.P99.Of(all).V <= 1
}

// relayed measures over UDP through relays. Losses that are not the relay's are an error, unless the relays were held
// up: the function waits half a second, which a machine that is so busy can exceed.
func relayed(t *testing.T, f *function, url string) relayedRun {
	t.Helper()
	const invocations, repetitions, share = 12, 60, 0.02
	env, ports, _ := environment(t, f, url, experiment.ExchangeUDP, invocations, repetitions)
	env.Sub.AdvertiseAddress = "127.0.0.2"
	relays := make([]*relaytest.UDP, invocations)
	for i, port := range ports {
		relays[i] = relaytest.StartUDP(t, fmt.Sprint("127.0.0.2:", port), fmt.Sprint("127.0.0.1:", port),
			uint64(100+i), wayOut, wayBack)
	}
	rows, p := measured(t, env)
	within(t, rows)
	run := relayedRun{added: map[place]float64{}}
	var trips []float64
	for i, r := range relays {
		took, gone := passages(r.Log())
		for n := range repetitions {
			row := rows[slices.IndexFunc(rows,
				func(r sample.PingPong) bool { return r.Invocation == i && r.Number == n })]
			lost := row.Lost == sample.Yes
			if gone[n] && !lost || row.Warmup != (n == 0) || row.Endpoint != "f0-0" || row.InstanceID != "i" {
				t.Errorf("invocation %d, row %d; the relay lost it: %t; %+v", i, n, gone[n], row)
			}
			if lost && !gone[n] {
				run.off = fmt.Sprintf("invocation %d, row %d is lost; the relay did not lose it", i, n)
			}
			if rtt, ok := row.RTT(); ok && n > 0 {
				run.added[place{i, n}] = float64(rtt)/1e6 - took[n]
			}
			if n > 0 && !gone[n] {
				trips = append(trips, took[n])
			}
		}
	}
	if len(p.Clocks) != invocations || p.Rows != invocations*(repetitions-1) {
		t.Fatalf("%d clocks, %d rows", len(p.Clocks), p.Rows)
	}
	slices.Sort(trips)
	most := wayOut.Delay + wayOut.Jitter + wayBack.Delay + wayBack.Jitter
	run.clock, run.busy = p.Clocks[0], trips[len(trips)-1] > float64(most)/1e6+1
	if run.off != "" {
		if !run.busy {
			t.Fatal(run.off)
		}
		return relayedRun{off: run.off}
	}
	if p.Lost == 0 || p.Loss.Low.V > share || p.Loss.High.V < share {
		t.Errorf("%d of %d rows lost, 95 %%: %g to %g; the relay loses %g", p.Lost, p.Rows, p.Loss.Low.V, p.Loss.High.V,
			share)
	}
	for q, got := range map[analyze.Quantile]analyze.Value{analyze.Median: p.P50, analyze.P99: p.P99} {
		if want := q.Of(trips); math.Abs(got.V-want.V) > 1 {
			run.off += fmt.Sprintf("quantile %d is %.3f ms, the relay's %.3f ms. ", q, got.V, want.V)
		}
	}
	return run
}

// passages are the round trips in ms, and what was lost, by sequence number, as a relay's log has them.
func passages(log []relaytest.Passage) (ms map[int]float64, lost map[int]bool) {
	ms, lost = map[int]float64{}, map[int]bool{}
	for _, p := range log {
		var id, kind string
		var n int
		if _, err := fmt.Sscan(p.Text, &id, &n, &kind); err != nil || kind != "ping" {
			continue
		}
		lost[n] = lost[n] || p.Lost
		ms[n] += float64(p.Out.Sub(p.In)) / 1e6
	}
	return ms, lost
}

// TestColdStartIsNoLoss: the driver has no clock of its own for the first datagram. The start takes five times as long
// as the function would wait for an echo.
func TestColdStartIsNoLoss(t *testing.T) {
	t.Parallel()
	f := &function{cold: 500 * time.Millisecond, timeout: 100 * time.Millisecond, stops: 1}
	env, _, said := environment(t, f, "", experiment.ExchangeUDP, 1, 20)
	rows, p := measured(t, env)
	if text := warnings(said); len(rows) != 20 || p.Lost != 0 || p.Rows != 19 || text != "" {
		t.Errorf("%d rows, %d of %d lost, warnings %q", len(rows), p.Lost, p.Rows, text)
	}
}

// TestFunctionsThatMisbehave: each case has its rows and says what is wrong.
func TestFunctionsThatMisbehave(t *testing.T) {
	for name, c := range map[string]struct {
		function   *function
		rows, lost int
		unknown    int
		says       string
	}{
		"no stop":              {&function{}, 10, 0, 0, ""},
		"many stops":           {&function{stops: 5}, 10, 0, 0, ""},
		"it never calls back":  {&function{mute: true}, 5, 4, 0, "no datagram of the function has reached this"},
		"its request fails":    {&function{fails: true}, 10, 0, 9, "the request failed (http-5xx)"},
		"its answer is a text": {&function{plain: true}, 10, 0, 9, "is not that of the measurement function"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := c.function
			f.timeout = 2 * time.Second
			env, _, said := environment(t, f, "", experiment.ExchangeUDP, 1, 10)
			rows, p := measured(t, env)
			if len(rows) != c.rows || p.Lost != c.lost || p.Unknown != c.unknown {
				t.Errorf("%d rows, %d lost, %d unknown; want %d, %d, %d", len(rows), p.Lost, p.Unknown, c.rows, c.lost,
					c.unknown)
			}
			text := warnings(said)
			if (c.says == "") != (text == "") || !strings.Contains(text, c.says) {
				t.Errorf("it says %q, want %q", text, c.says)
			}
		})
	}
}

// TestNoFunctionCanExchange: where every function says that it could not send a datagram, nothing was measured.
func TestNoFunctionCanExchange(t *testing.T) {
	t.Parallel()
	env, _, _ := environment(t, &function{refuses: "no such host"}, "", experiment.ExchangeUDP, 3, 10)
	err := Study{}.Run(t.Context(), env)
	if err == nil || !strings.Contains(err.Error(), "none of 3 invocations exchanged datagrams: the function could "+
		"not exchange datagrams: no such host") {
		t.Errorf("error %v", err)
	}
}

// TestHTTPRows: the first answer of each instance is warm-up, and a request that fails has its row.
func TestHTTPRows(t *testing.T) {
	t.Parallel()
	env, _, _ := environment(t, &function{}, "", experiment.ExchangeHTTP, 1, 5)
	rows, p := measured(t, env)
	if len(rows) != 5 || !rows[0].Warmup || rows[1].Warmup || p.Rows != 4 || p.RTT.Count != 4 || rows[3].Number != 3 ||
		rows[3].RequestID != "r4" {
		t.Errorf("%+v\n%+v", rows, p)
	}
	env, _, said := environment(t, &function{fails: true}, "", experiment.ExchangeHTTP, 2, 5)
	rows, p = measured(t, env)
	failed := strings.Count(warnings(said), "answered status 500") // by the probe, once for both invocations
	if len(rows) != 10 || rows[1].ServerSend.IsZero() || !rows[1].ServerRcv.IsZero() || p.Unknown != 8 || p.Rows != 0 ||
		failed != 1 {
		t.Errorf("failed: %d rows, %+v, %d warnings", len(rows), p, failed)
	}
}

// TestSettingsThatCannotBe: nothing is written then.
func TestSettingsThatCannotBe(t *testing.T) {
	for name, spoil := range map[string]func(*study.Env){
		"no ports":       func(e *study.Env) { e.Listen = nil },
		"no invocations": func(e *study.Env) { e.Sub.Invocations = 0 },
		"no endpoint":    func(e *study.Env) { e.Endpoints = nil },
	} {
		env, _, _ := environment(t, &function{}, "", experiment.ExchangeUDP, 1, 1)
		spoil(&env)
		if err := (Study{}).Run(t.Context(), env); err == nil {
			t.Errorf("%s: it runs", name)
		}
		if _, err := sample.ReadPingPongs(env.Dir); err == nil {
			t.Errorf("%s: something is written", name)
		}
	}
	env, _, _ := environment(t, &function{}, "", experiment.ExchangeUDP, 1, 1)
	env.Sub.FirstPort = 1
	if err := (Study{}).Run(t.Context(), env); err == nil {
		t.Error("a port that is not open: it runs")
	}
}

func TestSecondsEndBeforeTheGateway(t *testing.T) {
	var env study.Env
	env.Sub.TimeoutSeconds = 100
	for most, want := range map[float64]float64{0: 90, 30: 27, 200: 90} {
		env.AnswerSeconds = most
		if got := (&measurement{env: &env}).seconds(); math.Abs(got-want) > 1e-9 {
			t.Errorf("a gateway of %g s: %g, want %g", most, got, want)
		}
	}
}
