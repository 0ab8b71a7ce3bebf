package app

import (
	"fmt"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/price"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/study/catalog"
)

// PlanCost is what a run is expected to cost.
type PlanCost struct {
	USD     *float64 `json:"usd"`               // nil: not known, and Unknown says why
	Assumed string   `json:"assumed,omitempty"` // what the amount rests on
	Unknown string   `json:"unknown,omitempty"`
}

// leastMemoryMB is the memory in use that a plan assumes where that is billed: the least that Azure bills.
const leastMemoryMB = 128

// planCost works out what the requests of sub-experiments cost, as if nothing were free of charge. deployed says that
// the run deploys the functions.
func planCost(sheet *price.Sheet, row provider.Provider, exp *experiment.Experiment, subs []int, region string,
	deployed bool,
) PlanCost {
	var usd float64
	var dates string
	took, times := exp.EstimateWith(subs, row.Assumed()).Duration, float64(exp.Repetitions())
	for _, i := range subs {
		s := &exp.SubExperiments[i]
		fns := catalog.Functions(s)
		// Functions of one sub-experiment differ in their memory at most, and each has its part of the requests.
		for _, fn := range fns {
			memory := fn.MemoryMB
			if memory == 0 {
				memory = s.FunctionMemoryMB
			}
			if memory == 0 && experiment.IsExisting(s.Function) {
				return PlanCost{Unknown: "the memory size of " + s.Function + " is not known"}
			}
			t, err := sheet.Tariff(pipeline.Billed(row, s, memory, region))
			if err != nil {
				return PlanCost{Unknown: err.Error()}
			}
			one, err := planFunction(t, s, fn.ChainLength-fn.Hop)
			if err != nil {
				return PlanCost{Unknown: err.Error()}
			}
			if deployed {
				usd += t.Standing(took)
			}
			usd += times * one * float64(max(fn.ChainLength, 1)) / float64(len(fns))
			dates = t.Dates()
		}
	}
	return PlanCost{USD: &usd, Assumed: assumptions(dates)}
}

// ExpectedCost is what the requests of a run are expected to cost, in USD, for the question before a big run; false
// where it is not known from the file alone.
func (a App) ExpectedCost(exp *experiment.Experiment) (usd float64, known bool) {
	row, err := vendors.Find(exp.ProviderKind())
	if err != nil {
		return 0, false
	}
	sheet, err := a.Sheet()
	if err != nil {
		return 0, false
	}
	most := *exp
	most.Repeat = exp.MostRepetitions(a.Subs(exp), row.Assumed())
	c := planCost(sheet, row, &most, a.Subs(exp), exp.Region, a.Deploys(exp))
	if c.USD == nil {
		return 0, false
	}
	return *c.USD, true
}

// planFunction is what all requests of a sub-experiment cost if one function answers them. A function of a chain waits
// for those behind it: it runs for the service times of all of them, hops in number.
func planFunction(t price.Tariff, s *experiment.SubExperiment, hops int) (usd float64, err error) {
	for _, share := range s.ServiceShares() {
		if share.Requests == 0 {
			continue
		}
		u := price.Idle()
		u.CPU = max(share.Time, time.Millisecond)
		u.Duration = u.CPU * time.Duration(max(hops, 1))
		u.MaxMemoryMB = leastMemoryMB
		one, err := t.Charge(u)
		if err != nil {
			return 0, err
		}
		usd += one * float64(share.Requests)
	}
	return usd, nil
}

// assumptions says what the amount rests on.
func assumptions(dates string) string {
	return fmt.Sprintf("each request takes its service time, 1 ms at least, and %d MB where memory in use is billed; "+
		"cold starts' initialization, data transfer, logs, storage and taxes are not in it; nothing is free of "+
		"charge; prices of %s", leastMemoryMB, dates)
}
