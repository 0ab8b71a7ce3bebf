package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"stellar/src/analyze"
	"stellar/src/probe"
	"stellar/src/report"
	"stellar/src/run"
	"stellar/src/sample"
	"stellar/src/study"
)

// reportStage turns the recorded rows into statistics and plots.
type reportStage struct {
	log run.Logger
	out *reported
}

// reported is what the report stage found, for the outcome of the run.
type reported struct {
	summaries   []analyze.Summary    // of each sub-experiment, without its samples
	comparisons []analyze.Comparison // along what differs between the sub-experiments
}

func (reportStage) String() string { return "writing statistics and plots" }

// Run goes through the sub-experiments one by one: of each only its statistics stay in memory once its plots are drawn.
func (s reportStage) Run(ctx context.Context, r *run.Run) error {
	var sums []analyze.Summary
	var errs []error
	compared := len(r.Results) > 1
	for _, res := range r.Results {
		sum, err := summarize(r, res, compared)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, s.plot(ctx, r, Folder(r, sum.Index), sum))
		for _, advice := range analyze.Advice(sum) {
			s.log.Warnf("%s: %s", sum.Title, advice)
		}
		sums = append(sums, sum.Light())
	}
	analyze.Relate(sums)
	for _, sum := range sums {
		dir := Folder(r, sum.Index)
		errs = append(errs, os.MkdirAll(dir, 0o755)) // a sub-experiment that never began has none
		errs = append(errs, statistics(filepath.Join(dir, "statistics.csv"), sum))
	}
	if len(sums) > 0 {
		errs = append(errs, statistics(filepath.Join(r.Dir, "statistics.csv"), sums...))
		plots, err := report.WriteCombinedCDF(ctx, r.Dir, sums)
		s.tellSkipped(plots)
		errs = append(errs, err)
		if line := report.Numbered(sums); line != "" {
			s.log.Infof("%s", line)
		}
	}
	s.out.summaries = sums
	return errors.Join(append(errs, s.compare(ctx, r, sums))...)
}

func (s reportStage) plot(ctx context.Context, r *run.Run, dir string, sum analyze.Summary) error {
	v, err := report.ParseVisualization(r.Experiment.SubExperiments[sum.Index].Visualization)
	if err != nil {
		return err
	}
	plots, err := report.WritePlots(ctx, dir, v, sum)
	s.tellSkipped(plots)
	return err
}

func (s reportStage) tellSkipped(p report.Plots) {
	for _, sk := range p.Skipped {
		s.log.Infof("no %s: %s", sk.File, sk.Reason)
	}
}

// Folder is where a sub-experiment's results go.
func Folder(r *run.Run, sub int) string {
	return filepath.Join(r.Dir, r.Experiment.SubExperiments[sub].Folder(sub, r.Experiment.ProviderKind()))
}

// summarize reads the rows back from the file, and writes bursts.csv in the same pass: the statistics are those of what is on
// disk. Resampling is for runs whose sub-experiments are compared.
func summarize(r *run.Run, res run.Result, compared bool) (sum analyze.Summary, err error) {
	opts := analyze.Options{Identity: identity(r, res.Sub), Unsent: res.Unsent, IdleClose: res.IdleClose,
		Kept: r.Experiment.SubExperiments[res.Sub].Connections != probe.New}
	if compared {
		opts.Resampling = &analyze.Resampling{Seed: uint64(*r.Experiment.Seed)}
	}
	f, err := os.Open(filepath.Join(res.Dir, study.LatenciesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return analyze.Summarize(analyze.Samples(nil), opts) // it stopped before its first row
	}
	if err != nil {
		return analyze.Summary{}, fmt.Errorf("read the recorded rows: %w", err)
	}
	defer f.Close()
	bursts, err := sample.CreateBursts(filepath.Join(res.Dir, sample.BurstsFile))
	if err != nil {
		return analyze.Summary{}, err
	}
	defer func() { err = errors.Join(err, bursts.Close()) }()
	opts.EachBurst = bursts.Append
	rows, err := sample.NewReader(f, f.Name())
	if err != nil {
		return analyze.Summary{}, err
	}
	rows.OmitIDs()
	c := analyze.NewCollector(opts)
	if err := rows.Each(c.Add); err != nil {
		return analyze.Summary{}, err
	}
	return c.Summary()
}

func statistics(path string, sums ...analyze.Summary) error {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write statistics: %w", err)
	}
	return errors.Join(analyze.WriteCSV(f, sums), f.Close())
}

func identity(r *run.Run, i int) analyze.Identity {
	s := &r.Experiment.SubExperiments[i]
	return analyze.Identity{Index: i, Title: s.Title, Provider: r.Experiment.ProviderKind(), Runtime: runtimeOf(r, i), Function: s.Function,
		PackageType: s.PackageType, MemoryMB: s.FunctionMemoryMB, ImageSizeMB: imageSize(r, i), IATSeconds: s.IATSeconds,
		BurstSizes: join(s.BurstSizes, strconv.Itoa), ServiceTimes: strings.Join(s.DesiredServiceTimes, " "),
		PayloadBytes: s.PayloadLengthBytes}
}

// runtimeOf is the runtime of a sub-experiment's rows: the one asked for, and the one that it really ran on where that is
// another.
func runtimeOf(r *run.Run, sub int) string {
	name := r.Experiment.SubExperiments[sub].Runtime
	for _, f := range r.Functions {
		if real := realRuntime(f); f.Sub == sub && real != "" {
			return name + " (" + real + ")"
		}
	}
	return name
}

// realRuntime is what a managed runtime runs on where that is not the version asked for: python3.13 on "Python 3.11.7".
func realRuntime(f *run.Function) string {
	if f.Endpoint == nil {
		return ""
	}
	real := f.Endpoint.Detail["runtimeVersion"]
	_, version, _ := strings.Cut(real, " ")
	asked := strings.TrimLeft(f.Runtime, "abcdefghijklmnopqrstuvwxyz")
	if asked == "" || version == "" || version == asked || strings.HasPrefix(version, strings.TrimSuffix(asked, ".x")+".") {
		return ""
	}
	return real
}

// imageSize is the size in MiB that was asked for, else that of the package as built.
func imageSize(r *run.Run, sub int) float64 {
	if mb := r.Experiment.SubExperiments[sub].FunctionImageSizeMB; mb > 0 {
		return mb
	}
	for _, f := range r.Functions {
		if f.Sub == sub && f.Package != nil {
			return float64(f.Package.Bytes) / (1 << 20)
		}
		if f.Sub == sub && f.Endpoint != nil && f.Endpoint.ImageSizeMB > 0 {
			return f.Endpoint.ImageSizeMB // as an endpoints file has it
		}
	}
	return 0
}

func join[T any](all []T, text func(T) string) string {
	out := make([]string, len(all))
	for i, v := range all {
		out[i] = text(v)
	}
	return strings.Join(out, " ")
}

// Summaries are the statistics of the sub-experiments that were reported, without their samples.
func (j *Job) Summaries() []analyze.Summary { return j.report.summaries }

// Comparisons are along what differs between the sub-experiments that were reported.
func (j *Job) Comparisons() []analyze.Comparison { return j.report.comparisons }
