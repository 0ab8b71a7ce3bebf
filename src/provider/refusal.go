package provider

import (
	"fmt"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Refusal is something that an experiment asks for and its provider does not take.
type Refusal struct {
	Sub   int    // index of the sub-experiment; -1: the experiment as a whole
	Key   string // of the experiment file, the one to blame
	Found string // its value; may be empty
	Why   string // what the provider takes
}

// String says key, value and reason.
func (r Refusal) String() string {
	if r.Found == "" {
		return r.Key + ", " + r.Why
	}
	return r.Key + " " + r.Found + ", " + r.Why
}

// Refuse makes a refusal of a key's value.
func Refuse(key string, found any, why string, args ...any) Refusal {
	return Refusal{Key: key, Found: fmt.Sprint(found), Why: fmt.Sprintf(why, args...)}
}

// RefuseHTTP2 refuses the protocols that a gateway on the internet does not pass on to functions.
func RefuseHTTP2(s *experiment.SubExperiment, why string) []Refusal {
	if s.Protocol == "grpc" || s.Protocol == "h2c" {
		return []Refusal{Refuse("Protocol", s.Protocol, "%s", why)}
	}
	return nil
}

// Refusals gives all that the selected sub-experiments ask for and the provider does not take: its limits, and what its
// connection refuses. The functions are those of the sub-experiments. Nothing but the experiment is looked at.
func (p Provider) Refusals(exp *experiment.Experiment, subs []int, fns []*Function) []Refusal {
	all := p.Limits.refusals(exp, subs, fns)
	if p.Connect != nil {
		all = append(all, RefusedBy(p.offline(), exp, fns)...)
	}
	return all
}

// RefusedBy gives what a connection refuses of the functions' sub-experiments.
func RefusedBy(conn Connection, exp *experiment.Experiment, fns []*Function) (all []Refusal) {
	c, ok := conn.(Refuser)
	if !ok {
		return nil
	}
	told := map[int]bool{}
	for _, f := range fns {
		if told[f.Sub] {
			continue
		}
		told[f.Sub] = true
		for _, no := range c.Refuse(&exp.SubExperiments[f.Sub], f) {
			no.Sub = f.Sub
			all = append(all, no)
		}
	}
	return all
}

// Where says which sub-experiment of which provider a refusal is about, for messages without a place in the file.
func (r Refusal) Where(exp *experiment.Experiment) string {
	if r.Sub < 0 {
		return exp.ProviderKind()
	}
	return fmt.Sprintf("SubExperiments[%d] %s: %s", r.Sub, exp.SubExperiments[r.Sub].Title, exp.ProviderKind())
}

// OtherAccount returns the error for a resource that is in another account than the credentials: a provider would not
// find it there, which must not count as a removal. of names the credentials' source and may be empty.
func OtherAccount(resource, account, of, mine string) error {
	if of != "" {
		of = " (" + of + ")"
	}
	return fail.Input("%s is in account %s, the credentials%s are of %s", resource, account, of, mine).
		WithHint("use the credentials with which it was deployed, and try again")
}
