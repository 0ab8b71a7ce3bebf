package analyze

import (
	"slices"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Instances are the instances of the platform that answered requests. Warm-up is left out.
type Instances struct {
	Count      Value // how many there were; no data where no row names its instance, or more than maxInstances do
	Requests   Value // requests per instance: the mean
	Lifetime50 Value // s: the median, over the instances, of the time from first request sent to last response received
	// Lives are in the order in which the instances began; Light lets go of them.
	Lives []Life `json:"-"`
}

// Life is what the rows show of one instance: it may have lived before and after.
type Life struct {
	First    time.Time // its first request was sent
	Last     time.Time // its last response was in
	Requests int
	Cold     bool // its first request is among the rows, and was cold
}

// maxInstances is how many instances are told apart: beyond it, ids are hardly those of instances.
const maxInstances = 1 << 17

// instances gathers the instances of a sub-experiment.
type instances struct {
	at   map[string]int
	all  []Life
	last string // the instance of the row before, whose place is lastAt: rows of one often follow each other
	here int
	many bool // more than maxInstances
}

func (c *instances) add(r *sample.Sample) {
	if r.InstanceID == "" || c.many {
		return
	}
	if r.InstanceID != c.last || c.all == nil {
		c.last, c.here = r.InstanceID, c.place(r)
		if c.many {
			return
		}
	}
	l := &c.all[c.here]
	l.Requests++
	l.Cold = l.Cold || r.Cold == sample.Yes
	if r.SentAt.Before(l.First) {
		l.First = r.SentAt
	}
	if r.ReceivedAt.After(l.Last) {
		l.Last = r.ReceivedAt
	}
}

// place is that of a row's instance in all.
func (c *instances) place(r *sample.Sample) int {
	at, known := c.at[r.InstanceID]
	if known {
		return at
	}
	if len(c.all) == maxInstances {
		*c = instances{many: true}
		return 0
	}
	if c.at == nil {
		c.at = map[string]int{}
	}
	at = len(c.all)
	c.at[r.InstanceID] = at
	c.all = append(c.all, Life{First: r.SentAt, Last: r.SentAt})
	return at
}

func (c *instances) summary() Instances {
	if len(c.all) == 0 {
		return Instances{}
	}
	requests := 0
	seconds := make([]float64, 0, len(c.all))
	for i := range c.all {
		requests += c.all[i].Requests
		seconds = append(seconds, c.all[i].Last.Sub(c.all[i].First).Seconds())
	}
	slices.Sort(seconds)
	slices.SortStableFunc(c.all, func(a, b Life) int { return a.First.Compare(b.First) })
	n := float64(len(c.all))
	return Instances{Count: Of(n), Requests: Of(float64(requests) / n), Lifetime50: Median.Of(seconds), Lives: c.all}
}
