package local

import (
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
)

// keepAlive says how long idle instances of a function live.
type keepAlive struct {
	mean   time.Duration
	random *rand.Rand // nil: every idle period lasts mean
}

// newKeepAlive is the keep-alive of a function that normaliseFunction has completed. The draws of an exponential one
// follow from its seed and the function's name, so that functions of one run differ and a run can be repeated.
func newKeepAlive(f *client.FunctionSpec) *keepAlive {
	k := &keepAlive{mean: time.Duration(*f.KeepAliveSeconds * float64(time.Second))}
	if f.KeepAliveDistribution == client.KeepAliveExponential {
		name := fnv.New64a()
		_, _ = name.Write([]byte(f.Name)) // never fails
		k.random = rand.New(rand.NewPCG(f.KeepAliveSeed, name.Sum64()))
	}
	return k
}

// next is the length of an idle period that begins now. The caller holds the function's lock.
func (k *keepAlive) next() time.Duration {
	if k.random == nil {
		return k.mean
	}
	return time.Duration(k.random.ExpFloat64() * float64(k.mean))
}
