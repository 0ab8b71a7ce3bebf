package analyze

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Parts are where the latency of cold requests went, in ms: means over those whose rows have the parts, so that they
// sum up to the mean of their latencies.
type Parts struct {
	Count        int // cold requests with parts
	Network      Value
	Residual     Value // start of the sandbox, download and unpacking of the package: what no platform reports
	Start        Value // init or restore
	FirstRequest Value
}

// Each lists the parts in the order in which they pass.
func (p Parts) Each() []NamedPart {
	return []NamedPart{{"network", p.Network}, {"residual", p.Residual}, {"start", p.Start},
		{"first request", p.FirstRequest}}
}

// NamedPart is one of the four parts of a cold latency.
type NamedPart struct {
	Name string
	MS   Value
}

// reported gathers what rows have of the platform's report.
type reported struct {
	joined int
	parts  int
	sums   [4]time.Duration
}

func (c *reported) add(r *sample.Sample) {
	if r.ProviderDuration >= 0 || r.Billed >= 0 || r.MemorySizeMB > 0 {
		c.joined++
	}
	if r.Residual < 0 {
		return
	}
	c.parts++
	for i, d := range [4]time.Duration{r.Network, r.Residual, r.Start, r.FirstRequest} {
		c.sums[i] += max(d, 0)
	}
}

func (c *reported) summary(s *Summary, asked bool) {
	if asked {
		s.Joined = Of(float64(c.joined))
	}
	if c.parts == 0 {
		return
	}
	mean := func(i int) Value { return Of(float64(c.sums[i]) / 1e6 / float64(c.parts)) }
	s.ColdParts = Parts{Count: c.parts, Network: mean(0), Residual: mean(1), Start: mean(2), FirstRequest: mean(3)}
}

// Sum is the mean latency of the cold requests with parts, in ms.
func (p Parts) Sum() Value {
	if p.Count == 0 {
		return Value{}
	}
	return Of(p.Network.V + p.Residual.V + p.Start.V + p.FirstRequest.V)
}

// WritePartsCSV writes the table of the parts: the header and a row for each sub-experiment.
func WritePartsCSV(w io.Writer, rows []Summary) error {
	out := csv.NewWriter(w)
	lines := [][]string{{"Sub-experiment", "Title", "Cold Count", "Network (ms)", "Residual (ms)", "Start (ms)",
		"First Request (ms)", "Sum (ms)"}}
	for _, s := range rows {
		line := []string{strconv.Itoa(s.Index), s.Title, strconv.Itoa(s.ColdParts.Count)}
		for _, p := range s.ColdParts.Each() {
			line = append(line, p.MS.Format(msDecimals))
		}
		lines = append(lines, append(line, s.ColdParts.Sum().Format(msDecimals)))
	}
	if err := out.WriteAll(lines); err != nil {
		return fmt.Errorf("writing the parts of cold starts: %w", err)
	}
	return nil
}
