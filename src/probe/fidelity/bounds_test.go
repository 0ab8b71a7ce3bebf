package fidelity

import (
	"fmt"
	"testing"
	"time"
)

// limits are how much more than the truth a percentile may be. Less than the truth it may never be, whatever the
// machine.
type limits struct{ p50, p99 time.Duration }

// Bounds of a quiet machine. They are also for rows that are made up, which no machine holds up.
var (
	quietOrdinary   = limits{1 * ms, 5 * ms}
	quietDialled    = limits{4 * ms, 9 * ms}
	quietHandshaken = limits{7 * ms, 15 * ms}
)

// The bounds hold on a quiet machine of two cores that client and server share: two to three times what was measured
// there. Under the race detector nothing is quiet: every bound is then one that no sound probe reaches.
var (
	// ordinary is for connections that are open when the request is due. Measured: 0.1 to 0.5 and 0.2 to 1.5 ms.
	ordinary = bounds(quietOrdinary, limits{30 * ms, 60 * ms})
	// dialled is for connections that the request has to open, with the opening of up to 20 others beside it.
	// Measured: 0.8 to 1.8 and 1.2 to 3 ms.
	dialled = bounds(quietDialled, limits{30 * ms, 60 * ms})
	// handshaken is for connections with TLS that the request has to open: both sides' arithmetic is part of its
	// latency. Measured: 2.2 to 3.5 and 3 to 6 ms.
	handshaken = bounds(quietHandshaken, limits{60 * ms, 150 * ms})
	// relayed: the relay is a program that this machine has to find a core for, twice a round trip.
	relayed = bounds(limits{6 * ms, 20 * ms}, limits{50 * ms, 100 * ms})
	// crowded is for answers that come all at once, when a stall ends.
	crowded = bounds(limits{5 * ms, 20 * ms}, limits{30 * ms, 150 * ms})
	// phaseBound is for a phase's median other than TLS, spreadBound for the spread of a burst.
	phaseBound  = bounds(limits{p50: 2 * ms}, limits{p50: 30 * ms})
	spreadBound = bounds(limits{p50: 2 * ms}, limits{p50: 30 * ms})
	// latenessLimits is how late requests leave that find a connection.
	latenessLimits = bounds(limits{1 * ms, 15 * ms}, limits{10 * ms, 60 * ms})
)

// bounds chooses between those of a quiet machine and those of the race detector.
func bounds(quiet, racing limits) limits {
	if raceEnabled {
		return racing
	}
	return quiet
}

// plus is a bound on a machine that adds so much itself.
func (l limits) plus(machine limits) limits { return limits{l.p50 + machine.p50, l.p99 + machine.p99} }

func (l limits) String() string { return fmt.Sprintf("%+.1f/%+.1f", inMs(l.p50), inMs(l.p99)) }

// attempts is how often a scenario may be too slow before the probe is to blame and not the machine. A probe that makes
// latency itself does so every time. What is wrong on any machine gets no second attempt.
const attempts = 3

// An attempt during which the machine held the reference up once for longer than disturbance, beyond what a quiet one
// does, does not count if it was too slow: it shows nothing. With those, there are attemptsMost.
const (
	disturbance  = 5 * ms
	attemptsMost = 15
)

// attempt plays a scenario once. machine is asked, after the play, what the machine added meanwhile.
type attempt func(machine func() limits) (line, verdict)

// repeat makes an attempt, and further ones for as long as all that is wrong may have been the machine's doing. It
// returns a line for each attempt, and the last verdict.
func repeat(watch func() (machine func() limits), try attempt) ([]line, verdict) {
	var lines []line
	counted := 0
	for n := 1; ; n++ {
		machine := watch()
		l, v := try(machine)
		added := machine()
		if added.p99 <= disturbance {
			counted++
		}
		l.pass, l.machine = v.good(), added.String()
		if n > 1 {
			l.scenario += fmt.Sprintf(", attempt %d", n)
		}
		lines = append(lines, l)
		if v.good() || len(v.wrong) > 0 || counted == attempts || n == attemptsMost {
			return lines, v
		}
	}
}

// retry plays a scenario and fails the test where its last attempt is not good.
func retry(t *testing.T, try attempt) []line {
	t.Helper()
	lines, v := repeat(func() func() limits { return watchMachine(t) }, func(machine func() limits) (line, verdict) {
		l, v := try(machine)
		if !v.good() {
			t.Logf("an attempt was not good:\n%s", v.String())
		}
		return l, v
	})
	if !v.good() {
		t.Error(v.String())
	}
	return lines
}
