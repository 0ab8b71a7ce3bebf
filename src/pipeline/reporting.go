package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/report"
	"github.com/vhive-serverless/STeLLAR/src/report/page"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
	"github.com/vhive-serverless/STeLLAR/src/study/catalog"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// StatisticsFile is the name of the table of statistics, in a run's folder and in each sub-experiment's.
const StatisticsFile = "statistics.csv"

// reportStage turns the recorded rows into statistics and plots.
type reportStage struct {
	log  run.Logger
	draw Drawn
	out  *Reported
}

func (j *Job) reportStage() reportStage {
	return reportStage{log: j.Log, draw: j.Draw, out: &j.report}
}

// Drawn is what is drawn of a run.
type Drawn struct {
	Format     report.Format // empty: PNG
	Histograms bool          // of each burst, also of sub-experiments that do not ask for them
}

// Reported is what the report of a run found.
type Reported struct {
	Summaries   []analyze.Summary    // of each sub-experiment, without its samples
	Comparisons []analyze.Comparison // along what differs between the sub-experiments
	Tunings     []analyze.Tuning     // memory sizes that are recommended, where the file asks for that
	Subs        []page.Sub           // what the page shows of each of Summaries
}

func (reportStage) String() string { return "writing statistics and plots" }

// Run brings the record up to date and reports the run's folder: nothing is reported that is not on disk.
func (s reportStage) Run(ctx context.Context, r *run.Run) error {
	if err := r.WriteRecord(); err != nil {
		return err
	}
	rec, err := run.ReadRecord(r.Dir)
	if err != nil {
		return err
	}
	*s.out, err = Report(ctx, r.Dir, rec, s.draw, s.log)
	return err
}

// reporter reports one run's folder.
type reporter struct {
	dir     string
	rec     *run.Record
	log     run.Logger
	draw    Drawn
	drawing *report.Drawing
	out     Reported
}

// Report writes the statistics and plots of a run, over those that are there. It reads the run's folder and its record,
// and nothing else, so that any run can be reported, also one of another machine. A sub-experiment that cannot be read
// is an error and costs the others nothing. Rows that CheckRows misses are an error, and nothing is written.
func Report(ctx context.Context, dir string, rec *run.Record, draw Drawn, log run.Logger) (Reported, error) {
	if err := CheckRows(dir, rec); err != nil {
		return Reported{}, err
	}
	s := &reporter{dir: dir, rec: rec, log: log, draw: draw,
		drawing: report.NewDrawing(ctx, cmp.Or(draw.Format, report.PNG))}
	err := s.report()
	plots, perr := s.drawing.Wait()
	for _, sk := range plots.Skipped {
		s.log.Infof("no %s: %s", sk.File, sk.Reason)
	}
	return s.out, errors.Join(err, perr)
}

// CheckResults refuses a record whose results or functions are not those of its experiment, or whose results lie
// outside of the run's folder.
func CheckResults(dir string, rec *run.Record) error {
	if rec.Experiment == nil || rec.Experiment.Seed == nil {
		return fail.Input("%s: its %s has no experiment", dir, run.RecordFile)
	}
	for at, res := range rec.Results {
		twice := func(before run.ResultRecord) bool {
			return before.SubExperiment == res.SubExperiment || before.Folder == res.Folder
		}
		if slices.ContainsFunc(rec.Results[:at], twice) {
			return fail.Input("%s: its %s has the results of sub-experiment %d, or their folder, twice", dir,
				run.RecordFile, res.SubExperiment)
		}
		if i := res.SubExperiment; i < 0 || i >= len(rec.Experiment.SubExperiments) {
			return fail.Input("%s: its %s has results of sub-experiment %d, which the experiment does not have", dir,
				run.RecordFile, i)
		}
		if !filepath.IsLocal(res.Folder) || filepath.Base(res.Folder) != res.Folder || res.Folder == "." {
			return fail.Input("%s: its %s has results in %q, which is no folder of the run", dir, run.RecordFile,
				res.Folder)
		}
	}
	for _, f := range rec.Functions {
		if i := f.SubExperiment; i < 0 || i >= len(rec.Experiment.SubExperiments) {
			return fail.Input("%s: its %s has a function of sub-experiment %d, which the experiment does not have", dir,
				run.RecordFile, i)
		}
	}
	return nil
}

// CheckRows is CheckResults, and refuses a run with tables that are no regular files, and one whose record counts rows
// of which there are none any more. Reported without them, statistics of what was measured would be replaced by those
// of nothing.
func CheckRows(dir string, rec *run.Record) error {
	if err := CheckResults(dir, rec); err != nil {
		return err // its folders may be anywhere
	}
	for _, res := range rec.Results {
		if err := checkTables(filepath.Join(dir, res.Folder)); err != nil {
			return err
		}
		file := filepath.Join(dir, res.Folder, study.LatenciesFile)
		if res.Rows == 0 {
			continue
		}
		gone, err := withoutRows(file)
		if err != nil {
			return err
		}
		if gone != "" {
			return fail.Input("%s %s, but %s says that it had %d rows", file, gone, run.RecordFile, res.Rows).
				WithHint("put the file back; nothing was written, and the statistics of the run are as they were")
		}
	}
	return nil
}

