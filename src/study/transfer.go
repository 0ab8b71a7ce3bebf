package study

import (
	"context"
	"net"
	"net/url"
	"path/filepath"
	"strings"

	"stellar/src/fail"
	"stellar/src/probe"
	"stellar/src/provider"
	"stellar/src/sample"
)

// DataTransfer is the experiment type data-transfer: bursts, or a sustained load, that go to the heads of chains. The head
// makes the payload and hands it to the next function, and so on; the last one's reply comes back the same way.
type DataTransfer struct{}

var _ Study = DataTransfer{}

// chainParameter names the functions further down a chain, as all functions on vHive read it.
const chainParameter = "DataTransferChainIDs"

// Run probes the chains' heads and writes latencies.csv, and data-transfers.csv with what the functions told of each
// request. Errors are those of Burst.Run. Chains over protocols other than gRPC are fail.Unsupported.
func (DataTransfer) Run(ctx context.Context, s Settings) (Result, error) {
	if err := s.check(); err != nil {
		return Result{}, err
	}
	cfg := s.probe()
	if err := s.chains(&cfg); err != nil {
		return Result{}, err
	}
	return s.measure(ctx, cfg, func() (table, error) {
		return sample.CreateTransfers(filepath.Join(s.Dir, sample.TransfersFile), s.Chain)
	})
}

// chains makes a target of each chain's head.
func (s *Settings) chains(cfg *probe.Config) error {
	switch {
	case s.Chain < 2 || len(s.Endpoints)%s.Chain != 0:
		return fail.Input("sub-experiment %d (%s): %d endpoints do not make chains of %d functions", s.Index, s.Title, len(s.Endpoints), s.Chain)
	case s.Protocol != probe.GRPC:
		return fail.Unsupported("sub-experiment %d (%s): chains over Protocol %s; this version runs them over %s", s.Index, s.Title, s.Protocol, probe.GRPC)
	}
	for at := 0; at < len(s.Endpoints); at += s.Chain {
		ids := make([]string, 0, s.Chain-1)
		for _, e := range s.Endpoints[at+1 : at+s.Chain] {
			id, err := hostPort(e)
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		t := s.target(s.Endpoints[at])
		t.Query = url.Values{chainParameter: {"[" + strings.Join(ids, " ") + "]"}}
		cfg.Targets = append(cfg.Targets, t)
	}
	return nil
}

// hostPort is how the function before it in a chain is told of an endpoint.
func hostPort(e provider.Endpoint) (string, error) {
	u, err := url.Parse(e.URL)
	if err != nil || u.Host == "" {
		return "", fail.Input("endpoint %s: %q has no host", e.Function, e.URL)
	}
	if u.Scheme != "http" {
		return "", fail.Input("endpoint %s: functions of a chain call each other in clear, %s has the scheme %s", e.Function, u.Redacted(), u.Scheme).
			WithHint("name it host:port, as it is reached from within the cluster")
	}
	if u.Port() == "" {
		return net.JoinHostPort(u.Hostname(), "80"), nil
	}
	return u.Host, nil
}
