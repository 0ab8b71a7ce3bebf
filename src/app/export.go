package app

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/report/export"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// The formats of an export.
const (
	ExportCSV         = "csv"
	ExportJSON        = "json"
	ExportMarkdown    = "markdown"
	ExportOpenMetrics = "openmetrics"
	ExportParquet     = "parquet"
	ExportOTLP        = "otlp" // spans, to the receiver that the environment names
)

// ExportFormats lists them.
func ExportFormats() []string {
	return []string{ExportCSV, ExportJSON, ExportMarkdown, ExportOpenMetrics, ExportParquet,
		ExportOTLP}
}

// The tables that can be exported.
const (
	TableLatencies  = "latencies"  // a row for each request of all sub-experiments
	TableStatistics = "statistics" // a row for each sub-experiment
)

// ExportTables lists them.
func ExportTables() []string { return []string{TableLatencies, TableStatistics} }

// Export is what is exported, and how.
type Export struct {
	Format string
	Table  string // empty: statistics in Markdown, else latencies; the metrics of OpenMetrics have no table
}

// Check refuses a format or table that does not exist, or that does not go with the other.
func (e Export) Check() error {
	switch {
	case !slices.Contains(ExportFormats(), e.Format):
		return fail.Input("--format %q is none of %s", e.Format, strings.Join(ExportFormats(), ", "))
	case e.Table == "":
		return nil
	case !slices.Contains(ExportTables(), e.Table):
		return fail.Input("--table %q is none of %s", e.Table, strings.Join(ExportTables(), ", "))
	case e.Format == ExportOpenMetrics || e.Format == ExportOTLP:
		return fail.Input("--table %s does not go with --format %s, which has no tables", e.Table, e.Format)
	case e.Format == ExportMarkdown && e.Table == TableLatencies:
		return fail.Input("--table latencies does not go with --format markdown: it has a row for each request").
			WithHint("use csv, json or parquet for them")
	}
	return nil
}

// Export writes a run's rows, statistics or metrics to w. The run is a folder, an archive, or files of the original
// STeLLAR; nothing of it is changed.
func (a App) Export(ctx context.Context, path string, e Export, w io.Writer) (err error) {
	if err := e.Check(); err != nil {
		return err
	}
	opened, err := a.OpenRun(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(opened.Named(err), opened.Close()) }()
	x, err := newExported(opened.Dir)
	if err != nil {
		return err
	}
	x.log = a.Log
	switch e.Format {
	case ExportOpenMetrics:
		return x.metrics(ctx, w)
	case ExportOTLP:
		return a.exportSpans(ctx, x, w)
	}
	table := x.latencies(ctx)
	if e.Table == TableStatistics || e.Format == ExportMarkdown {
		if table, err = x.statistics(ctx); err != nil {
			return err
		}
	}
	switch e.Format {
	case ExportCSV:
		return export.CSV(w, table)
	case ExportJSON:
		return export.JSON(w, table)
	case ExportMarkdown:
		return export.Markdown(w, brief(table))
	}
	return export.Parquet(w, table, a.Version)
}

// ExportFile is Export into a file, which is replaced when all is written; after an error, it is what it was. A
// file of a run itself is refused.
func (a App) ExportFile(ctx context.Context, path string, e Export, file string) error {
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
		return fail.Input("%s is no file that can be written to", file)
	}
	if _, err := os.Stat(filepath.Dir(file)); err != nil {
		return fail.Input("write %s: %w", file, err)
	}
	if err := refuseOwn(file, path); err != nil {
		return err
	}
	if err := wholefile.Replace(file, func(w io.Writer) error { return a.Export(ctx, path, e, w) }); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}

// exported is a run whose data is exported.
type exported struct {
	id   string
	dir  string
	rec  *run.Record // nil: files of the original tool
	subs []exportedSub
	log  run.Logger // of what is missing
}

