package analyze

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze/distribution"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// PingPong is what the exchanges of a sub-experiment say: round trips, losses, and the offset of each clock.
type PingPong struct {
	Exchange string   // udp or http
	Rows     int      // exchanges of which the function has told, without warm-up
	Lost     int      // of them
	Loss     Interval // of the share that is lost, exact (Clopper and Pearson)
	Warmup   int
	Unknown  int // exchanges whose end is not known, because the function gave no answer

	RTT           Description // in ms, as are the percentiles
	P50, P75, P95 Value
	P99, P999     Value
	Sorted        []float64 // round trips in ms, ascending
	Trips         []Trip    // in the order of time
	Clocks        []Clock
}

// Trip is a round trip at its time.
type Trip struct {
	Seconds float64 // since the first exchange
	MS      float64
	Lost    bool // there is no MS
}

// Clock is the offset of a function's clock to this machine's.
type Clock struct {
	Invocation int    // the first that shows it
	Instance   string // empty: the function does not name it
	Samples    int
	Offset     time.Duration // of the sample with the smallest round trip
	Bound      time.Duration // of the error of Offset
	RTT        time.Duration // the smallest
	At         time.Time     // of that sample, on this machine's clock
	Mean, SD   time.Duration // of the offsets of all samples
}

// DescribePingPong describes rows in any order. offset is that of a row's clock, as far as it is known: it places
// datagrams that never came here on the time axis.
func DescribePingPong(exchange string, rows []sample.PingPong, clocks []Clock,
	offset func(*sample.PingPong) time.Duration) *PingPong {
	p := &PingPong{Exchange: exchange, Clocks: clocks, Loss: Interval{Need: 1}}
	var begun time.Time
	for i := range rows {
		at := began(&rows[i], offset(&rows[i]))
		if !at.IsZero() && (begun.IsZero() || at.Before(begun)) {
			begun = at
		}
	}
	for i := range rows {
		p.count(&rows[i], began(&rows[i], offset(&rows[i])).Sub(begun).Seconds())
	}
	slices.Sort(p.Sorted)
	slices.SortStableFunc(p.Trips, func(a, b Trip) int { return cmp.Compare(a.Seconds, b.Seconds) })
	p.RTT = Describe(p.Sorted)
	p.P50, p.P75, p.P95 = Median.Of(p.Sorted), P75.Of(p.Sorted), P95.Of(p.Sorted)
	p.P99, p.P999 = P99.Of(p.Sorted), P999.Of(p.Sorted)
	if p.Rows > 0 {
		low, high := distribution.ProportionInterval(p.Lost, p.Rows, Alpha)
		p.Loss.Low, p.Loss.High = Of(low), Of(high)
	}
	return p
}

// count adds a row.
func (p *PingPong) count(row *sample.PingPong, seconds float64) {
	if row.Warmup {
		p.Warmup++
		return
	}
	rtt, whole := row.RTT()
	switch {
	case row.Lost == sample.Unknown, row.Lost == sample.No && !whole:
		p.Unknown++
	case row.Lost == sample.Yes:
		p.Rows++
		p.Lost++
		p.Trips = append(p.Trips, Trip{Seconds: seconds, Lost: true})
	default:
		p.Rows++
		ms := float64(rtt) / 1e6
		p.Sorted = append(p.Sorted, ms)
		p.Trips = append(p.Trips, Trip{Seconds: seconds, MS: ms})
	}
}

// began is when an exchange began, on this machine's clock; zero where it is not known.
func began(row *sample.PingPong, offset time.Duration) time.Time {
	switch {
	case !row.ServerRcv.IsZero() && !row.ServerSend.IsZero() && row.ServerSend.Before(row.ServerRcv):
		return row.ServerSend // over HTTP this machine begins
	case !row.ServerRcv.IsZero():
		return row.ServerRcv
	case !row.ServerSend.IsZero():
		return row.ServerSend
	case !row.ClientSend.IsZero():
		return row.ClientSend.Add(-offset)
	}
	return time.Time{}
}

// overHTTP is the Exchange of which no row can be lost: a request that fails is a failed request.
const overHTTP = "http"

