package app

import (
	"errors"
	"fmt"
	"runtime"
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/study"
	"github.com/vhive-serverless/STeLLAR/src/study/catalog"
)

// gap is something that a file asks for and this version does not do.
type gap struct {
	sub       int
	key, what string
}

// gaps lists them all.
func (a App) gaps(exp *experiment.Experiment) (all []gap) {
	row, _ := vendors.Find(exp.ProviderKind()) // that it is unknown is said elsewhere
	for _, i := range a.Subs(exp) {
		s := &exp.SubExperiments[i]
		add := func(key, format string, args ...any) { all = append(all, gap{i, key, fmt.Sprintf(format, args...)}) }
		for _, n := range catalog.Needs(s) {
			if a.meets(exp, s, n) {
				continue
			}
			what := n.Text
			switch n.Kind {
			case study.NeedUDP:
				what += a.withoutUDP(exp, s)
			case study.NeedStore:
				what += a.withoutStore(exp)
			}
			if n.Instead != "" {
				what += " on " + exp.ProviderKind() + "; " + n.Instead
			}
			add(n.Key, "%s", what)
		}
		if len(s.Cmds) > 0 && row.Language != "" && experiment.IsMeasure(s.Function) {
			add("Cmds", "Cmds on %s: its clock stands still while a function works", exp.ProviderKind())
		}
		if experiment.IsExisting(s.Function) && !(row.TakesExisting() && a.Deploys(exp)) {
			add("Function", "functions that exist already, by their ARN or stack (%s); probe one at its URL: "+
				`"Provider": "https://…"`, s.Function)
		}
		if s.ColdPull && s.PackageType != "Image" {
			add("ColdPull", "ColdPull of a ZIP package, it is for images")
		}
		if s.ColdPull && !row.Local {
			add("ColdPull", "ColdPull on %s, it is for the local platform", exp.ProviderKind())
		}
		if a.Deploys(exp) && row.Local && s.Architecture != runtime.GOARCH {
			add("Architecture", "Architecture %s on the local platform of this %s machine", s.Architecture,
				runtime.GOARCH)
		}
	}
	return all
}

// meets reports whether a need is met here. Whether this machine can carry the load is asked of the whole experiment.
func (a App) meets(exp *experiment.Experiment, s *experiment.SubExperiment, n study.Need) bool {
	switch n.Kind {
	case study.NeedCapacity:
		return true
	case study.NeedColdStart:
		return a.Deploys(exp)
	case study.NeedUDP:
		return a.udp(exp, s)
	case study.NeedStore:
		return a.stores(exp, s)
	case study.NeedChain:
		return a.chains(exp, s)
	}
	return false
}

// stores reports whether functions that stellar deploys have an object store that they reach: the one that the file
// names, the provider's own, or the embedded one, which a container with a network of its own does not reach.
func (a App) stores(exp *experiment.Experiment, s *experiment.SubExperiment) bool {
	row, err := vendors.Find(exp.ProviderKind())
	if err != nil || !a.Deploys(exp) {
		return false
	}
	if exp.Storage != nil && exp.Storage.Endpoint != "" {
		return true
	}
	if row.Local {
		return !(s.PackageType == "Image" && s.Platform.ImageContract == "http")
	}
	return row.HasStore()
}

// withoutStore says why functions have no object store that they reach.
func (a App) withoutStore(exp *experiment.Experiment) string {
	row, err := vendors.Find(exp.ProviderKind())
	switch {
	case err != nil:
		return ""
	case !a.Deploys(exp):
		return " through functions that exist already"
	case row.Language != "":
		return " on " + row.Name + ": functions there have no room for a payload out of a store"
	case row.Local:
		return " in containers that serve HTTP: they do not reach the embedded store; name one with the key Storage"
	}
	return " on " + row.Name + ", which has no object store that stellar knows; name one with the key Storage"
}

// chains reports whether the functions of a sub-experiment can call each other. Over gRPC they are functions that exist
// already. Over HTTP they are measurement functions in the languages that have chains, which reach each other at their
// addresses; a container of the local platform that serves HTTP has a network of its own. Of existing functions it is
// not known; their answers tell.
func (a App) chains(exp *experiment.Experiment, s *experiment.SubExperiment) bool {
	row, err := vendors.Find(exp.ProviderKind())
	if err != nil || s.Protocol == "grpc" {
		return err == nil && !a.Deploys(exp)
	}
	if !a.Deploys(exp) {
		return exp.ProviderKind() != experiment.KindURL
	}
	apart := row.Local && s.PackageType == "Image" && s.Platform.ImageContract == "http"
	if !row.Chains || apart || !experiment.IsMeasure(s.Function) {
		return false
	}
	if row.Language != "" {
		return !s.StorageTransfer || !a.stores(exp, s) // without a store, that is what is said
	}
	for _, id := range s.Runtimes() {
		rt, _, err := experiment.ResolveRuntime(id)
		if err != nil || !slices.Contains([]string{"go", "python", "nodejs", "java"}, rt.Language) {
			return false
		}
	}
	return true
}

// udp reports whether functions of a sub-experiment can send datagrams to this machine: those that stellar deploys in
// Go and Python, where the provider lets them. A container of the local platform that serves HTTP has a network of its
// own. Of existing functions it is not known; their answers tell.
func (a App) udp(exp *experiment.Experiment, s *experiment.SubExperiment) bool {
	row, err := vendors.Find(exp.ProviderKind())
	if err != nil || !a.Deploys(exp) {
		return err == nil && row.UDP
	}
	rt, _, err := experiment.ResolveRuntime(s.Runtime)
	apart := row.Local && s.PackageType == "Image" && s.Platform.ImageContract == "http"
	return row.UDP && err == nil && row.Language == "" && !apart && experiment.IsMeasure(s.Function) &&
		(rt.Language == "go" || rt.Language == "python")
}

// withoutUDP names what keeps the functions of a sub-experiment from sending datagrams, where the provider lets them.
func (a App) withoutUDP(exp *experiment.Experiment, s *experiment.SubExperiment) string {
	row, err := vendors.Find(exp.ProviderKind())
	if err != nil || !row.UDP {
		return ""
	}
	rt, _, err := experiment.ResolveRuntime(s.Runtime)
	switch {
	case !experiment.IsMeasure(s.Function):
		return " of a Function of your own (the measurement functions in Go and Python have it)"
	case err == nil && rt.Language != "go" && rt.Language != "python":
		return " of Runtime " + s.Runtime + " (those in Go and Python have it)"
	}
	return ""
}

// supported lists, all at once, what the file asks for that this version does not do.
func (a App) supported(exp *experiment.Experiment) error {
	row, err := vendors.Find(exp.ProviderKind())
	if err != nil {
		return err
	}
	if a.Deploys(exp) && !row.CanDeploy() {
		_, err := row.Open(provider.Options{})
		return err
	}
	if a.AWSAccount != "" && !row.ChecksAccount {
		return fail.Input("--aws-account is for the provider aws, the experiment's is %s", exp.Provider)
	}
	var no []error
	for _, g := range a.gaps(exp) {
		no = append(no, fmt.Errorf("SubExperiments[%d] %s: %s", g.sub, exp.SubExperiments[g.sub].Title, g.what))
	}
	if len(no) == 0 {
		return nil
	}
	return fail.Unsupported("this version of stellar does not support:\n%v", errors.Join(no...)).
		WithHint("`stellar plan` shows the experiment; nothing was built or deployed")
}
