package schedule

import (
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Trace is a load that was counted elsewhere: a number of requests in each slot of time, slot after slot without a gap.
type Trace struct {
	Slot   time.Duration // length of a slot: a second or a minute in the files that experiments name
	Counts []int64       // requests in each slot
}

// Length is the time that the trace covers.
func (t Trace) Length() time.Duration { return time.Duration(len(t.Counts)) * t.Slot }

// check refuses what is not a trace.
func (t Trace) check() error {
	if t.Slot <= 0 {
		return fail.Input("a trace's slots are %s long; they need a length", t.Slot)
	}
	if len(t.Counts) > 0 && t.Length()/t.Slot != time.Duration(len(t.Counts)) {
		return fail.Input("a trace of %d slots of %s is longer than a clock can tell", len(t.Counts), t.Slot)
	}
	for i, n := range t.Counts {
		if n < 0 {
			return fail.Input("slot %d of the trace counts %d requests", i, n)
		}
	}
	return nil
}
