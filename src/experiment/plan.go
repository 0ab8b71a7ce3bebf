package experiment

import (
	"math"
	"strconv"
	"time"
)

// BurstSize is the number of requests in each burst of a round; BurstSizes cycles, rounds count from 0.
func (s *SubExperiment) BurstSize(round int) int {
	if len(s.BurstSizes) == 0 {
		return 1
	}
	return s.BurstSizes[round%len(s.BurstSizes)]
}

// ServiceTime is what a round's requests ask the function to spin for; DesiredServiceTimes cycles.
func (s *SubExperiment) ServiceTime(round int) time.Duration {
	if len(s.DesiredServiceTimes) == 0 {
		return 0
	}
	d, err := time.ParseDuration(s.DesiredServiceTimes[round%len(s.DesiredServiceTimes)])
	if err != nil { // Parse lets none through
		return 0
	}
	return d
}

// Increments is the iterations of the spin loop that the file sets for a round; false where it leaves them to
// calibration.
func (s *SubExperiment) Increments(round int) (int64, bool) {
	if len(s.BusySpinIncrements) == 0 {
		return 0, false
	}
	return s.BusySpinIncrements[round%len(s.BusySpinIncrements)], true
}

// Rounds is the number of rounds that bring Bursts bursts, one to each endpoint a round; the last round may be partial.
func (s *SubExperiment) Rounds() int {
	p := max(s.Parallelism, 1)
	return s.Bursts/p + min(s.Bursts%p, 1)
}

// BurstsIn is the number of bursts in a round: one an endpoint, fewer in a partial last round, none after it.
func (s *SubExperiment) BurstsIn(round int) int {
	p := max(s.Parallelism, 1)
	return max(0, min(p, s.Bursts-round*p))
}

// MeanIAT is the expected pause after a round, by the formulas of the IAT types: stochastic T + m, deterministic T,
// step min((k+1)·step, T).
func (s *SubExperiment) MeanIAT(round int) time.Duration {
	t := s.IATSeconds
	switch s.IATType {
	case "stochastic":
		t += s.IATJitterSeconds
	case "step":
		t = min(float64(round+1)*s.IATStepSeconds, t)
	}
	return toDuration(t)
}

// Assumed is what a plan assumes of a platform, beside what the file says. What is zero takes no time.
type Assumed struct {
	Update    time.Duration // making a function cold
	ColdStart time.Duration // a cold start
	// how long idle instances of a sub-experiment's functions live; nil: not known
	KeepAlive func(s *SubExperiment) time.Duration
	// share of a CPU that code on one thread gets with so much memory, in MiB; nil: a whole one
	Share func(memoryMB int) float64
}

// slow is how many times longer computing takes than on a whole CPU.
func (a Assumed) slow(s *SubExperiment) float64 {
	if a.Share == nil || s.FunctionMemoryMB <= 0 {
		return 1
	}
	if share := a.Share(s.FunctionMemoryMB); share > 0 && share < 1 {
		return 1 / share
	}
	return 1
}

// coldRounds is how many of the rounds begin with a cold start: all where it is forced or the pauses outlast the idle
// instances, else the first.
func (a Assumed) coldRounds(s *SubExperiment, rounds int) int {
	if s.ColdStart == ColdForce || a.KeepAlive != nil && s.MeanIAT(rounds/2) >= a.KeepAlive(s) {
		return rounds
	}
	return min(rounds, 1)
}

// Estimate is what a plan comes to, from mean IATs, desired service times, and what is assumed of the platform; answers
// of networks are not in it. How many functions are deployed is said by the types' studies. All repetitions that Repeat
// asks for are in it, and of those that Until adds none.
type Estimate struct {
	Bursts int // over all sub-experiments
	// over all sub-experiments, retries not counted; those of a trace that was not read count nothing
	Requests int
	Duration time.Duration // of probing: sequential sub-experiments add up, others run side by side
	IATs     time.Duration // the pauses alone, put together in the same way

	// round trips between functions and this machine that are waited for one after the other, put together in the same
	// way; Duration is without them, because how long one takes is what is measured
	RoundTrips int
}

// Estimate works out what the experiment comes to.
func (e *Experiment) Estimate() Estimate { return e.EstimateOf(e.all()) }

// all are the indices of all sub-experiments.
func (e *Experiment) all() []int {
	all := make([]int, len(e.SubExperiments))
	for i := range all {
		all[i] = i
	}
	return all
}

// EstimateOf works out what some of the sub-experiments come to, which are named by their indices, as if cold starts
// took no time.
func (e *Experiment) EstimateOf(subs []int) Estimate { return e.EstimateWith(subs, Assumed{}) }

// EstimateWith is EstimateOf with what is assumed of the platform.
func (e *Experiment) EstimateWith(subs []int, assumed Assumed) Estimate {
	type sum struct {
		duration, iats float64
		trips          int
	}
	var all Estimate
	gap := 0.0                // between two repetitions
	turns := map[string]sum{} // of sub-experiments that wait for each other
	for _, i := range subs {
		s := &e.SubExperiments[i]
		all.Bursts += s.Bursts
		all.Requests += s.Requests()
		busy, pause := s.seconds(assumed)
		gap = max(gap, s.MeanIAT(max(0, s.Rounds()-1)).Seconds())
		was := turns[e.turn(i)]
		turns[e.turn(i)] = sum{was.duration + busy + pause, was.iats + pause, was.trips + s.roundTrips()}
	}
	var most sum
	for _, t := range turns {
		most = sum{max(most.duration, t.duration), max(most.iats, t.iats), max(most.trips, t.trips)}
	}
	if e.Interleaved() {
		busy, pause := e.interleave(subs, assumed)
		most.duration, most.iats = busy+pause, pause
	}
	n := e.Repetitions()
	between := float64(n-1) * gap
	all.Bursts, all.Requests, all.RoundTrips = n*all.Bursts, n*all.Requests, n*most.trips
	all.Duration, all.IATs = toDuration(float64(n)*most.duration+between), toDuration(float64(n)*most.iats+between)
	return all
}

