package change

import (
	"maps"
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Collector takes the rows of one sub-experiment. Rows of warm-up are left out.
type Collector struct {
	title string
	rows  *analyze.Collector
	costs map[int]BurstCost // by burst
}

// NewCollector starts a sub-experiment.
func NewCollector(title string) *Collector {
	return &Collector{title: title, rows: analyze.NewCollector(analyze.Options{}), costs: map[int]BurstCost{}}
}

// Add takes a row.
func (c *Collector) Add(r *sample.Sample) {
	c.rows.Add(r)
	if r.Warmup || !(r.Cost >= 0) {
		return
	}
	of := c.costs[r.Burst]
	c.costs[r.Burst] = BurstCost{USD: of.USD + r.Cost, Requests: of.Requests + 1}
}

// Sub is all that was added; nothing can be added afterwards.
func (c *Collector) Sub() (Sub, error) {
	sum, err := c.rows.Summary()
	out := Sub{Title: c.title, Rows: sum.AllRows(), Bursts: sum.Bursts}
	for _, burst := range slices.Sorted(maps.Keys(c.costs)) {
		out.Costs = append(out.Costs, c.costs[burst])
	}
	return out, err
}
