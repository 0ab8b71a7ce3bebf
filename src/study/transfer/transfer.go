// Package transfer is the experiment type data-transfer: bursts, or a sustained load, that go to the heads of chains.
// The head makes the payload and passes it on to the next function, or to several at once, and so on; the replies come
// back the same way. Chains run over HTTP, inline or through an object store, and over gRPC inline.
package transfer

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// Study measures transfers of data through chains of functions.
type Study struct{}

var (
	_ study.Study      = Study{}
	_ study.Summarizer = Study{}
)

// chainParameter names the functions further down a chain over gRPC, as all functions on vHive read it.
const chainParameter = "DataTransferChainIDs"

// Functions are those of Parallelism chains.
func (Study) Functions(sub *experiment.SubExperiment) []study.FunctionSpec {
	return study.Chains(sub, sub.Parallelism, sub.ChainFunctions())
}

// Needs are the capacity for the load, functions that call each other, and the object store that the file asks for.
func (Study) Needs(sub *experiment.SubExperiment) []study.Need {
	load := *sub
	if sub.Protocol != probe.GRPC {
		load.PayloadLengthBytes = 0 // functions make and take it
	}
	needs := append(study.ColdStart(sub), study.Capacity(&load))
	if sub.StorageTransfer {
		needs = append(needs, study.Need{Kind: study.NeedStore, Key: "StorageTransfer", Text: "StorageTransfer"})
	}
	chain := study.Need{
		Kind: study.NeedChain, Key: "DataTransferChainLength",
		Text: fmt.Sprintf("chains (DataTransferChainLength %d) over %s", sub.DataTransferChainLength, sub.Protocol),
	}
	if sub.Protocol == probe.GRPC {
		chain.Instead = "it runs them over grpc, through functions on vhive"
	} else {
		chain.Instead = "it runs them over HTTP, through the measurement functions in Go, Python, Node.js and Java " +
			"that it deploys to local, aws, azure, gcr and google, and inline through Workers on cloudflare"
	}
	return append(needs, chain)
}

// Run probes the heads of the chains and writes latencies.csv, and data-transfers.csv with the instants that the
// functions report of each request. Its errors are those of Env.Measure.
func (Study) Run(ctx context.Context, env study.Env) error {
	if err := env.Check(); err != nil {
		return err
	}
	size, title := env.Sub.ChainFunctions(), env.Sub.Title
	if size < 2 || len(env.Endpoints)%size != 0 {
		return fail.Input("sub-experiment %d (%s): %d endpoints do not make chains of %d functions",
			env.Index, title, len(env.Endpoints), size)
	}
	if env.Sub.Protocol != probe.GRPC {
		return overHTTP(ctx, &env, size)
	}
	if env.Sub.StorageTransfer {
		return fail.Unsupported("sub-experiment %d (%s): StorageTransfer over grpc; want Protocol http1", env.Index,
			title)
	}
	heads, err := callChains(&env, size)
	if err != nil {
		return err
	}
	load, err := loadOf(&env, heads, size)
	if err != nil {
		return err
	}
	return env.Measure(ctx, load, func() (study.Table, error) {
		return sample.CreateTransfers(filepath.Join(env.Dir, sample.TransfersFile), size)
	})
}

// loadOf is the load on the heads of chains of size functions.
func loadOf(env *study.Env, heads []probe.Target, size int) (probe.Config, error) {
	load := env.Load(heads...)
	var err error
	load.Cold, err = env.Cold(func(target int) []study.Endpoint {
		return env.Endpoints[target*size : (target+1)*size]
	})
	return load, err
}

// callChains makes a target of the head of each chain over gRPC.
func callChains(env *study.Env, length int) (heads []probe.Target, err error) {
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

// hostPort is the address by which the function before it in a chain over gRPC calls an endpoint.
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