// turn is the same for sub-experiments that run one after the other: all where the file is sequential, else those of
// the same existing function.
func (e *Experiment) turn(i int) string {
	switch function := e.SubExperiments[i].Function; {
	case e.Sequential:
		return ""
	case IsExisting(function):
		return function
	}
	return strconv.Itoa(i)
}

// roundTrips is how many round trips of a ping-pong are waited for one after the other: Threads invocations go on at
// once, each with Repetitions of them.
func (s *SubExperiment) roundTrips() int {
	if s.Type != TypePingPong {
		return 0
	}
	threads := max(s.Threads, 1)
	return (s.Invocations + threads - 1) / threads * s.Repetitions
}

// Requests counts the requests of a sub-experiment.
func (s *SubExperiment) Requests() int {
	if s.Sustained() {
		return s.planned()
	}
	if count := subTypeOf(s.Type).requests; count != nil {
		return count(s)
	}
	total, p := 0, max(s.Parallelism, 1)
	full := s.Bursts / p
	for i, size := range s.BurstSizes {
		total += turns(full, len(s.BurstSizes), i) * p * size
	}
	return total + s.BurstsIn(full)*s.BurstSize(full)
}

// seconds gives the time in requests and the time in pauses of a sub-experiment. The pause after the last round is not
// waited for; in an open schedule the pauses cover the requests but the last ones. Making functions cold happens within
// the pause before a round. A burst with a cold start takes as long as that and its service time together.
func (s *SubExperiment) seconds(a Assumed) (busy, pause float64) {
	switch {
	case isTrace(s.Arrivals):
		return s.traced.length.Seconds(), 0
	case s.Sustained():
		return s.DurationSeconds, 0
	case !s.bursting():
		if took := subTypeOf(s.Type).seconds; took != nil {
			return took(s, (a.Update + a.ColdStart).Seconds())
		}
		return 0, 0
	}
	rounds, p := s.Rounds(), max(s.Parallelism, 1)
	pause = s.pauses(max(0, rounds-1))
	if s.ColdStart == ColdForce && rounds > 0 {
		update := a.Update.Seconds()
		pause = update + max(pause, float64(rounds-1)*update)
	}
	if s.Schedule == "open" {
		return s.ServiceTime(max(0, rounds-1)).Seconds()*a.slow(s) + a.ColdStart.Seconds(), pause
	}
	full, cycle := s.Bursts/p, len(s.DesiredServiceTimes)
	for i := range cycle {
		busy += float64(turns(full, cycle, i)*p) * s.ServiceTime(i).Seconds()
	}
	busy += float64(s.BurstsIn(full)) * s.ServiceTime(full).Seconds()
	cold := min(a.coldRounds(s, rounds)*p, s.Bursts)
	return busy*a.slow(s) + float64(cold)*a.ColdStart.Seconds(), pause
}

// pauses sums the mean IATs after the first n rounds, in seconds.
func (s *SubExperiment) pauses(n int) float64 {
	switch {
	case s.IATType != "step":
		return float64(n) * s.MeanIAT(0).Seconds()
	case s.IATStepSeconds <= 0:
		return 0
	}
	ramp := math.Min(float64(n), math.Floor(s.IATSeconds/s.IATStepSeconds))
	return s.IATStepSeconds*ramp*(ramp+1)/2 + (float64(n)-ramp)*s.IATSeconds
}

// turns is how often element i of a cycle has its turn in n rounds.
func turns(n, cycle, i int) int {
	t := n / cycle
	if i < n%cycle {
		t++
	}
	return t
}

// toDuration converts seconds, capped at the longest duration there is (292 years).
func toDuration(seconds float64) time.Duration {
	if ns := seconds * float64(time.Second); ns < math.MaxInt64 {
		return time.Duration(math.Round(ns))
	}
	return math.MaxInt64
}

// ServiceShare is how many requests ask for a service time.
type ServiceShare struct {
	Time     time.Duration
	Requests int
}

// ServiceShares splits the requests of a sub-experiment by the service time that they ask for; of a sustained load, and
// where sizes and times need very many rounds until they cycle together, evenly.
func (s *SubExperiment) ServiceShares() []ServiceShare {
	times := max(len(s.DesiredServiceTimes), 1)
	out := make([]ServiceShare, times)
	for i := range out {
		out[i].Time = s.ServiceTime(i)
	}
	all, rounds := s.Requests(), times*max(len(s.BurstSizes), 1)
	weights, sum := make([]float64, times), 0.0
	for i := range weights {
		weights[i] = 1
	}
	if s.bursting() && rounds <= maxCycle {
		clear(weights)
		for round := range min(rounds, s.Rounds()) {
			weights[round%times] += float64(s.BurstsIn(round) * s.BurstSize(round))
		}
	}
	for _, w := range weights {
		sum += w
	}
	left := all
	for i, w := range weights {
		if sum > 0 {
			out[i].Requests = min(int(math.Round(float64(all)*w/sum)), left)
		}
		left -= out[i].Requests
	}
	out[0].Requests += left // of rounding
	return out
}

// maxCycle is how many rounds are counted to find out which sizes meet which service times.
const maxCycle = 1_000_000
