package pipeline

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"stellar/src/experiment"
	"stellar/src/machine"
)

// rowBytes is what a request costs in memory until its row is written: the row itself and the texts in it.
const rowBytes = 1 << 10

// Carries asks whether this machine can send what the experiment asks for: open files, local ports, memory.
func (w Config) Carries(exp *experiment.Experiment) error {
	var sum machine.Need
	sum.Loopback = loopback(exp)
	for _, i := range w.Subs(exp) {
		n := need(&exp.SubExperiments[i])
		if exp.Sequential {
			sum.Connections, sum.New, sum.Bytes = max(sum.Connections, n.Connections), max(sum.New, n.New), max(sum.Bytes, n.Bytes)
		} else {
			sum.Connections, sum.New, sum.Bytes = sum.Connections+n.Connections, sum.New+n.New, sum.Bytes+n.Bytes
		}
	}
	if err := machine.Capacity(sum); err != nil {
		return fmt.Errorf("the experiment's load: %w", err)
	}
	return nil
}

// need is what a sub-experiment asks of the machine at its busiest.
func need(s *experiment.SubExperiment) machine.Need {
	largest := 1
	for _, size := range s.BurstSizes {
		largest = max(largest, size)
	}
	n := machine.Need{Connections: largest, Bytes: int64(largest) * (rowBytes + s.PayloadLengthBytes)}
	if s.Sustained() {
		n.Connections = s.MaxConnections
		n.Bytes = int64(n.Connections) * (rowBytes + s.PayloadLengthBytes)
	}
	if s.Connections == "shared" {
		n.Connections = n.Connections/200 + 1
	}
	if s.Connections == "new" {
		n.New = opened(s, largest)
	}
	return n
}

// opened is how many connections a sub-experiment opens within 60 s, where every request opens its own.
func opened(s *experiment.SubExperiment, largest int) int {
	const window = 60.0
	total := s.Requests()
	if s.Sustained() {
		return min(total, int(s.PeakRate()*(window+s.ServiceTime(0).Seconds()))+1)
	}
	round := max(s.IATSeconds+s.ServiceTime(0).Seconds(), time.Millisecond.Seconds())
	return min(total, int(window/round+1)*largest*max(s.Parallelism, 1))
}

// loopback says whether the functions are on this machine.
func loopback(exp *experiment.Experiment) bool {
	if exp.ProviderKind() == "local" {
		return true
	}
	target := exp.Provider
	if !strings.Contains(target, "://") { // a host, as the file may have it
		target = "http://" + target
	}
	u, err := url.Parse(target)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && addr.Unmap().IsLoopback()
}
