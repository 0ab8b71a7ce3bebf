package analyze

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// How payloads of chains go.
const (
	Inline  = "inline"
	Storage = "storage"
)

// Transfers is what the rows of data-transfers.csv say, without those of warm-up and of failed requests.
type Transfers struct {
	Way          string // Inline or Storage
	PayloadBytes int64
	Rows         int // requests whose functions reported
	Hops         []HopStatistics
	All          HopStatistics // of all hops
	Checks       map[string]int
	Unproven     int // requests without a SHA-256 of their payload
}

// HopStatistics describes one hop of a chain: the transfers corrected by the offset of the clocks, with the error of
// that, and the operations of the store.
type HopStatistics struct {
	From, To  int // functions, in the order of a walk through the tree; both -1: all hops
	Transfer  Spread
	Error     Spread // most that a corrected transfer can be off by
	Mbps      Spread // 10^6 bits a second
	Put       Spread // in ms, as all but Mbps
	FirstByte Spread
	Get       Spread
}

// Spread is a distribution in few numbers.
type Spread struct {
	Description
	Min, P50, P95, P99, Max Value
	TMR                     Value // P99 over P50
	CDF                     CDF
}

func spreadOf(values []float64) Spread {
	slices.Sort(values)
	s := Spread{Description: Describe(values), P50: Median.Of(values), P95: P95.Of(values), P99: P99.Of(values),
		CDF: thinned(len(values), func(i int) float64 { return values[i] })}
	if n := len(values); n > 0 {
		s.Min, s.Max = Of(values[0]), Of(values[n-1])
	}
	s.TMR = Ratio(s.P99, s.P50)
	return s
}

// hopValues are the values of one hop, or of all.
type hopValues struct{ transfer, bound, mbps, put, first, get []float64 }

func (v *hopValues) add(h sample.TransferHop) {
	ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
	if h.Known {
		v.transfer = append(v.transfer, ms(h.Corrected))
		v.bound = append(v.bound, ms(h.Bound))
		if h.Corrected > 0 && h.Bytes > 0 {
			v.mbps = append(v.mbps, float64(h.Bytes)*8/1e6/h.Corrected.Seconds())
		}
	}
	for _, one := range []struct {
		d  time.Duration
		to *[]float64
	}{{h.Put, &v.put}, {h.FirstByte, &v.first}, {h.Get, &v.get}} {
		if one.d >= 0 {
			*one.to = append(*one.to, ms(one.d))
		}
	}
}

func (v *hopValues) statistics(from, to int) HopStatistics {
	return HopStatistics{From: from, To: to, Transfer: spreadOf(v.transfer), Error: spreadOf(v.bound),
		Mbps: spreadOf(v.mbps), Put: spreadOf(v.put), FirstByte: spreadOf(v.first), Get: spreadOf(v.get)}
}

// DescribeTransfers describes rows. callers has, for each hop, the number of the function that it leads from.
func DescribeTransfers(rows []sample.Transfer, callers []int, way string, payload int64) *Transfers {
	t := &Transfers{Way: way, PayloadBytes: payload, Checks: map[string]int{}}
	hops, all := make([]hopValues, len(callers)), hopValues{}
	for i := range rows {
		row := &rows[i]
		told := slices.ContainsFunc(row.Hops, func(h sample.TransferHop) bool { return h.Bytes >= 0 })
		if row.Warmup || !told {
			continue
		}
		t.Rows++
		if row.SHA256 == "" {
			t.Unproven++
		}
		if row.Check != "" {
			t.Checks[row.Check]++
		}
		for k, h := range row.Hops {
			if k < len(hops) {
				hops[k].add(h)
				all.add(h)
			}
		}
	}
	for k := range hops {
		t.Hops = append(t.Hops, hops[k].statistics(callers[k], k+1))
	}
	t.All = all.statistics(-1, -1)
	return t
}

// Findings says in sentences what was found, for the terminal.
func (t *Transfers) Findings() []string {
	if t.Rows == 0 {
		return []string{"no function has told of a transfer"}
	}
	var out []string
	if a := &t.All; a.Transfer.Count > 0 {
		line := fmt.Sprintf("a hop of %d B %s: P50 %s, P99 %s ms, TMR %s, off by at most %s ms (median); n = %d",
			t.PayloadBytes, t.Way, a.Transfer.P50.Format(3), a.Transfer.P99.Format(3), a.Transfer.TMR.Format(2),
			a.Error.P50.Format(3), a.Transfer.Count)
		if a.Mbps.Count > 0 {
			line += fmt.Sprintf(", %s Mb/s (median)", a.Mbps.P50.Format(1))
		}
		out = append(out, line)
	}
	if a := &t.All; a.Put.Count > 0 {
		out = append(out, fmt.Sprintf("the store: put P50 %s, P99 %s ms; first byte P50 %s, P99 %s ms; "+
			"get P50 %s, P99 %s ms", a.Put.P50.Format(3), a.Put.P99.Format(3), a.FirstByte.P50.Format(3),
			a.FirstByte.P99.Format(3), a.Get.P50.Format(3), a.Get.P99.Format(3)))
	}
	for _, word := range sortedKeys(t.Checks) {
		out = append(out, fmt.Sprintf("%d of %d requests have a Clock Check %s: their hop times do not fit the clocks",
			t.Checks[word], t.Rows, word))
	}
	if t.Unproven > 0 {
		out = append(out, fmt.Sprintf("%d of %d payloads have no SHA-256: that they arrived whole is not proven",
			t.Unproven, t.Rows))
	}
	return out
}

func sortedKeys(of map[string]int) []string {
	all := make([]string, 0, len(of))
	for word := range of {
		all = append(all, word)
	}
	slices.Sort(all)
	return all
}

// Write writes the statistics, a line for each hop and one for all of them.
func (t *Transfers) Write(w io.Writer) error {
	header := []string{"hop", "from", "to", "way", "payload_bytes", "count", "mean_ms", "std_ms", "min_ms", "p50_ms",
		"p95_ms", "p99_ms", "max_ms", "tmr", "error_p50_ms", "error_max_ms", "mbps_p50", "put_p50_ms", "put_p99_ms",
		"first_byte_p50_ms", "first_byte_p99_ms", "get_p50_ms", "get_p99_ms"}
	lines := [][]string{header}
	for k, h := range append(slices.Clone(t.Hops), t.All) {
		line := []string{strconv.Itoa(k), strconv.Itoa(h.From), strconv.Itoa(h.To)}
		if h.To < 0 {
			line = []string{"all", "", ""}
		}
		line = append(line, t.Way, strconv.FormatInt(t.PayloadBytes, 10), strconv.Itoa(h.Transfer.Count))
		for _, v := range []Value{h.Transfer.Mean, h.Transfer.SD, h.Transfer.Min, h.Transfer.P50, h.Transfer.P95,
			h.Transfer.P99, h.Transfer.Max, h.Transfer.TMR, h.Error.P50, h.Error.Max, h.Mbps.P50, h.Put.P50, h.Put.P99,
			h.FirstByte.P50, h.FirstByte.P99, h.Get.P50, h.Get.P99} {
			line = append(line, v.Format(exactDecimals))
		}
		lines = append(lines, line)
	}
	return writeLines(w, lines)
}
