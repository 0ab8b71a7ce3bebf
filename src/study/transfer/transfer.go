// Package transfer is the experiment type data-transfer: bursts, or a sustained load, that go to the heads of chains.
// The head makes the payload and passes it on to the next function, and so on; the reply of the last one comes back the
// same way.
package transfer

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"

	"stellar/src/experiment"
	"stellar/src/fail"
	"stellar/src/probe"
	"stellar/src/sample"
	"stellar/src/study"
)

// Study measures transfers of data through chains of functions.
type Study struct{ study.FromLatencies }

var (
	_ study.Study      = Study{}
	_ study.Summarizer = Study{}
)

// chainParameter names the functions further down a chain, as all functions on vHive read it.
const chainParameter = "DataTransferChainIDs"

// Functions are those of Parallelism chains.
func (Study) Functions(sub *experiment.SubExperiment) []study.FunctionSpec {
	return study.Chains(sub, sub.Parallelism, sub.DataTransferChainLength)
}

// Needs are the capacity for the load, functions that call each other over gRPC, and the object store that the file
// asks for.
func (Study) Needs(sub *experiment.SubExperiment) []study.Need {
	needs := append(study.ColdStart(sub), study.Capacity(sub))
	if sub.StorageTransfer {
		needs = append(needs, study.Need{Kind: study.NeedStore, Key: "StorageTransfer", Text: "StorageTransfer"})
	}
	chain := study.Need{
		Kind: study.NeedChain, Key: "DataTransferChainLength", Instead: "it runs them over grpc, through functions " +
			"on vhive",
		Text: fmt.Sprintf("chains (DataTransferChainLength %d) over %s", sub.DataTransferChainLength, sub.Protocol),
	}
	if sub.Protocol != probe.GRPC {
		chain.Kind = study.NeedVersion
	}
	return append(needs, chain)
}

// Run probes the heads of the chains and writes latencies.csv, and data-transfers.csv with the instants that the
// functions report of each request. Its errors are those of Env.Measure. Chains over protocols other than gRPC are
// fail.Unsupported.
func (Study) Run(ctx context.Context, env study.Env) error {
	if err := env.Check(); err != nil {
		return err
	}
	heads, err := chains(&env)
	if err != nil {
		return err
	}
	load, length := env.Load(heads...), env.Sub.DataTransferChainLength
	load.Cold, err = env.Cold(func(target int) []study.Endpoint {
		return env.Endpoints[target*length : (target+1)*length]
	})
	if err != nil {
		return err
	}
	return env.Measure(ctx, load, func() (study.Table, error) {
		return sample.CreateTransfers(filepath.Join(env.Dir, sample.TransfersFile), env.Sub.DataTransferChainLength)
	})
}

// chains makes a target of each chain's head.
func chains(env *study.Env) (heads []probe.Target, err error) {
	length, title := env.Sub.DataTransferChainLength, env.Sub.Title
	switch {
	case length < 2 || len(env.Endpoints)%length != 0:
		return nil, fail.Input("sub-experiment %d (%s): %d endpoints do not make chains of %d functions",
			env.Index, title, len(env.Endpoints), length)
	case env.Sub.Protocol != probe.GRPC:
		return nil, fail.Unsupported("sub-experiment %d (%s): chains over Protocol %s; this version runs them over %s",
			env.Index, title, env.Sub.Protocol, probe.GRPC)
	}
	for at := 0; at < len(env.Endpoints); at += length {
		ids := make([]string, 0, length-1)
		for _, e := range env.Endpoints[at+1 : at+length] {
			id, err := hostPort(e)
			if err != nil {
				return nil, err
			}
			ids = append(ids, id)
		}
		head := env.Target(env.Endpoints[at])
		head.Query = url.Values{chainParameter: {"[" + strings.Join(ids, " ") + "]"}}
		heads = append(heads, head)
	}
	return heads, nil
}

// hostPort is the address by which the function before it in a chain calls an endpoint.
func hostPort(e study.Endpoint) (string, error) {
	u, err := url.Parse(e.URL)
	if err != nil || u.Host == "" {
		return "", fail.Input("endpoint %s: %q has no host", e.Function, e.URL)
	}
	if u.Scheme != "http" {
		return "", fail.Input("endpoint %s: functions of a chain call each other in clear, %s has the scheme %s",
			e.Function, u.Redacted(), u.Scheme).
			WithHint("name it host:port, as it is reached from within the cluster")
	}
	if u.Port() == "" {
		return net.JoinHostPort(u.Hostname(), "80"), nil
	}
	return u.Host, nil
}