// exportedSub is one sub-experiment of it.
type exportedSub struct {
	as     analyze.Identity
	file   string           // its latencies.csv, which may not exist where it has no rows
	result run.ResultRecord // of the record; of files of the original tool nothing
	method string           // of its requests
}

// newExported finds what there is of a run.
func newExported(dir string) (*exported, error) {
	if files, err := foreignFiles(dir); err != nil || len(files) > 0 {
		if err != nil {
			return nil, err
		}
		return newForeign(dir, files)
	}
	rec, err := readReported(dir)
	if err != nil {
		return nil, err
	}
	return exportedOf(dir, rec)
}

// exportedOf is the run whose record was read from a folder.
func exportedOf(dir string, rec *run.Record) (*exported, error) {
	if err := pipeline.CheckResults(dir, rec); err != nil {
		return nil, err
	}
	x := &exported{id: rec.ID, dir: dir, rec: rec}
	for _, res := range rec.Results {
		x.subs = append(x.subs, exportedSub{as: study.Identity(rec, res.SubExperiment),
			file: filepath.Join(dir, res.Folder, study.LatenciesFile), result: res,
			method: rec.Experiment.SubExperiments[res.SubExperiment].RequestMethod()})
	}
	return x, nil
}

// newForeign is for files of the original tool, whose sub-experiments are told apart by their folders.
func newForeign(dir string, files []string) (*exported, error) {
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		dir = filepath.Dir(dir)
	}
	x := &exported{id: filepath.Base(dir), dir: dir}
	for i, file := range files {
		title, err := filepath.Rel(dir, filepath.Dir(file))
		if err != nil {
			return nil, fmt.Errorf("export %s: %w", file, err)
		}
		if title == "." {
			title = x.id
		}
		x.subs = append(x.subs, exportedSub{as: analyze.Identity{Index: i, Title: title}, file: file})
	}
	return x, nil
}

// runField is the column that tells the runs in a table apart.
func runField() sample.Field { return sample.Field{Name: "Run", Kind: sample.TextKind} }

// latencies is the table of all requests, each with its run and its sub-experiment.
func (x *exported) latencies(ctx context.Context) export.Table {
	fields := slices.Concat([]sample.Field{runField()}, analyze.IdentityFields(), sample.Fields())
	return export.Table{Fields: fields, Each: func(do func([]sample.Value) error) error {
		for _, sub := range x.subs {
			row := append([]sample.Value{sample.TextValue(x.id)}, sub.as.Values()...)
			first := len(row)
			if err := x.each(ctx, sub, func(typed *sample.Typed, s *sample.Sample) error {
				row = typed.Append(row[:first], s)
				return do(row)
			}); err != nil {
				return err
			}
		}
		return nil
	}}
}

