package fidelity

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// failing is a scenario in which some requests get no good answer. Which, the server or the relay decides.
type failing struct {
	name   string
	script script
	relay  []toxic
	burst  int
	within time.Duration // the probe's timeout
	kept   bool          // all requests share warmed connections, else each has its own
	class  sample.Class
	// truth counts the failures from what the server saw of the requests sent.
	truth func(sent int, log []handled) int
	// spoil makes the probe fail before it reaches the server; nil: nothing does.
	spoil func(t *testing.T, c *probe.Config)
}

// unreachable are scenarios in which no request gets as far as the server.
func unreachable() []failing {
	return []failing{
		{
			name:   "a name that has no address",
			burst:  20,
			within: time.Minute,
			class:  sample.DNS,
			truth:  unseen,
			spoil: func(_ *testing.T, c *probe.Config) {
				c.Lookup = func(context.Context, string) ([]netip.Addr, error) {
					return nil, errors.New("no such host")
				}
			},
		},
		{
			name:   "a port that nobody listens on",
			burst:  20,
			within: time.Minute,
			class:  sample.Connect,
			truth:  unseen,
			spoil: func(t *testing.T, c *probe.Config) {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					t.Fatal(err)
				}
				_, port, _ := net.SplitHostPort(l.Addr().String())
				_ = l.Close()
				c.Targets[0].URL = "http://" + host + ":" + port + "/"
			},
		},
		{
			name:   "a certificate that is not trusted",
			script: script{secure: true},
			burst:  20,
			within: time.Minute,
			class:  sample.TLS,
			truth:  unseen,
			spoil: func(_ *testing.T, c *probe.Config) {
				c.TLS = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: x509.NewCertPool()}
			},
		},
		{
			name:   "a handshake that takes longer than the timeout",
			script: script{secure: true, handshakes: []time.Duration{time.Minute}},
			burst:  5,
			within: time.Second,
			class:  sample.Timeout,
			truth:  unseen,
		},
	}
}

// all is the truth where none gets a good answer though the server has seen each.
func all(sent int, log []handled) int {
	if len(log) != sent {
		return -1
	}
	return sent
}

// unseen is the truth where the relay kept requests from the server.
func unseen(sent int, log []handled) int { return sent - len(log) }

func failureList() []failing {
	const late = 4 * time.Second
	quick := 5*ms + 300*time.Microsecond
	usual := script{delays: []time.Duration{quick}}
	part := func(kind, stream string, toxicity float64, attribute string, value int64) []toxic {
		return []toxic{{kind, stream, toxicity, map[string]int64{attribute: value}}}
	}
	count := func(is func(h handled) bool) func(int, []handled) int {
		return func(_ int, log []handled) (n int) {
			for _, h := range log {
				if is(h) {
					n++
				}
			}
			return n
		}
	}
	return []failing{
		{name: "half of the requests lost", script: usual, relay: part("timeout", "upstream", 0.5, "timeout", 0),
			burst: 40, within: 2 * time.Second, class: sample.Timeout, truth: unseen},
		{name: "half lost, closed after 50 ms", script: usual, relay: part("timeout", "upstream", 0.5, "timeout", 50),
			burst: 40, within: time.Minute, class: sample.Reset, truth: unseen},
		{
			name:   "half of the connections reset",
			script: usual,
			relay:  part("reset_peer", "upstream", 0.5, "timeout", 20),
			burst:  40,
			within: time.Minute,
			class:  sample.Reset,
			truth:  unseen,
		},
		{name: "all answers lost", script: usual, relay: part("timeout", "downstream", 1, "timeout", 0),
			burst: 20, within: time.Second, class: sample.Timeout, truth: all},
		{name: "all answers reset", script: usual, relay: part("reset_peer", "downstream", 1, "timeout", 20),
			burst: 20, within: time.Minute, class: sample.Reset, truth: all},
		{
			name:   "all answers cut at 500 bytes",
			script: script{delays: usual.delays, body: 2000},
			relay:  part("limit_data", "downstream", 1, "bytes", 500),
			burst:  20,
			within: time.Minute,
			class:  sample.Reset,
			truth:  all,
		},
		{name: "a quarter slower than the timeout", script: script{delays: []time.Duration{quick, quick, late, quick}},
			burst: 40, within: 2 * time.Second, class: sample.Timeout,
			truth: count(func(h handled) bool { return h.nominal == late })},
		{
			name:   "a fifth refused with 503",
			script: script{delays: usual.delays, statuses: []int{200, 200, 503, 200, 200}},
			burst:  40,
			within: time.Minute,
			class:  sample.HTTP5xx,
			truth:  count(func(h handled) bool { return h.status == 503 }),
		},
	}
}

