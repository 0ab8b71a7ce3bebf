package study

import (
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/machine"
	"github.com/vhive-serverless/STeLLAR/src/probe"
)

// NeedKind says who has to meet a need.
type NeedKind string

// The needs of the studies.
const (
	NeedCapacity  NeedKind = "capacity"     // of this machine: Load says how much
	NeedStore     NeedKind = "object store" // that payloads pass through
	NeedChain     NeedKind = "chain"        // functions that call each other
	NeedColdStart NeedKind = "cold start"   // functions that can be made cold on demand
	NeedUDP       NeedKind = "UDP"          // datagrams from functions to this machine
	NeedVersion   NeedKind = "version"      // a version of stellar that can do it: this one cannot
)

// Need is something that a sub-experiment needs.
type Need struct {
	Kind    NeedKind
	Key     string       // of the experiment file: what asks for it
	Text    string       // what is asked for
	Instead string       // what can be done; empty: nothing
	Load    machine.Need // of NeedCapacity
	Port    int          // of NeedUDP: the first one that this machine listens on
	Ports   int          // likewise: how many there are
}

// ColdStart is what a sub-experiment's ColdStart needs of the provider; none where instances die of the IAT.
func ColdStart(s *experiment.SubExperiment) []Need {
	if s.ColdStart != experiment.ColdForce {
		return nil
	}
	return []Need{{Kind: NeedColdStart, Key: "ColdStart", Text: "ColdStart " + experiment.ColdForce,
		Instead: "functions that stellar did not deploy, and platforms without such an update, become cold of a long " +
			"IATSeconds alone (ColdStart " + experiment.ColdIdle + ")"}}
}

// UDP is what the exchange of datagrams needs: n ports from FirstPort on; none with Exchange http.
func UDP(s *experiment.SubExperiment, n int) []Need {
	if s.Exchange != experiment.ExchangeUDP {
		return nil
	}
	return []Need{{Kind: NeedUDP, Key: "Exchange", Text: "Exchange " + experiment.ExchangeUDP, Port: s.FirstPort,
		Ports: n, Instead: "Exchange " + experiment.ExchangeHTTP + " needs neither datagrams nor an open port"}}
}

// rowBytes is what a request costs in memory until its row is written: the row itself and the texts in it.
const rowBytes = 1 << 10

// Capacity is what a sub-experiment's bursts, or its sustained load, need of this machine at their busiest.
func Capacity(s *experiment.SubExperiment) Need {
	largest := 1
	for _, size := range s.BurstSizes {
		largest = max(largest, size)
	}
	n := machine.Need{Connections: largest, Bytes: int64(largest) * (rowBytes + s.PayloadLengthBytes)}
	if s.Sustained() {
		n.Connections = s.MaxConnections
		n.Bytes = int64(n.Connections) * (rowBytes + s.PayloadLengthBytes)
	}
	if s.Connections == probe.Shared {
		n.Connections = n.Connections/200 + 1
	}
	if s.Connections == probe.New {
		n.New = opened(s, largest)
	}
	return Need{Kind: NeedCapacity, Load: n}
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
