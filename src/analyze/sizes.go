package analyze

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// SizePoint is what a sub-experiment says of one size of payload.
type SizePoint struct {
	Bytes       int64
	Median, P99 Value // of a request through the whole chain, in ms
}

// SizeSeries is the latency of chains that are alike in all but the size of the payload and the way that it goes.
type SizeSeries struct {
	Name   string // what the chains are, where others are measured, too; may be empty
	Inline []SizePoint
	Stored []SizePoint
	// the smallest size from which storage has the smaller median, up to the largest size that both ways were measured
	// at; 0: there is none
	Wins int64
}

// BySize gives the latencies of chains against the size of the payload, ascending, in the order of the sub-experiments.
func BySize(all []Summary) (out []SizeSeries) {
	all = slices.DeleteFunc(slices.Clone(all), func(s Summary) bool { return s.Transfers == nil || s.Count == 0 })
	traits := []func(Summary) string{
		func(s Summary) string { return s.Runtime },
		func(s Summary) string { return fmt.Sprintf("%d functions", len(s.Transfers.Hops)+1) },
		func(s Summary) string { return fmt.Sprintf("%d MB", s.MemoryMB) },
		func(s Summary) string { return s.PackageType },
		func(s Summary) string { return "bursts of " + s.BurstSizes },
	}
	for i := range all {
		s := &all[i]
		var parts []string
		for _, trait := range traits {
			if slices.ContainsFunc(all, func(o Summary) bool { return trait(o) != trait(*s) }) {
				parts = append(parts, trait(*s))
			}
		}
		name := strings.Join(parts, ", ")
		at := slices.IndexFunc(out, func(o SizeSeries) bool { return o.Name == name })
		if at < 0 {
			at = len(out)
			out = append(out, SizeSeries{Name: name})
		}
		to := &out[at].Inline
		if s.Transfers.Way == Storage {
			to = &out[at].Stored
		}
		*to = append(*to, SizePoint{s.Transfers.PayloadBytes, s.P50, s.P99})
	}
	for i := range out {
		o := &out[i]
		for _, points := range [][]SizePoint{o.Inline, o.Stored} {
			slices.SortStableFunc(points, func(a, b SizePoint) int { return cmp.Compare(a.Bytes, b.Bytes) })
		}
		o.Wins = wins(o.Inline, o.Stored)
	}
	return out
}

// wins is SizeSeries.Wins.
func wins(inline, stored []SizePoint) (from int64) {
	for _, p := range slices.Backward(inline) {
		at := slices.IndexFunc(stored, func(s SizePoint) bool { return s.Bytes == p.Bytes })
		switch {
		case at < 0:
		case stored[at].Median.V < p.Median.V:
			from = p.Bytes
		default:
			return from
		}
	}
	return from
}
