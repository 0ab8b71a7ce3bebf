package fidelity

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A machine that is not quiet adds to every latency. Beside each scenario runs a reference: the simplest client there
// is, with a server of its own. What it adds to the truth beyond what it adds on a quiet machine, the bounds are wider
// by.

const (
	// referenceConns is how many connections the reference keeps busy: enough for a p99, too few to disturb.
	referenceConns = 2
	// referenceDelay is its server's.
	referenceDelay = 5*ms + 300*time.Microsecond
	// busiest is how much of a core this program may use while a scenario is played. A probe that keeps the machine
	// busy slows down the reference as well: that is no excuse.
	busiest = 0.6
)

var (
	// quietMachine is the most that the reference adds to the truth on a quiet machine: at the median, and once.
	quietMachine = limits{400 * time.Microsecond, 3 * ms}
	// mostMachine is the most that is held to be the machine's doing.
	mostMachine = limits{20 * ms, 60 * ms}
)

// watchMachine starts the reference. What it returns ends it and says what the machine added.
func watchMachine(t *testing.T) func() limits {
	t.Helper()
	s := play(t, script{delays: []time.Duration{referenceDelay}})
	over := make(chan struct{})
	var clients sync.WaitGroup
	var mu sync.Mutex
	latencies := map[int]time.Duration{} // by the request's number
	for range referenceConns {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		clients.Go(func() {
			defer func() { _ = c.Close() }()
			r := bufio.NewReader(c)
			for {
				select {
				case <-over:
					return
				default:
				}
				began := time.Now()
				number, err := exchange(c, r)
				if err != nil {
					return
				}
				mu.Lock()
				latencies[number] = time.Since(began)
				mu.Unlock()
			}
		})
	}
	began, used := time.Now(), processorTime(t)
	return sync.OnceValue(func() limits {
		share := float64(processorTime(t)-used) / float64(time.Since(began))
		close(over)
		clients.Wait()
		return machineAdds(latencies, s.requests(), share)
	})
}

// machineAdds is what the machine added to the reference's latencies, given the part of a core that this program used.
// A moment in which the machine stands still hits a whole burst, which is more than one request in a hundred: what it
// adds to a p99 is the longest such moment.
func machineAdds(latencies map[int]time.Duration, log []handled, share float64) limits {
	var added []time.Duration
	for number, latency := range latencies {
		if number < len(log) {
			added = append(added, latency-log[number].took())
		}
	}
	if len(added) == 0 || share > busiest {
		return limits{}
	}
	beyond := func(p float64, quiet, most time.Duration) time.Duration {
		return min(max(percentile(added, p)-quiet, 0), most)
	}
	return limits{beyond(50, quietMachine.p50, mostMachine.p50), beyond(100, quietMachine.p99, mostMachine.p99)}
}

// exchange sends a request, reads its answer and returns the request's number.
func exchange(c net.Conn, r *bufio.Reader) (int, error) {
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: "+host+"\r\n\r\n"); err != nil {
		return 0, err
	}
	length := 0
	for {
		head, err := r.ReadString('\n')
		if err != nil {
			return 0, err
		}
		if head == "\r\n" {
			break
		}
		if value, is := strings.CutPrefix(head, "Content-Length: "); is {
			if length, err = strconv.Atoi(strings.TrimSpace(value)); err != nil {
				return 0, err
			}
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return 0, err
	}
	var answer struct{ RequestID string }
	if err := json.Unmarshal(body, &answer); err != nil {
		return 0, err
	}
	return strconv.Atoi(answer.RequestID)
}

// processorTime is what this process has used of all cores.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
