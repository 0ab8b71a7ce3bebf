package study

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// FromLatencies makes the summary of a study whose rows are all in latencies.csv.
type FromLatencies struct{}

// Summarize reads latencies.csv, and the run's record, which lies beside the folder. It writes bursts.csv, over one
// that is there, and the statistics of what the sub-experiment's entry has beside latencies.
func (l FromLatencies) Summarize(dir string) (Summary, error) {
	return SummarizeFolder(l, dir)
}

// SummarizeWith is Summarize for those who have read the record. Intervals for comparisons are made where the run has
// several sub-experiments.
func (FromLatencies) SummarizeWith(rec *run.Record, dir string) (sum Summary, err error) {
	opts, err := options(rec, filepath.Base(dir))
	if err != nil {
		return Summary{}, err
	}
	f, err := wholefile.Open(filepath.Join(dir, LatenciesFile))
	if errors.Is(err, fs.ErrNotExist) {
		sum.Latencies, err = analyze.Summarize(analyze.Samples(nil), opts) // it stopped before its first row
		return sum, err
	}
	if err != nil {
		return Summary{}, fmt.Errorf("read the recorded rows: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	rows, err := sample.NewReader(f, f.Name())
	if err != nil {
		return Summary{}, err
	}
	rows.OmitRequestIDs()
	if err := wholefile.Replace(filepath.Join(dir, sample.BurstsFile), func(w io.Writer) error {
		bursts := sample.NewBurstWriter(w)
		opts.EachBurst = bursts.Append
		c := analyze.NewCollector(opts)
		if err := rows.Each(c.Add); err != nil {
			return err
		}
		var err error
		if sum.Latencies, err = c.Summary(); err != nil {
			return err
		}
		return bursts.Flush()
	}); err != nil {
		return Summary{}, err
	}
	sub, err := SubExperiment(rec, dir)
	if err != nil {
		return sum, err
	}
	err = summarizeEntry(&sum, sub, dir)
	return sum, err
}

// SummarizeFolder is the summary of a sub-experiment's folder, with the record that lies beside it.
func SummarizeFolder(s Summarizer, dir string) (Summary, error) {
	rec, err := run.ReadRecord(filepath.Dir(dir))
	if err != nil {
		return Summary{}, err
	}
	return s.SummarizeWith(rec, dir)
}

// SubExperiment is the sub-experiment whose folder dir is, by the run's record.
func SubExperiment(rec *run.Record, dir string) (*experiment.SubExperiment, error) {
	res, err := result(rec, filepath.Base(dir))
	if err != nil {
		return nil, err
	}
	return &rec.Experiment.SubExperiments[res.SubExperiment], nil
}

// FromTable begins the summary of a study that has a table of its own beside latencies.csv: it summarizes the
// latencies, reads the table and finds the sub-experiment in the record. The sub-experiment is nil where there is no
// table, because the study stopped before its first row.
func FromTable[T any](rec *run.Record, dir string, read func(dir string) ([]T, error)) (
	sum Summary, rows []T, sub *experiment.SubExperiment, err error) {
	if sum, err = (FromLatencies{}).SummarizeWith(rec, dir); err != nil {
		return sum, nil, nil, err
	}
	if rows, err = read(dir); errors.Is(err, fs.ErrNotExist) {
		return sum, nil, nil, nil
	}
	if err == nil {
		sub, err = SubExperiment(rec, dir)
	}
	return sum, rows, sub, err
}

// WriteTable writes a table of a summary, over one that is there.
func WriteTable(path string, write func(io.Writer) error) error {
	if err := wholefile.Replace(path, write); err != nil {
		return fmt.Errorf("write statistics: %w", err)
	}
	return nil
}

// result is the record's entry of a sub-experiment's folder.
func result(rec *run.Record, folder string) (*run.ResultRecord, error) {
	at := slices.IndexFunc(rec.Results, func(r run.ResultRecord) bool { return r.Folder == folder })
	if at < 0 || rec.Experiment == nil || rec.Results[at].SubExperiment >= len(rec.Experiment.SubExperiments) {
		return nil, fail.Input("run %s has no sub-experiment in a folder %s", rec.ID, folder)
	}
	return &rec.Results[at], nil
}

// options are what the record says of the sub-experiment in a folder.
func options(rec *run.Record, folder string) (analyze.Options, error) {
	res, err := result(rec, folder)
	if err != nil {
		return analyze.Options{}, err
	}
	opts := analyze.Options{
		Identity: Identity(rec, res.SubExperiment), Unsent: res.Unsent, IdleClose: res.IdleClose,
		Blocks:  rec.Experiment.Interleaved(),
		Kept:    rec.Experiment.SubExperiments[res.SubExperiment].Connections != probe.New,
		Reports: rec.Experiment.SubExperiments[res.SubExperiment].ProviderReport,
	}
	if len(rec.Results) > 1 {
		opts.Resampling = &analyze.Resampling{Seed: uint64(rec.Seed)}
	}
	return opts, nil
}

// Identity says what sub-experiment i of a run is, as its tables have it.
func Identity(rec *run.Record, i int) analyze.Identity {
	s := &rec.Experiment.SubExperiments[i]
	return analyze.Identity{
		Index: i, Title: s.Title, Provider: rec.Experiment.ProviderKind(), Runtime: runtimeOf(rec, i),
		Function:    s.Function,
		PackageType: s.PackageType, MemoryMB: s.FunctionMemoryMB, ImageSizeMB: imageSize(rec, s, i),
		IATSeconds: analyze.Of(s.IATSeconds), BurstSizes: joined(s.BurstSizes),
		ServiceTimes: strings.Join(s.DesiredServiceTimes, " "),
		PayloadBytes: analyze.Of(float64(s.PayloadLengthBytes)),
	}
}

func joined(all []int) string {
	out := make([]string, len(all))
	for i, n := range all {
		out[i] = strconv.Itoa(n)
	}
	return strings.Join(out, " ")
}

// runtimeOf is the runtime of a sub-experiment's rows: the one asked for, and the one that it really ran on where that
// is another.
func runtimeOf(rec *run.Record, sub int) string {
	name := rec.Experiment.SubExperiments[sub].Runtime
	for i := range rec.Functions {
		f := &rec.Functions[i]
		if real := RealRuntime(f.Runtime, f.Endpoint); f.SubExperiment == sub && real != "" {
			return name + " (" + real + ")"
		}
	}
	return name
}

// RealRuntime is what a managed runtime runs on where that is not the version asked for, e.g. python3.13 on
// "Python 3.11.7"; else empty.
func RealRuntime(asked string, at *run.Endpoint) string {
	if at == nil {
		return ""
	}
	real := at.Detail["runtimeVersion"]
	_, version, _ := strings.Cut(real, " ")
	asked = strings.TrimLeft(asked, "abcdefghijklmnopqrstuvwxyz")
	if asked == "" || version == "" || version == asked ||
		strings.HasPrefix(version, strings.TrimSuffix(asked, ".x")+".") {
		return ""
	}
	return real
}

// imageSize is the size in MiB that was asked for, else that of the package as built, else that of an endpoints file.
func imageSize(rec *run.Record, s *experiment.SubExperiment, sub int) float64 {
	if s.FunctionImageSizeMB > 0 {
		return s.FunctionImageSizeMB
	}
	for i := range rec.Functions {
		f := &rec.Functions[i]
		if f.SubExperiment == sub && f.Package != "" {
			return f.PackageBytes.MiB()
		}
		if f.SubExperiment == sub && f.Endpoint != nil && f.Endpoint.ImageSizeMB > 0 {
			return f.Endpoint.ImageSizeMB
		}
	}
	return 0
}
