package analyze

import (
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe/schedule"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// drifting is a server whose latency goes up and down by 10 % over the run, and whose bursts are correlated.
type drifting struct {
	draw  *rand.Rand
	phase float64
	clock time.Duration
	whole time.Duration // of the run, about
}

// burst answers a burst to a function that takes so many times as long as the other one, and takes its time.
func (d *drifting) burst(slow float64, number, round int) []sample.Sample {
	const size = 5
	drift := 1 + 0.1*math.Sin(2*math.Pi*(float64(d.clock)/float64(d.whole)+d.phase))
	all := math.Exp(0.02 * d.draw.NormFloat64()) // what the burst's requests have in common
	rows, longest := make([]sample.Sample, size), time.Duration(0)
	for i := range rows {
		ms := 20 * slow * drift * all * math.Exp(0.04*d.draw.NormFloat64())
		row := sample.Empty()
		row.Burst, row.Round, row.Slot, row.BurstSize = number, round, i, size
		row.Latency = time.Duration(ms * 1e6)
		row.SentAt = time.Unix(0, 0).Add(d.clock)
		longest = max(longest, row.Latency)
		rows[i] = row
	}
	d.clock += longest + 5*time.Millisecond
	return rows
}

// simulated are the summaries of a run of functions that take so many times as long as the first one, in the order
// that the scheduler gives.
func simulated(t *testing.T, seed int64, blocks int, interleaved bool, times ...float64) (sums []Summary) {
	t.Helper()
	server := drifting{draw: rand.New(rand.NewPCG(uint64(seed), 16)),
		whole: time.Duration(len(times)*blocks) * 27 * time.Millisecond}
	server.phase = server.draw.Float64()
	rows, rounds := make([][]sample.Sample, len(times)), make([]int, len(times))
	for i := range rounds {
		rounds[i] = blocks
	}
	for turn := range (schedule.Turns{Seed: seed, Rounds: rounds, Interleaved: interleaved}).Of(0) {
		for round := turn.From; round < turn.To; round++ {
			rows[turn.Place] = append(rows[turn.Place],
				server.burst(times[turn.Place], round, turn.Block+round-turn.From)...)
		}
	}
	for i := range rows {
		sum, err := Summarize(Samples(rows[i]), Options{Identity: Identity{Index: i}, Blocks: interleaved,
			Resampling: &Resampling{Seed: uint64(seed), Draws: 400}})
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, sum)
	}
	return sums
}

// claims compares two functions, the second of which is slower by a share.
func claims(t *testing.T, seed int64, interleaved bool, slower float64) Pair {
	t.Helper()
	const blocks = 100
	c := Compare(simulated(t, seed, blocks, interleaved, 1, 1+slower), []Axis{{Key: "Path",
		Labels: []string{"old", "new"}}})
	if len(c) != 1 || len(c[0].Pairs) != 1 || (c[0].Lines[0].Blocks == blocks) != interleaved {
		t.Fatalf("%+v", c)
	}
	return c[0].Pairs[0]
}

// TestDriftAgainstOrder: against a server that drifts by 10 %, taking turns finds a slowdown of 2 % and claims nothing
// where there is none. One sub-experiment after the other measures the drift. STELLAR_DRIFT_SEEDS is for more runs.
func TestDriftAgainstOrder(t *testing.T) {
	seeds := 100
	if raceEnabled { // the suite takes all of them once more without the race detector
		seeds = 20
	}
	if more, err := strconv.Atoi(os.Getenv("STELLAR_DRIFT_SEEDS")); err == nil {
		seeds = more
	}
	count := func(seeds int, interleaved bool) (found, covered, alarms int) {
		const slower = 0.02
		for seed := range seeds {
			pair := claims(t, int64(seed), interleaved, slower)
			if pair.Differs && pair.Second == "new" {
				found++
			}
			if pair.Second == "new" && pair.Ratio.Low.V <= 1+slower && 1+slower <= pair.Ratio.High.V {
				covered++
			}
			if claims(t, int64(seed), interleaved, 0).Differs {
				alarms++
			}
		}
		t.Logf("interleaved %v: of %d, found %d, covered %d, false alarms %d", interleaved, seeds, found, covered, alarms)
		return found, covered, alarms
	}
	found, covered, alarms := count(seeds, true)
	if 100*found < 95*seeds || 100*alarms > 5*seeds || 100*covered < 91*seeds {
		t.Errorf("interleaved found %d of %d, with %d false alarms; %d intervals cover", found, seeds, alarms, covered)
	}
	found, _, alarms = count(seeds/4, false)
	if 4*100*found >= 95*seeds || 4*100*alarms <= 20*seeds {
		t.Errorf("sequential found %d of %d, with %d false alarms: then the test shows nothing", found, seeds/4, alarms)
	}
}

