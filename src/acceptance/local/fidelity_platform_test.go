package local_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/reportline"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// witnessed is a row with the platform's own REPORT line of the same request.
type witnessed struct {
	row sample.Sample
	log reportline.Report
}

const (
	// logged is what the log's two decimals of a millisecond round away.
	logged = 5 * time.Microsecond
	// tick is the kernel's: a function knows its own process's start no better.
	tick = 10 * time.Millisecond
	// apart is how far function and platform may be apart, at the median, in when an init ends and in what a request
	// takes beside its spin: handing over between two processes on a busy machine.
	apart = 30 * time.Millisecond
)

// disagreements holds what rows say against the platform's log: the cold flag, the instance, the init, and the nesting
// of times, each of which lies within the next: the function's spin, the platform's duration, the client's latency.
func disagreements(all []witnessed) (wrong []string) {
	inits, colds, names := map[string]time.Duration{}, map[string]int{}, map[string]string{}
	for _, w := range all {
		if w.log.Cold {
			inits[w.log.Instance] = w.log.Init
			colds[w.log.Instance]++
		}
	}
	var initGaps, serviceGaps []time.Duration
	for _, w := range all {
		r, l := w.row, w.log
		say := func(format string, args ...any) { wrong = append(wrong, r.RequestID+": "+fmt.Sprintf(format, args...)) }
		if r.Err != sample.OK {
			say("class %s", r.Err)
			continue
		}
		if (r.Cold == sample.Yes) != l.Cold || r.Cold == sample.Unknown || (r.Invocation == 1) != l.Cold {
			say("the row says cold %v, invocation %d; the platform says cold %v", r.Cold, r.Invocation, l.Cold)
		}
		if known := names[l.Instance]; known != "" && known != r.InstanceID || r.InstanceID == "" {
			say("instance %q was %q before", r.InstanceID, known)
		}
		names[l.Instance] = r.InstanceID
		if r.Service > l.Duration+logged || l.Duration > r.Latency+logged {
			say("service %s, duration %s and latency %s do not lie within one another", r.Service, l.Duration, r.Latency)
		}
		if r.Desired > 0 {
			if r.Service <= 0 {
				say("no service time, %s was asked for", r.Desired)
			}
			serviceGaps = append(serviceGaps, l.Duration-r.Service)
		}
		init, ok := inits[l.Instance]
		switch {
		case !ok:
			say("instance %s was never cold", l.Instance)
		case r.Init < 0 || r.Init > init+tick:
			say("an init of %s, the platform says %s", r.Init, init)
		case l.Cold && r.BurstSize == 1: // processes that start together wait for processors, which each cannot know
			initGaps = append(initGaps, init-r.Init)
		}
	}
	wrong = append(wrong, badInstances(colds, names)...)
	for what, gaps := range map[string][]time.Duration{"init": initGaps, "service time": serviceGaps} {
		if len(gaps) == 0 || nearestRank(gaps, 50) > apart {
			wrong = append(wrong, fmt.Sprintf("%s: %d rows, half of them more than %s short of what the platform says",
				what, len(gaps), apart))
		}
	}
	return wrong
}

// badInstances lists the platform's instances that were not cold exactly once, and ids that two of them report.
func badInstances(colds map[string]int, ids map[string]string) (wrong []string) {
	for instance, n := range colds {
		if n != 1 {
			wrong = append(wrong, fmt.Sprintf("instance %s was cold %d times", instance, n))
		}
	}
	seen := map[string]bool{}
	for _, id := range ids {
		if seen[id] {
			wrong = append(wrong, fmt.Sprintf("two of the platform's instances report the id %s", id))
		}
		seen[id] = true
	}
	return wrong
}

func nearestRank(values []time.Duration, p float64) time.Duration {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(int(math.Ceil(p/100*float64(len(sorted))))-1, 0)]
}

