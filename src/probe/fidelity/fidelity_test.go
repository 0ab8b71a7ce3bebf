package fidelity

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// scene is one scenario: what is played, and how its rows are judged.
type scene struct {
	name string
	run  func(t *testing.T, relay *toxiproxy) []line // one for each attempt
}

const (
	// inPairs is how many scenarios are played at once that need a few percent of a core, in pieces of less than a
	// millisecond.
	inPairs = 2
	// besideOthers is the same for those that mostly wait, for a stall or a timeout to end.
	besideOthers = 4
)

// TestFidelity plays every scenario; the test command prints its table. A scenario that computes has the machine to
// itself, and so has every one that is held to a few milliseconds under the race detector.
func TestFidelity(t *testing.T) {
	relay := startToxiproxy(t)
	light := slices.Concat(heldLoadScenes(), phaseScenes(), answeredScenes(answeredList()))
	alone := slices.Concat(answeredScenes(h2List()), connectionScenes(), sharedScenes(), spreadScenes(),
		suspectScenes())
	waiting := slices.Concat(stalledLoadScenes(), stallScenes(), failureScenes())
	atOnce := inPairs
	if raceEnabled {
		atOnce = 1
	}
	lines := playScenes(t, relay, atOnce, light)
	lines = append(lines, playScenes(t, relay, 1, alone)...)
	lines = append(lines, playScenes(t, relay, besideOthers, waiting)...)
	t.Log("\n" + table(lines))
}

// playScenes plays so many scenes at once, each as a subtest, and returns their lines in the order of the scenes.
func playScenes(t *testing.T, relay *toxiproxy, atOnce int, scenes []scene) []line {
	lines := make([][]line, len(scenes))
	var next atomic.Int64
	var lanes sync.WaitGroup
	for range atOnce {
		lanes.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(scenes); i = int(next.Add(1)) - 1 {
				s := scenes[i]
				t.Run(s.name, func(t *testing.T) {
					played := []line{{scenario: s.name, truth: "-", measured: "-"}}
					defer func() {
						last := &played[len(played)-1]
						last.pass = last.pass && !t.Failed()
						lines[i] = played
					}()
					played = s.run(t, relay)
				})
			}
		})
	}
	lanes.Wait()
	return slices.Concat(lines...)
}

// answered is a scenario in which every request is answered, so that latencies can be compared one by one.
type answered struct {
	name   string
	script script
	relay  []toxic
	claim  claim
	probe  func(*probe.Config)
}

func answeredScenes(list []answered) []scene {
	var out []scene
	for _, a := range list {
		out = append(out, scene{a.name, a.run})
	}
	return out
}

// answeredList are the scenarios straight and behind the relay. Fresh connections are few at a time where a handshake's
// own arithmetic, under the race detector, would be most of what is measured.
func answeredList() []answered {
	straight := func(n int, fresh bool) claim {
		c := claim{requests: n, fresh: fresh, limits: ordinary}
		if fresh {
			c.limits = dialled
		}
		return c
	}
	behind := func(n int, fresh bool, least, most time.Duration) claim {
		return claim{requests: n, fresh: fresh, limits: relayed, path: path{least, most}}
	}
	secure := claim{requests: 60, fresh: true, limits: handshaken}
	overlapping := claim{requests: 300, overlaps: true, limits: ordinary}
	slow := []toxic{delaying("upstream", 10*ms, 0), delaying("downstream", 15*ms, 0)}
	jittery := []toxic{delaying("upstream", 10*ms, 5*ms), delaying("downstream", 20*ms, 10*ms)}
	return []answered{
		{"fixed 20.7 ms, reuse", script{delays: steady()}, nil, straight(300, false), bursts(30, 10, probe.Reuse)},
		{"fixed 20.7 ms, new", script{delays: steady()}, nil, straight(300, true), bursts(30, 10, probe.New)},
		{
			"fixed 20.7 ms, TLS, reuse",
			script{delays: steady(), secure: true},
			nil,
			straight(200, false),
			bursts(20, 10, probe.Reuse),
		},
		{"fixed 20.7 ms, TLS, new", script{delays: steady(), secure: true}, nil, secure, bursts(30, 2, probe.New)},
		{"fixed 20.7 ms, open, reuse", script{delays: steady()}, nil, overlapping, open(50, 6, probe.Reuse)},
		{
			"bimodal 5.9 and 120.7 ms, reuse",
			script{delays: bimodal(300)},
			nil,
			straight(300, false),
			bursts(15, 20, probe.Reuse),
		},
		{"Pareto from 5.1 ms, new", script{delays: pareto(300)}, nil, straight(300, true), bursts(15, 20, probe.New)},
		{
			"log-normal around 10 ms, open",
			script{delays: lognormal(300)},
			nil,
			straight(300, true),
			open(50, 6, probe.New),
		},
		{
			"answer in two parts, 50.9 ms apart",
			script{delays: steady(), between: 50*ms + 900*time.Microsecond},
			nil,
			straight(100, false),
			bursts(10, 10, probe.Reuse),
		},
		{
			"relay +25 ms, reuse",
			script{delays: steady()},
			slow,
			behind(200, false, 25*ms, 25*ms),
			bursts(20, 10, probe.Reuse),
		},
		{
			"relay +25 ms, bimodal, new",
			script{delays: bimodal(200)},
			slow,
			behind(200, true, 25*ms, 25*ms),
			bursts(10, 20, probe.New),
		},
		{
			"relay +30 ms, jitter 15 ms, reuse",
			script{delays: steady()},
			jittery,
			behind(200, false, 15*ms, 45*ms),
			bursts(20, 10, probe.Reuse),
		},
		{
			"relay +30 ms, jitter 15 ms, open",
			script{delays: lognormal(200)},
			jittery,
			behind(200, true, 15*ms, 45*ms),
			open(50, 4, probe.New),
		},
	}
}