// Findings says in sentences what was found, for the terminal.
func (p *PingPong) Findings() []string {
	if p.Rows == 0 {
		return []string{"no function has told of an exchange" + p.unknown()}
	}
	var out []string
	if p.RTT.Count > 0 {
		line := fmt.Sprintf("round trip: mean %s ms, std %s ms", p.RTT.Mean.Format(3), dash(p.RTT.SD))
		if p.RTT.CV.OK {
			line += ", CV " + p.RTT.CV.Format(2)
		}
		out = append(out, line+fmt.Sprintf(", P50 %s, P75 %s, P95 %s, P99 %s, P99.9 %s ms, n = %d", p.P50.Format(3),
			p.P75.Format(3), p.P95.Format(3), p.P99.Format(3), p.P999.Format(3), p.RTT.Count))
	}
	share := 100 * float64(p.Lost) / float64(p.Rows)
	if p.Exchange == overHTTP {
		if p.Unknown > 0 {
			out = append(out, fmt.Sprintf("%d requests gave no round trip", p.Unknown))
		}
		return append(out, p.clocks()...)
	}
	out = append(out, fmt.Sprintf("lost: %d of %d, %.3g %% (95 %%: %.3g to %.3g %%)%s", p.Lost, p.Rows, share,
		100*p.Loss.Low.V, 100*p.Loss.High.V, p.unknown()))
	return append(out, p.clocks()...)
}

func (p *PingPong) unknown() string {
	if p.Unknown == 0 {
		return ""
	}
	return fmt.Sprintf("; of %d more it is not known: the function gave no answer", p.Unknown)
}

// clocks is a sentence about the offsets.
func (p *PingPong) clocks() []string {
	switch n := len(p.Clocks); {
	case n == 0:
		return nil
	case n == 1:
		c := p.Clocks[0]
		return []string{fmt.Sprintf("clock of the function minus this machine's: %s, at most %s off "+
			"(smallest round trip of %d)", rounded(c.Offset), rounded(c.Bound), c.Samples)}
	default:
		low, high, widest := p.Clocks[0].Offset, p.Clocks[0].Offset, time.Duration(0)
		for _, c := range p.Clocks {
			low, high, widest = min(low, c.Offset), max(high, c.Offset), max(widest, c.Bound)
		}
		return []string{fmt.Sprintf("clocks of the functions minus this machine's: %s to %s in %d measurements, "+
			"each at most %s off", rounded(low), rounded(high), n, rounded(widest))}
	}
}

// rounded writes a duration with a resolution of 1 µs.
func rounded(d time.Duration) string { return d.Round(time.Microsecond).String() }

func dash(v Value) string {
	if !v.OK {
		return "–"
	}
	return v.Format(3)
}

// Write writes the statistics, one line.
func (p *PingPong) Write(w io.Writer) error {
	count := strconv.Itoa
	share := Value{}
	if p.Rows > 0 {
		share = Of(100 * float64(p.Lost) / float64(p.Rows))
	}
	percent := func(v Value) string { return Ratio(v, Of(0.01)).Format(exactDecimals) }
	line := []string{p.Exchange, count(p.Rows), count(p.Lost), share.Format(exactDecimals), percent(p.Loss.Low),
		percent(p.Loss.High), count(p.Warmup), count(p.Unknown)}
	for _, v := range []Value{p.RTT.Mean, p.RTT.SD, p.RTT.CV, p.P50, p.P75, p.P95, p.P99, p.P999} {
		line = append(line, v.Format(exactDecimals))
	}
	return writeLines(w, [][]string{{"exchange", "rows", "lost", "lost_percent", "lost_ci95_low", "lost_ci95_high",
		"warmup", "unknown", "mean_ms", "std_ms", "cv", "p50_ms", "p75_ms", "p95_ms", "p99_ms", "p99.9_ms"}, line})
}

// WriteClocks writes a line for each clock. All durations are in ns, the instant is in Unix ns.
func (p *PingPong) WriteClocks(w io.Writer) error {
	lines := [][]string{{"invocation", "instance_id", "samples", "offset", "offset_error", "rtt_min", "offset_mean",
		"offset_std", "at"}}
	ns := func(d time.Duration) string { return strconv.FormatInt(int64(d), 10) }
	for _, c := range p.Clocks {
		sd := ""
		if c.Samples > 1 {
			sd = ns(c.SD)
		}
		lines = append(lines, []string{strconv.Itoa(c.Invocation), c.Instance, strconv.Itoa(c.Samples), ns(c.Offset),
			ns(c.Bound), ns(c.RTT), ns(c.Mean), sd, strconv.FormatInt(c.At.UnixNano(), 10)})
	}
	return writeLines(w, lines)
}

func writeLines(w io.Writer, lines [][]string) error {
	if err := csv.NewWriter(w).WriteAll(lines); err != nil {
		return fmt.Errorf("writing statistics: %w", err)
	}
	return nil
}
