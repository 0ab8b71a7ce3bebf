package providerreport

import (
	"slices"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// networks gathers what of a warm request's latency is not the function's: the network both ways, and what the
// platform takes to route it. Each endpoint has its own, and so has each kind of connection.
type networks struct {
	all     map[networkKey][]time.Duration
	medians map[networkKey]time.Duration
}

type networkKey struct {
	endpoint string
	newConn  bool
}

// add takes a row. A latency that is shorter than what the platform reports says nothing of the network.
func (n *networks) add(s *sample.Sample) {
	if s.Cold != sample.No || s.Err != sample.OK || s.Latency < 0 || s.ProviderDuration < 0 ||
		s.Latency < s.ProviderDuration {
		return
	}
	if n.all == nil {
		n.all = map[networkKey][]time.Duration{}
	}
	key := networkKey{s.Endpoint, s.NewConn}
	n.all[key] = append(n.all[key], s.Latency-s.ProviderDuration)
}

// of is the median of a row's endpoint and kind of connection; false where there was no warm request of these.
func (n *networks) of(s *sample.Sample) (time.Duration, bool) {
	if n.medians == nil {
		n.medians = map[networkKey]time.Duration{}
		for key, all := range n.all {
			slices.Sort(all)
			n.medians[key] = all[(len(all)-1)/2] // nearest rank
		}
	}
	d, ok := n.medians[networkKey{s.Endpoint, s.NewConn}]
	return d, ok
}

// divide sets the parts of a cold row's latency, and says whether it could. First come the parts that are known of this
// very request: the function's time, then init or restore. Of the rest, the network has what it takes a warm request;
// what is left is the residual. An init that began before the request, as a platform does it that starts instances
// ahead, counts only as far as the request waited for it. Parts are whole µs, so that those of the file sum up exactly.
func divide(s *sample.Sample, n *networks) bool {
	if s.Cold != sample.Yes || s.Err != sample.OK || s.Latency < 0 || s.ProviderDuration < 0 ||
		s.ProviderInit < 0 && s.Restore < 0 { // the duration may then have the start in it
		return false
	}
	network, known := n.of(s)
	if !known {
		return false
	}
	left := s.Latency.Round(time.Microsecond)
	part := func(d time.Duration) time.Duration {
		d = min(max(d, 0).Round(time.Microsecond), left)
		left -= d
		return d
	}
	s.FirstRequest = part(s.ProviderDuration)
	s.Start = part(max(s.ProviderInit, s.Restore))
	s.Network = part(network)
	s.Residual = left
	return true
}
