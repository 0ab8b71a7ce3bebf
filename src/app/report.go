package app

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/archive"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/report"
	"github.com/vhive-serverless/STeLLAR/src/report/page"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Report writes the statistics, plots, comparisons and page of a run again, from its folder alone. The folder may come
// from another machine, and be anywhere. Samples and the run's record are only read, except that with a file of prices
// the rows get their cost again. The error is that of the run's outcome: sub-experiments that failed, thresholds that
// were missed.
//
// A file or a folder of the original STeLLAR gets a page, and nothing else. An archive is not changed: its page is
// written beside it, under its name.
func (a App) Report(ctx context.Context, dir string) (*Outcome, error) {
	out, shown, err := a.report(ctx, dir)
	if out == nil {
		return nil, err
	}
	if out.Page == "" {
		out.Page = filepath.Join(out.Dir, page.File)
	}
	return out, errors.Join(err, writePage(out.Page, a.Version, shown))
}

// report is Report without the page, but with what it shows.
func (a App) report(ctx context.Context, path string) (*Outcome, page.Run, error) {
	opened, err := a.OpenRun(path)
	if err != nil {
		return nil, page.Run{}, err
	}
	if opened.Archive == "" {
		out, shown, err := a.reportFolder(ctx, opened.Dir)
		return out, shown, errors.Join(err, out.problem())
	}
	a.Draw.Format = report.None // plots would have no place
	out, shown, err := a.reportFolder(ctx, opened.Dir)
	if out != nil {
		out.fromArchive(opened)
		shown.Files, shown.Again = nil, []page.Command{{Line: "stellar -c " + filepath.Base(opened.Archive),
			What: "The same experiment with the same seed, and a comparison:"}}
		for i := range shown.Subs {
			shown.Subs[i].Files = nil
		}
	}
	return out, shown, errors.Join(opened.Named(err), out.problem(), opened.Close())
}

// fromArchive has the outcome of an unpacked archive name the archive.
func (o *Outcome) fromArchive(opened *OpenedRun) {
	o.Page = strings.TrimSuffix(opened.Archive, archive.Extension) + ".html"
	for i := range o.Rows {
		if rel, err := filepath.Rel(opened.Dir, o.Rows[i].Dir); err == nil {
			o.Rows[i].Dir = filepath.Join(opened.Archive, archive.RunDir, rel)
		}
	}
	o.Dir, o.PageOnly = opened.Archive, true
}

// reportFolder is report of a folder, or a file of the original, without the error of the run's outcome.
func (a App) reportFolder(ctx context.Context, dir string) (*Outcome, page.Run, error) {
	if files, err := foreignFiles(dir); err != nil || len(files) > 0 {
		if err != nil {
			return nil, page.Run{}, err
		}
		return a.reportForeign(ctx, dir, files)
	}
	rec, err := readReported(dir)
	if err != nil {
		return nil, page.Run{}, err
	}
	if a.Prices != "" {
		sheet, err := a.Sheet()
		if err == nil {
			err = pipeline.Price(ctx, dir, rec, sheet, a.Log)
		}
		if err != nil {
			return nil, page.Run{}, err
		}
	}
	reported, err := pipeline.Report(ctx, dir, rec, a.Draw, a.Log)
	if err != nil && len(reported.Summaries) == 0 {
		return nil, page.Run{}, err
	}
	out := &Outcome{ID: rec.ID, Dir: dir, Comparisons: reported.Comparisons, Tunings: reported.Tunings}
	for _, res := range rec.Results {
		one := run.Result{Sub: res.SubExperiment, Dir: filepath.Join(dir, res.Folder), Rows: res.Rows,
			Failed: res.Failed,
			Unsent: res.Unsent, IdleClose: res.IdleClose}
		one.Cut = res.Cut
		if res.Stopped != "" {
			one.Stopped = errors.New(res.Stopped)
		}
		out.Results = append(out.Results, one)
	}
	out.addRows(rec.Experiment, reported.Summaries)
	return out, runPage(rec, dir, reported), err
}

// notARun is the error of a folder without a run's record. The advice names the newest run where the folder is that of
// several.
func notARun(dir string, err error) error {
	input := fail.Input("%s is not a run's folder: %w", dir, err)
	if newest := filepath.Join(dir, run.LatestLink); readable(newest) {
		return input.WithHint("name the folder of one run, such as %s", newest)
	}
	return input.WithHint("name the folder of one run, which has %s in it", run.RecordFile)
}

func readable(dir string) bool {
	_, err := run.ReadRecord(dir)
	return err == nil
}

// readReported reads the record of a run that can be reported: one that has ended, with results.
func readReported(dir string) (*run.Record, error) {
	rec, err := run.ReadRecord(dir)
	if err != nil {
		return nil, notARun(dir, err)
	}
	if rec.Status == run.StatusRunning && run.Live(dir) {
		return nil, fail.Input("%s: %w", dir, run.ErrLive).WithHint("it writes its statistics itself when it ends")
	}
	if len(rec.Results) == 0 {
		return nil, fail.Input("%s has no results: its run ended before anything was measured", dir)
	}
	return rec, nil
}
