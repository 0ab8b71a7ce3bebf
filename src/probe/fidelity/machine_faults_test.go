package fidelity

import (
	"slices"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// TestShiftIsNoticedLive: a real probe, a real server and the reference beside them. A probe whose latencies are longer
// by 1 ms than the bound and the machine allow fails every attempt, and each has its line.
func TestShiftIsNoticedLive(t *testing.T) {
	for _, c := range []struct {
		connections string
		limits      limits
		shift       time.Duration
	}{
		{probe.Reuse, ordinary, ordinary.p50 + ms}, {probe.New, dialled, dialled.p50 + ms},
	} {
		lines, v := repeat(
			func() func() limits { return watchMachine(t) },
			func(machine func() limits) (line, verdict) {
				s := play(t, script{delays: steady()})
				pairs, wrong := match(observe(t, s, s.addr, bursts(5, 10, c.connections)), s.requests())
				claim := claim{requests: 50, fresh: c.connections == probe.New, limits: c.limits, machine: machine()}
				shift := c.shift + claim.machine.p50
				v := claim.judge(eachRow(func(r *sample.Sample, _ handled) { latency(r, r.Latency+shift) })(pairs))
				v.wrong = append(v.wrong, wrong...)
				return claim.line("shifted", pairs, v), v
			},
		)
		if v.good() || len(v.wrong) > 0 || len(lines) < attempts {
			t.Errorf("%s, shifted by %s: %d attempts, %s", c.connections, c.shift, len(lines), v.String())
		}
		for _, l := range lines {
			if l.pass || l.machine == "" {
				t.Errorf("%s: an attempt passes, or does not say what the machine added: %+v", c.connections, l)
			}
		}
	}
}

// TestAttempts: what is slow is played again, at most three times, or more often where the machine was disturbed; what
// is wrong, or good, is not.
func TestAttempts(t *testing.T) {
	good, slow, wrong := verdict{}, verdict{slow: []string{"slow"}}, verdict{wrong: []string{"wrong"}}
	for _, c := range []struct {
		verdicts []verdict
		machine  time.Duration
		played   int
		good     bool
	}{
		{[]verdict{good}, 0, 1, true},
		{[]verdict{slow, good}, 0, 2, true},
		{[]verdict{slow, slow, good}, disturbance, 3, true},
		{[]verdict{slow, slow, slow, good}, disturbance, 3, false},
		{[]verdict{wrong, good}, 0, 1, false},
		{[]verdict{slow, wrong, good}, 0, 2, false},
		{append(slices.Repeat([]verdict{slow}, attemptsMost-1), good), disturbance + 1, attemptsMost, true},
		{slices.Repeat([]verdict{slow}, attemptsMost+1), disturbance + 1, attemptsMost, false},
		{[]verdict{slow, wrong, good}, disturbance + 1, 2, false},
	} {
		n := 0
		lines, v := repeat(
			func() func() limits { return func() limits { return limits{p99: c.machine} } },
			func(func() limits) (line, verdict) {
				n++
				return line{scenario: "s"}, c.verdicts[n-1]
			},
		)
		if n != c.played || len(lines) != n || v.good() != c.good || lines[n-1].pass != c.good {
			t.Errorf("%v: played %d times with %d lines, good: %v", c.verdicts, n, len(lines), v.good())
		}
	}
}

// TestMachineIsNoExcuse: bounds are wider by what the machine adds beyond a quiet one, up to a limit; not where this
// program keeps the machine busy itself.
func TestMachineIsNoExcuse(t *testing.T) {
	began := time.Now()
	of := func(added ...time.Duration) (map[int]time.Duration, []handled) {
		latencies, log := map[int]time.Duration{}, []handled{}
		for i, d := range added {
			latencies[i] = referenceDelay + d
			log = append(log, handled{number: i, read: began, wrote: began.Add(referenceDelay)})
		}
		return latencies, log
	}
	quiet, busy := quietMachine.p50, quietMachine.p99+3*ms
	for _, c := range []struct {
		name  string
		added []time.Duration
		share float64
		want  limits
	}{
		{"a quiet machine", []time.Duration{quiet, quiet, quiet}, 0.1, limits{}},
		{"late now and then", []time.Duration{quiet, quiet, busy}, 0.1, limits{p99: 3 * ms}},
		{"always late", []time.Duration{busy, busy, busy}, 0.1, limits{busy - quiet, 3 * ms}},
		{"this program keeps a core busy", []time.Duration{busy, busy, busy}, 1, limits{}},
		{"a second late", []time.Duration{time.Second, time.Second}, 0.1, mostMachine},
		{"the reference has no answer", nil, 0.1, limits{}},
	} {
		latencies, log := of(c.added...)
		if got := machineAdds(latencies, log, c.share); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if !raceEnabled && (ordinary.p50 > ms || ordinary.p99 > 5*ms) {
		t.Errorf("kept connections: %s, want at most 1 and 5 ms", ordinary)
	}
}
