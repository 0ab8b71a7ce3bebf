package analyze

import "github.com/vhive-serverless/STeLLAR/src/sample"

// million is how many requests costs are told for.
const million = 1e6

// costs sums up what requests cost. A price of 0 is a price; a request without one has no cost (NaN).
type costs struct {
	usd float64
	n   int
}

func (c *costs) add(r *sample.Sample) {
	if r.Cost >= 0 {
		c.usd += r.Cost
		c.n++
	}
}

// perMillion is in USD; no data where no request has a cost.
func (c *costs) perMillion() Value { return Of(c.usd / float64(c.n) * million) }

// sum is in USD; no data where no request has a cost.
func (c *costs) sum() Value {
	if c.n == 0 {
		return Value{}
	}
	return Of(c.usd)
}
