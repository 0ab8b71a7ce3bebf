package analyze

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// findingDecimals are those of ms in sentences: down to 1 µs.
const findingDecimals = 3

// Overhead is how long invocations take until the function has them, by size, cold and warm.
type Overhead struct {
	Type   string // code or payload: what has the size
	Series []OverheadSeries
}

// OverheadSeries are the points of cold, or of warm invocations.
type OverheadSeries struct {
	Name   string // cold or warm
	Points []OverheadPoint
}

// OverheadPoint is one size. Times are in ms.
type OverheadPoint struct {
	Size   int64 // bytes
	Wanted int   // invocations asked for
	Tried  int   // invocations made
	Description
	P25, P75 Value
	Min, Max Value
	Error    Value // the largest error of a time, from the clocks
}

// DescribeOverhead describes rows in any order; each size is to have so many invocations of each kind.
func DescribeOverhead(kind string, sizes []int64, wanted int, rows []sample.Overhead) *Overhead {
	out := &Overhead{Type: kind}
	for _, s := range []struct {
		name   string
		wanted sample.Tri
	}{{"cold", sample.Yes}, {"warm", sample.No}} {
		series := OverheadSeries{Name: s.name}
		for _, size := range slices.Compact(slices.Clone(sizes)) {
			p := OverheadPoint{Size: size, Wanted: wanted * occurrences(sizes, size)}
			p.describe(rows, s.wanted)
			series.Points = append(series.Points, p)
		}
		out.Series = append(out.Series, series)
	}
	return out
}

func occurrences(sizes []int64, size int64) (n int) {
	for _, s := range sizes {
		if s == size {
			n++
		}
	}
	return n
}

func (p *OverheadPoint) describe(rows []sample.Overhead, wanted sample.Tri) {
	var times []float64
	worst := time.Duration(0)
	for i := range rows {
		r := &rows[i]
		if r.Size != p.Size || r.Wanted != wanted {
			continue
		}
		p.Tried++
		if !r.Obtained() {
			continue
		}
		took, _ := r.Invocation()
		times = append(times, float64(took)/1e6)
		worst = max(worst, r.OffsetError)
	}
	slices.Sort(times)
	p.Description = Describe(times)
	p.P25, p.P75 = P25.Of(times), P75.Of(times)
	if n := len(times); n > 0 {
		p.Min, p.Max, p.Error = Of(times[0]), Of(times[n-1]), Of(float64(worst)/1e6)
	}
}

// Findings are a sentence for cold and one for warm invocations, and one for each size that lacks invocations.
func (o *Overhead) Findings() (out []string) {
	for _, s := range o.Series {
		var got []OverheadPoint
		for _, p := range s.Points {
			if p.Count > 0 {
				got = append(got, p)
			}
		}
		if len(got) > 0 {
			first, last := got[0], got[len(got)-1]
			line := fmt.Sprintf("%s: median %s ms at %s", s.Name, first.Median.Format(findingDecimals),
				bytesWords(first.Size))
			if len(got) > 1 {
				line += fmt.Sprintf(", %s ms at %s", last.Median.Format(findingDecimals), bytesWords(last.Size))
			}
			worst := 0.0
			for _, p := range got {
				worst = max(worst, p.Error.V)
			}
			out = append(out, line+fmt.Sprintf("; each at most %s ms off", Of(worst).Format(findingDecimals)))
		}
		out = append(out, s.missing()...)
	}
	return out
}

// missing names the sizes without all their invocations, in one sentence where no size has any.
func (s *OverheadSeries) missing() (out []string) {
	none, tried := 0, 0
	for _, p := range s.Points {
		tried += p.Tried
		if p.Count == 0 && p.Tried > 0 {
			none++
		}
		if p.Count < p.Wanted && p.Tried > 0 {
			out = append(out, fmt.Sprintf("%s at %s: %d of %d not obtainable, in %d tries", s.Name, bytesWords(p.Size),
				p.Wanted-p.Count, p.Wanted, p.Tried))
		}
	}
	if none > 1 && none == len(s.Points) {
		return []string{fmt.Sprintf("%s: not obtainable at any of %d sizes, in %d tries", s.Name, none, tried)}
	}
	return out
}

// bytesWords is a size as a person reads it: in MiB from 0.1 MiB on, else in bytes.
func bytesWords(n int64) string {
	if n >= int64(bytesize.MiB/10) {
		return bytesize.Size(n).String()
	}
	if n == 1 {
		return "1 byte"
	}
	return strconv.FormatInt(n, 10) + " bytes"
}

// Write writes a line for each size, cold and warm. Times are in ms; an empty cell is no value.
func (o *Overhead) Write(w io.Writer) error {
	lines := [][]string{{"type", "size", "start", "wanted", "n", "tries", "min", "p25", "median", "p75", "max", "mean",
		"std", "median_ci95_low", "median_ci95_high", "clock_error_max"}}
	for _, s := range o.Series {
		for _, p := range s.Points {
			line := []string{o.Type, strconv.FormatInt(p.Size, 10), s.Name, strconv.Itoa(p.Wanted),
				strconv.Itoa(p.Count), strconv.Itoa(p.Tried)}
			for _, v := range []Value{p.Min, p.P25, p.Median, p.P75, p.Max, p.Mean, p.SD} {
				line = append(line, v.Format(exactDecimals))
			}
			lines = append(lines, append(line, p.Median95.exactCell(p.Median95.Low),
				p.Median95.exactCell(p.Median95.High), p.Error.Format(exactDecimals)))
		}
	}
	if err := csv.NewWriter(w).WriteAll(lines); err != nil {
		return fmt.Errorf("writing statistics: %w", err)
	}
	return nil
}