// platformTable is the fidelity suite's part about the local platform; the test command prints it.
func platformTable(all []witnessed, pass bool) string {
	var truth, measured [3][]time.Duration
	cold := [2]int{}
	for _, w := range all {
		if w.log.Cold {
			cold[0]++
		}
		if w.log.Cold && w.row.BurstSize == 1 {
			truth[0], measured[0] = append(truth[0], w.log.Init), append(measured[0], w.row.Init)
		}
		if w.row.Cold == sample.Yes {
			cold[1]++
		}
		if w.row.Desired > 0 {
			truth[1], measured[1] = append(truth[1], w.log.Duration), append(measured[1], w.row.Service)
		}
		truth[2], measured[2] = append(truth[2], w.log.Duration), append(measured[2], w.row.Latency)
	}
	word := "FAILS"
	if pass {
		word = "pass"
	}
	var b strings.Builder
	fmt.Fprintf(
		&b,
		"| %-39s | %-15s | %-16s | %-28s | pass |\n",
		"local platform, 1000 requests",
		"truth p50/p99",
		"measured p50/p99",
		"bound",
	)
	row := func(name, truth, measured, bound string) {
		fmt.Fprintf(&b, "| %-39s | %-15s | %-16s | %-28s | %s |\n", name, truth, measured, bound, word)
	}
	row("cold starts", strconv.Itoa(cold[0]), strconv.Itoa(cold[1]), "each row, exact")
	for i, line := range [3][2]string{
		{"init of single cold starts", "each row +10, p50 -30"},
		{"service time: REPORT, the function's", "each row +0, p50 -30"},
		{"latency: REPORT, the client's", "each row -0"},
	} {
		row(line[0], medianAndTail(truth[i]), medianAndTail(measured[i]), line[1])
	}
	return b.String()
}

func medianAndTail(values []time.Duration) string {
	if len(values) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f/%.2f", float64(nearestRank(values, 50))/1e6, float64(nearestRank(values, 99))/1e6)
}

// TestDisagreementsAreNoticed: rows as they should be pass, and each way to differ from the log does not.
func TestDisagreementsAreNoticed(t *testing.T) {
	perfect := func() (all []witnessed) {
		for i := range 40 {
			r := sample.Empty()
			r.RequestID, r.InstanceID, r.Invocation = strconv.Itoa(i), fmt.Sprintf("own-%d", i%10), int64(i/10+1)
			r.Cold = sample.No
			l := reportline.Report{RequestID: r.RequestID, Instance: fmt.Sprintf("i-%d", i%10), Cold: i < 10}
			if l.Cold {
				r.Cold, l.Init = sample.Yes, 12*time.Millisecond
			}
			r.BurstSize, r.Desired = 1, 4*time.Millisecond
			r.Init, r.Service, l.Duration, r.Latency = 11*time.Millisecond, 4*time.Millisecond,
				5*time.Millisecond, 7*time.Millisecond
			all = append(all, witnessed{r, l})
		}
		return all
	}
	if wrong := disagreements(perfect()); len(wrong) > 0 {
		t.Fatalf("rows as they should be: %q", wrong)
	}
	for name, spoil := range map[string]func(all []witnessed){
		"a warm request called cold":      func(all []witnessed) { all[30].row.Cold = sample.Yes },
		"a cold request called warm":      func(all []witnessed) { all[3].row.Cold = sample.No },
		"a cold flag left out":            func(all []witnessed) { all[30].row.Cold = sample.Unknown },
		"the wrong invocation":            func(all []witnessed) { all[30].row.Invocation = 1 },
		"another row's instance":          func(all []witnessed) { all[30].row.InstanceID = all[31].row.InstanceID },
		"no instance":                     func(all []witnessed) { all[30].row.InstanceID = "" },
		"two instances of one name":       func(all []witnessed) { renameAll(all, "own-1", "own-2") },
		"an init too long":                func(all []witnessed) { all[30].row.Init += 20 * time.Millisecond },
		"no init":                         func(all []witnessed) { all[30].row.Init = sample.None },
		"inits of half the truth":         func(all []witnessed) { lengthen(all, 80*time.Millisecond) },
		"a service over the duration":     func(all []witnessed) { all[30].row.Service = 6 * time.Millisecond },
		"no service time":                 func(all []witnessed) { all[30].row.Service = sample.None },
		"a latency short of the duration": func(all []witnessed) { all[30].row.Latency = 4 * time.Millisecond },
		"a failure":                       func(all []witnessed) { all[30].row.Err = sample.Reset },
		"an instance cold twice": func(all []witnessed) {
			all[30].log.Cold, all[30].row.Cold, all[30].row.Invocation = true, sample.Yes, 1
		},
	} {
		all := perfect()
		spoil(all)
		if len(disagreements(all)) == 0 {
			t.Errorf("%s is not noticed", name)
		}
	}
}

func renameAll(all []witnessed, from, to string) {
	for i := range all {
		if all[i].row.InstanceID == from {
			all[i].row.InstanceID = to
		}
	}
}

// lengthen makes the platform's inits longer than the functions say.
func lengthen(all []witnessed, d time.Duration) {
	for i := range all {
		all[i].log.Init += d
	}
}
