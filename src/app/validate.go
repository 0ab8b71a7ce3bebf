package app

import (
	"maps"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/generate"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Validate finds what is wrong with an experiment beyond what its file alone shows: what its provider does not take,
// and functions whose folder or entry point is not there. It builds nothing and makes no request. All mistakes are
// reported together with those that the file's reading found, each at its place; the notes are all notes.
func (a App) Validate(loaded *experiment.Loaded, baseDir string) (notes []string, err error) {
	a.Only, a.Serverless = -1, true
	exp := loaded.Experiment
	found := loaded.Mistakes()
	if a.Deploys(exp) {
		one := oneEach(exp)
		fns, err := pipeline.Functions(one, a.Subs(exp), "")
		if err != nil {
			return nil, err
		}
		draft := &run.Run{Experiment: one, BaseDir: baseDir, Functions: distinct(fns)}
		row, err := vendors.Find(exp.ProviderKind())
		if err != nil {
			return nil, err
		}
		for _, r := range row.Refusals(exp, a.Subs(exp), draft.Functions) {
			found.Add(r.Sub, r.Key, "%s: %s", exp.ProviderKind(), r)
		}
		for _, m := range generate.Mistakes(draft.Making(), row) {
			if m.Known {
				found.Note(m.Sub, m.Key,
					"%v; published experiments use it, and its code is not part of stellar: put it into raw-code",
					m.Err)
				continue
			}
			text := m.Err.Error()
			if hint := fail.Hint(m.Err); hint != "" && !strings.Contains(text, "did you mean") {
				text += " (" + hint + ")"
			}
			found.Add(m.Sub, m.Key, "%s", text)
		}
	}
	for _, c := range a.cautions(exp) {
		found.Note(c.sub, c.key, "%s", c.text)
	}
	for _, g := range a.gaps(exp) {
		found.Note(g.sub, g.key, "this version of stellar does not do: %s", g.what)
	}
	return found.Notes(), found.Err()
}

// distinct leaves out functions that differ from the one before only in their names.
func distinct(fns []*run.Function) []*run.Function {
	return slices.CompactFunc(fns, func(a, b *run.Function) bool {
		return a.Sub == b.Sub && a.Runtime == b.Runtime && a.MemoryMB == b.MemoryMB && a.ImageSizeMB == b.ImageSizeMB &&
			maps.Equal(a.Env, b.Env)
	})
}

// oneEach is the experiment with one function for each sub-experiment: its replicas are alike, and so
// are the functions of its chain of each runtime.
func oneEach(exp *experiment.Experiment) *experiment.Experiment {
	one := *exp
	one.SubExperiments = slices.Clone(exp.SubExperiments)
	for i := range one.SubExperiments {
		s := &one.SubExperiments[i]
		s.Parallelism, s.Fan = 1, min(s.Fan, 1)
		s.DataTransferChainLength = len(s.Runtimes())
	}
	return &one
}