// each passes the rows of a sub-experiment on. One that stopped before its first row has none. Other rows than the
// record counts are warned of.
func (x *exported) each(ctx context.Context, s exportedSub, do func(*sample.Typed, *sample.Sample) error) error {
	f, err := wholefile.Open(s.file)
	if errors.Is(err, fs.ErrNotExist) {
		if s.result.Rows > 0 {
			return s.gone("is not there")
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the recorded rows: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	rows, err := sample.NewReader(f, s.file)
	if err != nil {
		return err
	}
	typed, n := rows.Typed(), 0
	var failed error // the first one; the rows after it are passed over
	err = rows.Each(func(row *sample.Sample) {
		if n++; n%1024 == 0 && failed == nil {
			failed = ctx.Err()
		}
		if failed == nil {
			failed = do(typed, row)
		}
	})
	if err = cmp.Or(failed, err); err != nil || x.rec == nil {
		return err
	}
	if n == 0 && s.result.Rows > 0 {
		return s.gone("has no row")
	}
	if text := s.result.Miscounted(n); text != "" {
		x.log.Warnf("%s: %s", s.as.Title, text)
	}
	return nil
}

// gone is the error of rows that were counted and are not in the file.
func (s exportedSub) gone(what string) error {
	return fail.Input("%s %s, but %s says that it had %d rows", s.file, what, run.RecordFile, s.result.Rows).
		WithHint("put the file back; statistics can be exported without it (--table statistics)")
}

// statistics is the table of the run's statistics.csv, each row with its run.
func (x *exported) statistics(ctx context.Context) (export.Table, error) {
	fields, rows, err := x.readStatistics(ctx)
	return export.Table{Fields: append([]sample.Field{runField()}, fields...),
		Each: func(do func([]sample.Value) error) error {
			for _, row := range rows {
				if err := do(append([]sample.Value{sample.TextValue(x.id)}, row...)); err != nil {
					return err
				}
			}
			return nil
		}}, err
}

// readStatistics reads the run's statistics.csv. Files of the original tool have none of this form: theirs are made of
// their rows.
func (x *exported) readStatistics(ctx context.Context) ([]sample.Field, [][]sample.Value, error) {
	if x.rec == nil {
		subs, err := x.summarize(ctx)
		if err != nil {
			return nil, nil, err
		}
		var sums []analyze.Summary
		for _, s := range subs {
			sums = append(sums, s.Stats)
		}
		analyze.Relate(sums)
		var text strings.Builder
		if err := analyze.WriteCSV(&text, sums); err != nil {
			return nil, nil, err
		}
		return analyze.ReadStatistics(strings.NewReader(text.String()), "the statistics")
	}
	file := filepath.Join(x.dir, pipeline.StatisticsFile)
	text, err := wholefile.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fail.Input("the run has no %s", file).WithHint("`stellar report %s` writes it", x.dir)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the statistics: %w", err)
	}
	return analyze.ReadStatistics(bytes.NewReader(text), file)
}

// brief leaves a table only the columns that a short one shows.
func brief(t export.Table) export.Table {
	var fields []sample.Field
	var at []int
	for _, name := range analyze.BriefColumns() {
		if i := slices.IndexFunc(t.Fields, func(f sample.Field) bool { return f.Name == name }); i >= 0 {
			fields, at = append(fields, t.Fields[i]), append(at, i)
		}
	}
	return export.Table{Fields: fields, Each: func(do func([]sample.Value) error) error {
		return t.Each(func(row []sample.Value) error {
			short := make([]sample.Value, len(at))
			for i, from := range at {
				short[i] = row[from]
			}
			return do(short)
		})
	}}
}

// metrics writes the run's metrics.
func (x *exported) metrics(ctx context.Context, w io.Writer) error {
	subs, err := x.summarize(ctx)
	if err != nil {
		return err
	}
	m := export.Metrics{Run: x.id, Subs: subs}
	if rec := x.rec; rec != nil {
		m.Provider, m.Version, m.Status = rec.Experiment.ProviderKind(), rec.Version, rec.Status
		m.Seed, m.Started = strconv.FormatInt(rec.Seed, 10), rec.Started
		if rec.Finished != nil {
			m.Finished = *rec.Finished
		}
	}
	return export.OpenMetrics(w, m)
}

// summarize reads the rows of each sub-experiment once, for its figures.
func (x *exported) summarize(ctx context.Context) ([]export.SubMetrics, error) {
	var out []export.SubMetrics
	for _, sub := range x.subs {
		counts := export.NewCounts()
		c := analyze.NewCollector(analyze.Options{Identity: sub.as, Unsent: sub.result.Unsent,
			Unwatched: x.rec == nil})
		if err := x.each(ctx, sub, func(_ *sample.Typed, row *sample.Sample) error {
			counts.Add(row)
			c.Add(row)
			return nil
		}); err != nil {
			return nil, err
		}
		sum, err := c.Summary()
		if err != nil {
			return nil, err
		}
		out = append(out, export.SubMetrics{Stats: sum.Light(), Counts: counts})
	}
	return out, nil
}
