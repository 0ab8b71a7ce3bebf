package app

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/generate"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/report"
	"github.com/vhive-serverless/STeLLAR/src/report/page"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// writePage writes a page of some runs, over one that is there.
func writePage(path, version string, runs ...page.Run) error {
	if err := wholefile.Replace(path, page.Page{Version: version, Runs: runs}.Write); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// runPage is a run as a page shows it. It follows from the run's folder alone.
func runPage(rec *run.Record, dir string, found pipeline.Reported) page.Run {
	p := page.Run{Name: rec.ID, Status: rec.Status, Facts: facts(rec, found.Subs), Warnings: rec.Notes,
		Again: again(rec), Files: worthALink(dir)}
	if rec.Status != run.StatusPartial { // which is told of each sub-experiment and threshold
		p.Error = rec.Error
	}
	if rec.Status == run.StatusPartial {
		p.StatusText = partialWords(rec)
	}
	if text, err := rec.Experiment.MarshalEffective(); err == nil {
		p.Experiment = string(text)
	}
	for _, s := range rec.Stages {
		p.Stages = append(p.Stages, page.Stage{Name: s.Name, Seconds: s.Seconds, Note: cmp.Or(s.Skipped, s.Error)})
	}
	for _, f := range rec.Functions {
		shown := page.Function{Name: f.Name, Runtime: f.Runtime, Package: f.PackageType, MemoryMB: f.MemoryMB,
			PackageBytes: int64(f.PackageBytes)}
		if f.Endpoint != nil {
			shown.URL = f.Endpoint.URL
		}
		p.Functions = append(p.Functions, shown)
	}
	for _, s := range found.Subs {
		i := s.Stats.Index
		s.Thresholds = analyze.CheckThresholds(rec.Experiment.SubExperiments[i].Thresholds, s.Stats)
		for _, res := range rec.Results {
			if res.SubExperiment != i {
				continue
			}
			s.Folder, s.Files = res.Folder, worthALink(filepath.Join(dir, res.Folder))
			if early := cmp.Or(res.Stopped, res.Cut); early != "" {
				s.Warnings = append([]string{"it ended early: " + early}, s.Warnings...)
			}
		}
		p.Subs = append(p.Subs, s)
	}
	for _, c := range found.Comparisons {
		p.Comparisons = append(p.Comparisons, page.Comparison{Comparison: c, Sentences: report.ComparisonWords(c)})
	}
	return p
}

// partialWords say what keeps a run from being a full success.
func partialWords(rec *run.Record) string {
	failed := 0
	for _, res := range rec.Results {
		if res.Stopped != "" {
			failed++
		}
	}
	if failed == 0 {
		return "done; thresholds missed"
	}
	return fmt.Sprintf("%d of %d sub-experiments failed", failed, len(rec.Results))
}

// facts are what was asked, and with what it was measured.
func facts(rec *run.Record, subs []page.Sub) []page.Fact {
	out := []page.Fact{{Name: "provider", Value: cmp.Or(rec.Experiment.Provider, rec.Experiment.ProviderKind())}}
	add := func(name, value string) {
		if value != "" {
			out = append(out, page.Fact{Name: name, Value: value})
		}
	}
	if !rec.Started.IsZero() {
		add("started", rec.Started.UTC().Format("2006-01-02 15:04:05 UTC"))
	}
	if rec.Finished != nil {
		add("took", rec.Finished.Sub(rec.Started).Round(100*time.Millisecond).String())
	}
	if rep := rec.Repetitions; rep != nil {
		add("repetitions", cmp.Or(rep.Ended, strconv.Itoa(rep.Complete)))
	}
	if rec.Experiment.Interleaved() {
		add("order", "interleaved, in blocks of random order")
	}
	add("sub-experiments", strconv.Itoa(len(rec.Experiment.SubExperiments)))
	var rows, failed int
	var usd, standing analyze.Value
	for _, s := range subs {
		rows, failed = rows+s.Stats.Rows(), failed+s.Stats.Errors
		usd, standing = sum(usd, s.Stats.Cost), sum(standing, s.Stats.Standing)
	}
	add("requests", fmt.Sprintf("%s, %s of them failed", report.Grouped(rows), report.Grouped(failed)))
	if usd.OK {
		add("cost", strconv.FormatFloat(usd.V, 'g', 4, 64)+" USD for these requests")
	}
	if standing.OK {
		add("standing cost", strconv.FormatFloat(standing.V, 'g', 4, 64)+" USD while deployed")
	}
	add("seed", strconv.FormatInt(rec.Seed, 10))
	add("stellar", rec.Version)
	add("client", client(rec.Host))
	for _, name := range slices.Sorted(maps.Keys(rec.Tools)) {
		add(name, strings.TrimPrefix(rec.Tools[name], name+" version: "))
	}
	return out
}

// sum is the sum of what is known.
func sum(a, b analyze.Value) analyze.Value {
	switch {
	case !a.OK:
		return b
	case !b.OK:
		return a
	}
	return analyze.Of(a.V + b.V)
}

// client describes the machine that measured.
func client(h run.Host) string {
	var parts []string
	for _, part := range []string{strings.Trim(h.OS+"/"+h.Arch, "/"), h.CPU} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	if h.CPUs > 0 {
		parts = append(parts, fmt.Sprintf("%d cores", h.CPUs))
	}
	if h.MemMB > 0 {
		parts = append(parts, fmt.Sprintf("%d MiB", h.MemMB))
	}
	return strings.Join(parts, ", ")
}

// again is how the run is repeated. The commands name no folder, so that they hold wherever the run's is.
func again(rec *run.Record) []page.Command {
	out := []page.Command{
		{What: "The same experiment with the same seed, from the run's folder:",
			Line: "stellar -c " + run.EffectiveFile},
		{What: "Statistics, plots and this page again, from the run's folder:", Line: "stellar report ."},
	}
	for _, s := range rec.Experiment.SubExperiments {
		if s.Function != "" && !generate.Ours(s.Function) && rec.BaseDir != "" && !filepath.IsAbs(s.Function) {
			out[0].What = fmt.Sprintf("The same experiment with the same seed. Its functions' folders count from %s, "+
				"so copy %s there first:", rec.BaseDir, run.EffectiveFile)
			break
		}
	}
	return out
}

// worthALink are the files of a folder that a reader of the page may want.
func worthALink(dir string) []string {
	const most = 40
	kinds := []string{".csv", ".json", ".png", ".svg"}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // a sub-experiment that never began has none
	}
	var out []string
	for _, e := range entries {
		if e.Type().IsRegular() && len(out) < most && slices.Contains(kinds, filepath.Ext(e.Name())) &&
			!strings.HasPrefix(e.Name(), ".") {
			out = append(out, e.Name())
		}
	}
	return out
}