// TestShapeInBlocks: a straight line and a step are found under the drift, too.
func TestShapeInBlocks(t *testing.T) {
	axis := []Axis{{Key: "FunctionMemoryMB", Labels: []string{"1", "2", "3", "4"}, Values: []float64{1, 2, 3, 4}}}
	for want, times := range map[string][]float64{
		FindingLine: {1, 1.1, 1.2, 1.3}, FindingStep: {1, 1, 1.2, 1.2}, FindingNone: {1, 1, 1, 1},
	} {
		c := Compare(simulated(t, 3, 80, true, times...), axis)
		line := c[0].Lines[0]
		if line.Finding != want || line.Blocks != 80 {
			t.Errorf("%v: %+v", times, line)
		}
		if s := line.Slope; s != nil && !(s.Low.V < 2 && 2 < s.High.V && s.High.V-s.Low.V < 0.5) {
			t.Errorf("slope %+v, want 2 ms", s)
		}
		if s := line.Step; s != nil && !(s.Ratio.Low.V < 1.2 && 1.2 < s.Ratio.High.V && s.Ratio.High.V < 1.23) {
			t.Errorf("step %+v, want 1.2 times", s)
		}
	}
}

// TestBlocks: points are compared in the blocks that all of them have, of which very many are joined.
func TestBlocks(t *testing.T) {
	line := func(rounds int, without ...int) Line {
		l := Line{Points: make([]Point, 2)}
		for i := range l.Points {
			for round := range rounds {
				if i == 1 && slices.Contains(without, round) {
					continue
				}
				ms := (10 + float64(round%7)) * []float64{1, 1.5}[i]
				l.Points[i].rounds = append(l.Points[i].rounds, roundMedian{round, ms})
			}
		}
		return l
	}
	for _, c := range []struct {
		line Line
		want int
	}{{line(10, 3, 7, 8, 9), 6}, {line(10, 3, 5, 7, 8, 9), 0}, {line(2*maxBlocks - 1), maxBlocks},
		{line(2 * maxBlocks), maxBlocks}} {
		b := c.line.inBlocks([]int{0, 1})
		if b == nil || c.want == 0 {
			if b != nil || c.want != 0 {
				t.Errorf("blocks %+v, want %d", b, c.want)
			}
			continue
		}
		logs, _ := b.between(0, 1)
		for _, l := range logs {
			if math.Abs(l-math.Log(1.5)) > 1e-9 {
				t.Fatalf("of %d blocks: a ratio of %v, want 1.5", c.want, math.Exp(l))
			}
		}
		if len(logs) != c.want || math.Abs(b.levels[1]/b.levels[0]-1.5) > 1e-9 {
			t.Errorf("%d blocks, want %d; levels %v", len(logs), c.want, b.levels)
		}
	}
	apart := Line{Points: make([]Point, 2)}
	if apart.inBlocks([]int{0, 1}) != nil {
		t.Error("blocks of a run that was not interleaved")
	}
}

// TestSignedRank compares with the enumeration of all signs, and the approximation with the exact distribution.
func TestSignedRank(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		n := 1 + draw.IntN(10)
		values, ranks := make([]float64, n), []int(nil)
		for i := range values {
			values[i] = float64(draw.IntN(13) - 5) // with ties and zeros
		}
		var sizes []float64
		observed := 0
		for _, v := range values {
			if v != 0 {
				sizes = append(sizes, math.Abs(v))
			}
		}
		ranks, _ = doubledRanks(sizes)
		k := 0
		for _, v := range values {
			if v > 0 {
				observed += ranks[k]
			} else if v < 0 {
				observed -= ranks[k]
			}
			if v != 0 {
				k++
			}
		}
		far := 0
		for signs := range 1 << len(ranks) {
			sum := 0
			for i, r := range ranks {
				if signs>>i&1 == 1 {
					sum += r
				} else {
					sum -= r
				}
			}
			if max(sum, -sum) >= max(observed, -observed) {
				far++
			}
		}
		p, positive := signedRank(values)
		if want := float64(far) / float64(int(1)<<len(ranks)); math.Abs(p-want) > 1e-12 || positive != (observed > 0) {
			t.Errorf("%v: p %v, want %v; positive %v", values, p, want, positive)
		}
	}
	values := make([]float64, exactRanks+1)
	for i := range values {
		values[i] = draw.NormFloat64() + 0.3
	}
	approximate, _ := signedRank(values)
	exact, _ := signedRank(values[1:])
	if exact < 0.001 || approximate < 0.001 {
		t.Fatalf("p %v and %v: too clear to compare", exact, approximate)
	}
	ranks, _ := doubledRanks(absolute(values))
	total, sum := 0, 0
	for i, r := range ranks {
		total += r
		if values[i] > 0 {
			sum += r
		}
	}
	off := 2*sum - total
	if p := exactSignedRank(ranks, total, max(off, -off)); math.Abs(p/approximate-1) > 0.03 {
		t.Errorf("approximation %v of %v", approximate, p)
	}
}

func absolute(values []float64) []float64 {
	out := make([]float64, len(values))
	for i, v := range values {
		out[i] = math.Abs(v)
	}
	return out
}
