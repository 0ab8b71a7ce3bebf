package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/report"
	"github.com/vhive-serverless/STeLLAR/src/report/page"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// foreignFiles are the latencies.csv that a path leads to which is no run's folder, as the original STeLLAR has written
// them: the path itself, or below it, in its folder or in folders of it. None: it is something else.
func foreignFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil //nolint:nilerr // who reads the run's folder says it
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	for _, own := range []string{run.RecordFile, run.JournalFile} {
		if _, err := os.Lstat(filepath.Join(path, own)); !errors.Is(err, fs.ErrNotExist) {
			return nil, nil
		}
	}
	var files []string
	for _, pattern := range []string{study.LatenciesFile, filepath.Join("*", study.LatenciesFile)} {
		found, err := fs.Glob(os.DirFS(path), filepath.ToSlash(pattern))
		if err != nil {
			return nil, fmt.Errorf("look for %s: %w", study.LatenciesFile, err)
		}
		for _, name := range found {
			files = append(files, filepath.Join(path, filepath.FromSlash(name)))
		}
	}
	return files, nil
}

// reportForeign makes the page of files of the original STeLLAR, beside them. Nothing else is written: the statistics
// there are the other tool's.
func (a App) reportForeign(ctx context.Context, path string, files []string) (*Outcome, page.Run, error) {
	dir := path
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		dir = filepath.Dir(path)
	}
	out := &Outcome{ID: filepath.Base(dir), Dir: dir, PageOnly: true}
	shown := page.Run{Name: out.ID, Facts: []page.Fact{{Name: "made by", Value: "the original STeLLAR, or another " +
		"tool with its columns: of the experiment nothing is known but its rows"}}}
	var sums []analyze.Summary
	for i, file := range files {
		if err := ctx.Err(); err != nil {
			return nil, shown, err
		}
		folder, err := filepath.Rel(dir, filepath.Dir(file))
		if err != nil {
			return nil, shown, fmt.Errorf("report %s: %w", file, err)
		}
		title := folder
		if folder == "." {
			title, folder = filepath.Base(dir), ""
		}
		sum, err := summarizeForeign(file, analyze.Identity{Index: i, Title: title})
		if err != nil {
			return nil, shown, err
		}
		sub := page.NewSub(sum)
		sub.Folder, sub.Files = filepath.ToSlash(folder), []string{filepath.Base(file)}
		shown.Subs = append(shown.Subs, sub)
		sums = append(sums, sum.Light())
	}
	analyze.Relate(sums)
	for _, sum := range sums {
		out.Rows = append(out.Rows, report.Row{Stats: sum})
	}
	shown.Again = []page.Command{{What: "This page again, from the folder that it lies in:", Line: "stellar report ."}}
	return out, shown, nil
}

func summarizeForeign(file string, as analyze.Identity) (analyze.Summary, error) {
	f, err := wholefile.Open(file)
	if err != nil {
		return analyze.Summary{}, fmt.Errorf("read the recorded rows: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	rows, err := sample.NewReader(f, file)
	if err != nil {
		return analyze.Summary{}, err
	}
	rows.OmitRequestIDs()
	c := analyze.NewCollector(analyze.Options{Identity: as, Unwatched: true})
	if err := rows.Each(c.Add); err != nil {
		return analyze.Summary{}, err
	}
	return c.Summary()
}

// ReportAll is Report of one or several runs, of which any may be files of the original STeLLAR. Of several runs there
// is one page, at the given path; each has its own outcome. The error joins those of the outcomes.
func (a App) ReportAll(ctx context.Context, paths []string, pagePath string) ([]*Outcome, error) {
	if len(paths) == 1 {
		out, err := a.Report(ctx, paths[0])
		return slices.DeleteFunc([]*Outcome{out}, func(o *Outcome) bool { return o == nil }), err
	}
	pagePath, err := filepath.Abs(pagePath)
	if err != nil {
		return nil, fmt.Errorf("the page's path: %w", err)
	}
	var all []*Outcome
	var shown []page.Run
	var errs []error
	for _, path := range paths {
		out, one, err := a.report(ctx, path)
		if err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
		errs = append(errs, err)
		if out == nil {
			continue
		}
		if out.Page != "" { // of an archive
			one.Folder = ""
		} else if one.Folder, err = filepath.Rel(filepath.Dir(pagePath), out.Dir); err != nil {
			one.Files = nil // on another drive
		}
		one.Folder = filepath.ToSlash(one.Folder)
		out.Page = pagePath
		all, shown = append(all, out), append(shown, one)
	}
	if len(shown) > 0 {
		errs = append(errs, writePage(pagePath, a.Version, shown...))
	}
	return all, errors.Join(errs...)
}
