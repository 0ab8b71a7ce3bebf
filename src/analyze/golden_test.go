package analyze

import (
	"slices"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// row is a successful request of the given ms.
func row(burst int, ms float64, cold sample.Tri) sample.Sample {
	s := sample.Empty()
	s.Burst, s.Latency, s.Cold = burst, time.Duration(ms*1e6), cold
	return s
}

func failed(burst int, class sample.Class) sample.Sample {
	s := sample.Empty()
	s.Burst, s.Err = burst, class
	return s
}

func summarize(t testing.TB, rows []sample.Sample, id Identity) Summary {
	t.Helper()
	s, err := Summarize(Samples(rows), Options{Identity: id})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// resampledSummary is a summary with what Compare needs.
func resampledSummary(t testing.TB, rows []sample.Sample, id Identity) Summary {
	t.Helper()
	s, err := Summarize(Samples(rows), Options{Identity: id, Resampling: &Resampling{Seed: 7}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// listed is all bursts by number, with latencies of their own.
func listed(b Bursts) (list []Burst) {
	for burst := range b.All() {
		burst.Latencies = slices.Clone(burst.Latencies)
		list = append(list, burst)
	}
	slices.SortFunc(list, func(a, b Burst) int { return a.Number - b.Number })
	return list
}