func failureScenes() []scene {
	var out []scene
	for _, f := range slices.Concat(failureList(), unreachable(), resetStreams()) {
		out = append(out, scene{f.name, f.run})
	}
	return out
}

func (f failing) run(t *testing.T, relay *toxiproxy) []line {
	return retry(t, func(watched func() limits) (line, verdict) {
		s := play(t, f.script)
		addr := s.addr
		if f.relay != nil {
			addr = relay.between(t, addr, f.relay...)
		}
		rows := observe(t, s, addr, func(c *probe.Config) {
			bursts(1, f.burst, probe.New)(c)
			if f.kept {
				c.Connections = probe.Shared
			}
			c.Timeout = f.within
			if f.spoil != nil {
				f.spoil(t, c)
			}
		})
		log := s.requests()
		v := f.judge(rows, log, watched())
		failed := f.truth(f.burst, log)
		return line{f.name, fmt.Sprintf("%s of %d", f.class, f.burst), fmt.Sprintf("%d failed", failed),
			fmt.Sprintf("%d %s", classes(rows)[f.class], f.class), "exact", v.good(), ""}, v
	})
}

func classes(rows []sample.Sample) map[sample.Class]int {
	out := map[sample.Class]int{}
	for _, r := range rows {
		out[r.Err]++
	}
	return out
}

// judge holds the rows against what server and relay did: no failure is hidden, none is made up, all have their class.
func (f failing) judge(rows []sample.Sample, log []handled, machine limits) verdict {
	var v verdict
	want := f.truth(f.burst, log)
	got := classes(rows)
	if len(rows) != f.burst || want < 1 || got[f.class] != want || got[sample.OK] != f.burst-want {
		v.wrongf("%d rows, by class %v; %d of %d requests failed, as %s", len(rows), got, want, f.burst, f.class)
	}
	if want == f.burst && f.relay != nil && f.relay[0].Toxicity < 1 {
		v.wrongf("all failed where half were to")
	}
	used := map[int]bool{}
	for _, h := range log {
		used[h.conn] = true
	}
	if f.kept && len(used) > threadsMost {
		v.wrongf("%d connections: the neighbours' was left", len(used))
	}
	for _, r := range rows {
		switch {
		case (r.Err == sample.OK) != (r.Latency >= 0):
			v.wrongf("slot %d: class %q with latency %s", r.Slot, r.Err, r.Latency)
		case r.Err == sample.HTTP5xx && (r.Status != 503 || r.FirstByte < 0):
			v.wrongf("slot %d: status %d, first byte %s", r.Slot, r.Status, r.FirstByte)
		case r.Err != sample.OK && r.Err != sample.HTTP5xx && !r.ReceivedAt.IsZero():
			v.wrongf("slot %d: class %q, yet its answer was complete at %s", r.Slot, r.Err, r.ReceivedAt)
		case f.script.body > 0 && (r.Bytes >= int64(f.script.body) || r.FirstByte < 0):
			v.wrongf("slot %d: %d bytes of a body that was cut, first byte %s", r.Slot, r.Bytes, r.FirstByte)
		}
	}
	var answered []sample.Sample
	for _, r := range rows {
		if r.Err == sample.OK {
			answered = append(answered, r)
		}
	}
	pairs, wrong := match(answered, log)
	v.wrong = append(v.wrong, wrong...)
	for _, p := range pairs {
		claim{fresh: !f.kept, machine: machine}.judgeRow(&v, p)
	}
	return v
}