func bursts(n, size int, connections string) func(*probe.Config) {
	return func(c *probe.Config) {
		c.Bursts, c.BurstSize, c.Connections = n, func(int) int { return size }, connections
	}
}

// open is a burst every 20 ms, whatever the answers do.
func open(n, size int, connections string) func(*probe.Config) {
	return func(c *probe.Config) {
		bursts(n, size, connections)(c)
		c.Schedule, c.Arrivals = probe.Open, schedule.Arrivals{Type: schedule.Deterministic, IAT: 20 * ms}
	}
}

func (a answered) run(t *testing.T, relay *toxiproxy) []line {
	return retry(t, func(watched func() limits) (line, verdict) {
		s := play(t, a.script)
		addr := s.addr
		if a.relay != nil {
			addr = relay.between(t, addr, a.relay...)
		}
		pairs, wrong := match(observe(t, s, addr, a.probe), s.requests())
		c := a.claim
		c.machine = watched()
		v := c.judge(pairs)
		v.wrong = append(v.wrong, wrong...)
		return c.line(a.name, pairs, v), v
	})
}

// observe probes a server by way of an address and returns the rows.
func observe(t *testing.T, s *server, addr string, configure func(*probe.Config)) []sample.Sample {
	t.Helper()
	rows, _ := observeAll(t, s, addr, configure)
	return rows
}

// observeAll returns what the probe says that it did besides; the two must agree.
func observeAll(t *testing.T, s *server, addr string, configure func(*probe.Config)) ([]sample.Sample, probe.Outcome) {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	var rows []sample.Sample
	cfg := probe.Config{
		Client:  probe.Client{Timeout: time.Minute, Lookup: here},
		Targets: []probe.Target{{Name: "known", URL: "http://" + host + ":" + port + "/"}},
		Sink: func(burst []sample.Sample) error {
			rows = append(rows, burst...)
			return nil
		},
		MaxErrorRatio: 1,
	}
	if s.secure {
		cfg.Targets[0].URL = "https://" + host + ":" + port + "/"
		cfg.TLS = s.trust()
	}
	cfg.Protocol = s.protocol
	configure(&cfg)
	out, err := probe.Run(t.Context(), cfg)
	if err != nil {
		t.Fatalf("probe: %v", err)
	}
	for _, wrong := range disagreements(rows, out, cfg.Bursts) {
		t.Error(wrong)
	}
	return rows, out
}

// lateFrom is how late a request is that the outcome counts as late.
const lateFrom = time.Millisecond

// disagreements are those between rows and outcome. A load has as many bursts as there are seconds in which requests
// were due.
func disagreements(rows []sample.Sample, out probe.Outcome, bursts int) (wrong []string) {
	failed, late, suspect, last, latest := 0, 0, 0, 0, time.Duration(0)
	for _, r := range rows {
		failed += toInt(r.Err != sample.OK)
		late += toInt(r.Lateness > lateFrom)
		suspect += toInt(r.Suspect != "")
		last, latest = max(last, r.Burst+1), max(latest, r.Lateness)
	}
	for _, c := range []struct {
		what      string
		got, want any
	}{
		{"requests", out.Requests, len(rows)}, {"errors", out.Errors, failed}, {"late", out.Late, late},
		{"suspect", out.Suspect, suspect},
		{"greatest lateness", out.MaxLateness, latest}, {"bursts", out.Bursts, cmp.Or(bursts, last)},
	} {
		if c.got != c.want {
			wrong = append(wrong, fmt.Sprintf("the outcome says of %s: %v; the rows say %v", c.what, c.got, c.want))
		}
	}
	return wrong
}

func toInt(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

// here resolves every name to this machine.
func here(context.Context, string) ([]netip.Addr, error) {
	return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
}
