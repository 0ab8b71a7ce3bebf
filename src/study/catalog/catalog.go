// Package catalog is the list of experiment types that this version measures. A new type is a row of it.
package catalog

import (
	"fmt"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/study"
	"github.com/vhive-serverless/STeLLAR/src/study/burst"
	"github.com/vhive-serverless/STeLLAR/src/study/eviction"
	"github.com/vhive-serverless/STeLLAR/src/study/overhead"
	"github.com/vhive-serverless/STeLLAR/src/study/perfcost"
	"github.com/vhive-serverless/STeLLAR/src/study/pingpong"
	"github.com/vhive-serverless/STeLLAR/src/study/transfer"
)

// row is an experiment type with its study.
type row struct {
	name  string
	study study.Study
}

func rows() []row {
	return []row{
		{experiment.TypeBurst, burst.Study{}},
		{experiment.TypeTransfer, transfer.Study{}},
		{experiment.TypeEviction, eviction.Study{}},
		{experiment.TypePerfCost, perfcost.Study{}},
		{experiment.TypePingPong, pingpong.Study{}},
		{experiment.TypeOverhead, overhead.Study{}},
	}
}

// For returns the study of an experiment type; no name is that of bursts. fail.Unsupported says that this version has
// none for it.
func For(name string) (study.Study, error) {
	var all []string
	for _, r := range rows() {
		if r.name == name || name == "" && r.name == experiment.TypeBurst {
			return r.study, nil
		}
		all = append(all, fmt.Sprintf("%q", r.name))
	}
	last := len(all) - 1
	return nil, fail.Unsupported("experiment type %q: this version measures %s and %s only", name,
		strings.Join(all[:last], ", "), all[last])
}

// Functions lists what is deployed for a sub-experiment; of a type that is not measured yet, Parallelism functions.
func Functions(sub *experiment.SubExperiment) []study.FunctionSpec {
	s, err := For(sub.Type)
	if err != nil {
		return study.Replicas(sub, max(sub.Parallelism, 1))
	}
	return s.Functions(sub)
}

// Needs lists what a sub-experiment needs. A type that is not measured yet needs another version.
func Needs(sub *experiment.SubExperiment) []study.Need {
	s, err := For(sub.Type)
	if err != nil {
		return []study.Need{study.Capacity(sub), {Kind: study.NeedVersion, Key: "Type", Text: "experiments of Type " +
			sub.Type}}
	}
	return s.Needs(sub)
}