// checkTables opens every table of a sub-experiment's folder: what is no regular file is an error of bad input, before
// anything reads it or waits for it.
func checkTables(folder string) error {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fail.Input("the results of the run: %w", err)
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".csv" {
			continue
		}
		f, err := wholefile.Open(filepath.Join(folder, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // who needs it says it
		}
		if err == nil {
			err = f.Close()
		}
		if err != nil {
			return fmt.Errorf("read the recorded rows: %w", err)
		}
	}
	return nil
}

// withoutRows says that a file of rows is not there, or has no row; empty: it has one, or something that is not read
// here.
func withoutRows(file string) (string, error) {
	f, err := wholefile.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "is not there", nil
	}
	if err != nil {
		return "", fmt.Errorf("read the recorded rows: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	rows, err := sample.NewReader(f, file)
	if err != nil {
		return "", nil //nolint:nilerr // who reads the rows says it
	}
	if err := rows.Read(&sample.Sample{}); errors.Is(err, io.EOF) {
		return "has no row", nil
	}
	return "", nil
}

// report goes through the sub-experiments one by one: of each only its statistics stay in memory, and what its plots
// show until they are drawn, which other processors do meanwhile.
func (s *reporter) report() error {
	var sums []analyze.Summary
	var errs []error
	for _, res := range s.rec.Results {
		sum, err := s.summarize(res)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		errs = append(errs, s.plot(sum))
		shown := page.NewSub(sum)
		if text := res.Miscounted(sum.AllRows()); text != "" {
			text += ", and the statistics are of these"
			shown.Warnings = append([]string{text}, shown.Warnings...)
			s.log.Warnf("%s: %s", sum.Title, text)
		}
		s.out.Subs = append(s.out.Subs, shown)
		sums = append(sums, sum.Light())
	}
	for _, line := range analyze.Advise(sums) {
		s.log.Warnf("%s", line)
	}
	analyze.Relate(sums)
	for _, sum := range sums {
		dir := s.folder(sum.Index)
		errs = append(errs, os.MkdirAll(dir, 0o755)) // a sub-experiment that never began has none
		errs = append(errs, statistics(filepath.Join(dir, StatisticsFile), sum))
	}
	if len(sums) > 0 {
		errs = append(errs, statistics(filepath.Join(s.dir, StatisticsFile), sums...))
		s.drawing.CombinedCDF(s.dir, sums)
		if slices.ContainsFunc(sums, func(s analyze.Summary) bool { return s.ColdParts.Count > 0 }) {
			s.drawing.Parts(s.dir, sums)
			errs = append(errs, report.WriteParts(s.dir, sums))
		}
		if len(sums) > 1 && len(analyze.BySize(sums)) > 0 {
			s.drawing.Sizes(s.dir, sums)
		}
		if line := report.Numbered(sums); line != "" {
			s.log.Infof("%s", line)
		}
	}
	s.out.Summaries = sums
	return errors.Join(append(errs, s.compare(sums), s.tune(sums))...)
}

// summarize has the study of a sub-experiment read its folder.
func (s *reporter) summarize(res run.ResultRecord) (analyze.Summary, error) {
	st, err := catalog.For(s.rec.Experiment.SubExperiments[res.SubExperiment].Type)
	if err != nil {
		return analyze.Summary{}, err
	}
	sum, err := study.Summarize(st, s.rec, filepath.Join(s.dir, res.Folder))
	if err == nil {
		err = s.addStanding(&sum.Latencies)
	}
	return sum.Latencies, err
}

func (s *reporter) plot(sum analyze.Summary) error {
	v, err := report.ParseVisualization(s.rec.Experiment.SubExperiments[sum.Index].Visualization)
	if err != nil {
		return err
	}
	v.Histogram = v.Histogram || s.draw.Histograms
	s.drawing.Plots(s.folder(sum.Index), v, sum)
	if v != (report.Visualization{}) && len(sum.Instances.Lives) > 0 {
		s.drawing.Instances(s.folder(sum.Index), sum)
	}
	return nil
}

// folder is where the results of a sub-experiment are.
func (s *reporter) folder(sub int) string {
	at := slices.IndexFunc(s.rec.Results, func(res run.ResultRecord) bool { return res.SubExperiment == sub })
	return filepath.Join(s.dir, s.rec.Results[at].Folder)
}

// Folder is where a sub-experiment's results go.
func Folder(r *run.Run, sub int) string {
	return filepath.Join(r.Dir, r.Experiment.SubExperiments[sub].Folder(sub, r.Experiment.ProviderKind()))
}

func statistics(path string, sums ...analyze.Summary) error {
	err := wholefile.Replace(path, func(w io.Writer) error { return analyze.WriteCSV(w, sums) })
	if err != nil {
		return fmt.Errorf("write statistics: %w", err)
	}
	return nil
}
