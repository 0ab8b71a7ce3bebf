package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/experiment/sebs"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// The files that are written for users of SeBS, in the folder of an experiment.
const (
	TranslatedFile    = "experiment.json"      // the experiment file that their configuration was translated into
	SeBSResultFile    = "result.csv"           // rows under SeBS's column names
	SeBSProcessedFile = "result-processed.csv" // rows with what is calculated from them, likewise
)

// Translated reads the experiment file of a translation. Mistakes in it are told with their places in that file; name
// says what it was translated from.
func Translated(t *sebs.Translation, name string) (*experiment.Loaded, error) {
	return experiment.Parse(name+", translated", t.Experiment, KnownProviders())
}

// writeTranslated writes the experiment file of a translation into a folder, over the one of an earlier translation.
func writeTranslated(t *sebs.Translation, dir string) error {
	path := filepath.Join(dir, TranslatedFile)
	write := func(w io.Writer) error { _, err := w.Write(t.Experiment); return err }
	if err := wholefile.Replace(path, write); err != nil {
		return fail.Input("write the translated experiment: %w", err)
	}
	return nil
}

// SeBSFolder is where results of an experiment of SeBS go, below the output folder: as SeBS has it, with a folder for
// each kind of invocation-overhead.
func SeBSFolder(output, name, kind string) string { return filepath.Join(output, name, kind) }

// RunSeBS runs a translated experiment and writes its rows under SeBS's names, into the files that it gives. The
// translation is written beside them once the run begins, so that a run that is refused leaves nothing. The outcome is
// there, as far as it goes, beside an error too.
func (a App) RunSeBS(ctx context.Context, t *sebs.Translation, exp *experiment.Experiment, dir string) (out *Outcome,
	files []string, err error) {
	a.Output = dir
	opened := a.Opened
	a.Opened = func(r *run.Run) error {
		if err := writeTranslated(t, dir); err != nil {
			return err
		}
		a.Log.Infof("translated into %s", filepath.Join(dir, TranslatedFile))
		if opened == nil {
			return nil
		}
		return opened(r)
	}
	out, err = a.Run(ctx, exp, dir)
	if out == nil || len(out.Results) == 0 {
		return out, nil, err
	}
	files, werr := writeSeBS(out.Dir, dir, t.Name, t.Types)
	return out, files, errors.Join(err, werr)
}

// ProcessSeBS writes the rows of the newest run in a folder under SeBS's names, and gives the files. types are those of
// perf-cost that are wanted; none: all.
func (a App) ProcessSeBS(dir, name string, types []string) (files []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fail.Input("there are no results of %s: %w", name, err).
			WithHint("`stellar experiment invoke %s` makes them; --output-dir names their folder", name)
	}
	for _, e := range slices.Backward(entries) { // the id of a run begins with its time
		if e.Name() == run.LatestLink {
			continue // it leads to a run that is in the list, or to one elsewhere
		}
		at := filepath.Join(dir, e.Name())
		rec, err := run.ReadRecord(at)
		if err != nil || len(rec.Results) == 0 {
			continue
		}
		if rec.Status == run.StatusRunning && run.Live(at) {
			return nil, fail.Input("%s: %w", at, run.ErrLive).WithHint("it writes these files itself when it ends")
		}
		return writeSeBS(at, dir, name, types)
	}
	return nil, fail.Input("%s has no run with results of %s", dir, name).
		WithHint("`stellar experiment invoke %s` makes them; --output-dir names their folder", name)
}

// sebsWriter writes rows of a sub-experiment's folder under SeBS's names.
type sebsWriter func(w io.Writer, from string) error

// writeSeBS writes the rows of a run's first sub-experiment into a folder, over files of these names.
func writeSeBS(runDir, dir, name string, types []string) (files []string, err error) {
	rec, err := run.ReadRecord(runDir)
	if err != nil {
		return nil, err
	}
	if len(rec.Results) == 0 {
		return nil, nil
	}
	from := filepath.Join(runDir, rec.Results[0].Folder)
	for _, f := range sebsFiles(name, types) {
		path := filepath.Join(dir, f.name)
		if err := wholefile.Replace(path, func(w io.Writer) error { return f.write(w, from) }); err != nil {
			return files, fmt.Errorf("%s: %w", path, err)
		}
		files = append(files, path)
	}
	return files, nil
}

type sebsFile struct {
	name  string
	write sebsWriter
}

// sebsFiles are the files of an experiment.
func sebsFiles(name string, types []string) []sebsFile {
	switch name {
	case sebs.PerfCost:
		return []sebsFile{{SeBSResultFile, func(w io.Writer, from string) error {
			rows, err := sample.ReadPerfCosts(from)
			if err == nil {
				rows, err = sample.JoinPerfCosts(rows, filepath.Join(from, study.LatenciesFile))
			}
			return errors.Join(err, sample.WriteSeBSPerfCosts(w, rows, types))
		}}}
	case sebs.Overhead:
		return []sebsFile{{SeBSResultFile, rowsTo(sample.ReadOverheads, sample.WriteSeBSOverheads)},
			{SeBSProcessedFile, rowsTo(sample.ReadOverheads, sample.WriteSeBSOverheadsProcessed)}}
	case sebs.PingPong:
		return []sebsFile{{SeBSResultFile, rowsTo(sample.ReadPingPongs, sample.WriteSeBSPingPongs)},
			{SeBSProcessedFile, rowsTo(sample.ReadPingPongs, sample.WriteSeBSPingPongsProcessed)}}
	}
	return []sebsFile{{SeBSResultFile, rowsTo(sample.ReadEvictions, sample.WriteSeBSEvictions)}}
}

// rowsTo reads rows and writes them.
func rowsTo[Row any](read func(dir string) ([]Row, error), write func(io.Writer, []Row) error) sebsWriter {
	return func(w io.Writer, from string) error {
		rows, err := read(from)
		if err != nil {
			return err
		}
		return write(w, rows)
	}
}
