package local

import (
	"math"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
)

func keepAliveOf(name, distribution string, seconds float64, seed uint64) *keepAlive {
	return newKeepAlive(&client.FunctionSpec{Name: name, KeepAliveSeconds: &seconds, KeepAliveSeed: seed,
		KeepAliveDistribution: distribution})
}

func TestKeepAliveDraws(t *testing.T) {
	fixed := keepAliveOf("f", client.KeepAliveFixed, 1.5, 7)
	if a, b := fixed.next(), fixed.next(); a != 1500*time.Millisecond || b != a {
		t.Errorf("fixed: %s and %s", a, b)
	}
	const n = 20_000
	same := keepAliveOf("f", client.KeepAliveExponential, 10, 7)
	other := keepAliveOf("g", client.KeepAliveExponential, 10, 7)
	reseeded := keepAliveOf("f", client.KeepAliveExponential, 10, 8)
	k := keepAliveOf("f", client.KeepAliveExponential, 10, 7)
	sum, over, repeats := 0.0, 0, 0
	for range n {
		d := k.next()
		if again := same.next(); again != d {
			t.Fatalf("the same seed and name give %s and %s", d, again)
		}
		if other.next() == d || reseeded.next() == d {
			repeats++
		}
		if sum += d.Seconds(); d > 10*time.Second {
			over++
		}
	}
	// A standard error of the mean is 10/sqrt(n) = 0.07 s, of the share over the mean 0.0034.
	if mean, share := sum/n, float64(over)/n; math.Abs(mean-10) > 0.3 || math.Abs(share-math.Exp(-1)) > 0.014 {
		t.Errorf("mean %.3f s, %.4f over it", mean, share)
	}
	if repeats > 0 {
		t.Errorf("%d draws are those of another name or seed", repeats)
	}
	if d := keepAliveOf("f", client.KeepAliveExponential, 0, 7).next(); d != 0 {
		t.Errorf("mean 0: %s", d)
	}
}

// TestIdlePeriodsAreDrawnAnew holds that an instance's idle limit is drawn when a request leaves it idle.
func TestIdlePeriodsAreDrawnAnew(t *testing.T) {
	p, c := testPlatform(t, nil)
	url := deployTo(t, c, func(f *client.FunctionSpec) {
		f.KeepAliveSeconds, f.KeepAliveDistribution, f.KeepAliveSeed = new(3600.0), client.KeepAliveExponential, 3
	})
	want := keepAliveOf("f", client.KeepAliveExponential, 3600, 3)
	for i := range 3 {
		getOK(t, url)
		limit := want.next()
		eventually(t, "the instance idles", func() bool {
			f := (*p.routes.Load())["s"]["/f"]["ANY"]
			f.mu.Lock()
			defer f.mu.Unlock()
			for in := range f.live {
				if in.active == 0 && in.idleLimit == limit {
					return true
				}
			}
			return false
		})
		if i == 0 && limit < time.Second {
			t.Fatalf("the first idle limit is %s: choose another seed", limit)
		}
	}
}
