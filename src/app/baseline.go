package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/study"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// BaselineWord names the baseline in place of a run's path.
const BaselineWord = "baseline"

// The baseline is kept in a folder of the state directory: a file that says what it is, and beside it a folder with the
// files that a comparison reads. A new one is complete before the file names it: whenever the process is killed, there
// is the old baseline or the new one.
const (
	baselineFolder = "baseline"
	baselineFile   = "baseline.json"
	baselineCopy   = "run-"         // how the folders of copies begin
	baselineUnused = 24 * time.Hour // after it, a copy that the file does not name was left by a killed process
)

// Baseline is the run that is kept to compare with.
type Baseline struct {
	ID    string    `json:"id"`   // the run's; of another tool's files the name of their folder
	From  string    `json:"from"` // absolute path that it was copied from
	Set   time.Time `json:"set"`
	Bytes int64     `json:"bytes"`
	Dir   string    `json:"dir"` // where the copy is
}

// SetBaseline keeps a run to compare with, in place of an earlier one. Its record and rows are copied, so that the
// run's folder may be deleted. The log says where rows are missing.
func (a App) SetBaseline(ctx context.Context, path string) (kept Baseline, err error) {
	opened, err := a.OpenRun(path)
	if err != nil {
		return Baseline{}, err
	}
	defer func() { err = errors.Join(opened.Named(err), opened.Close()) }()
	id, files, err := comparedFiles(opened.Dir)
	if err != nil {
		return Baseline{}, err
	}
	read, err := a.readCompared(ctx, path) // by its name, which the warnings have
	if err != nil {
		return Baseline{}, err
	}
	for _, text := range read.miscounted {
		a.Log.Warnf("%s", text)
	}
	home, err := a.baselineHome()
	if err != nil {
		return Baseline{}, err
	}
	kept = Baseline{ID: id, From: opened.Dir, Set: time.Now().UTC().Truncate(time.Second)}
	if opened.Archive != "" {
		kept.From = opened.Archive
	}
	if err := kept.replace(ctx, home, files); err != nil {
		return Baseline{}, fmt.Errorf("keep the baseline: %w", err)
	}
	return kept, nil
}

// replace copies files into a folder of their own, and makes it the baseline. An older copy is removed afterwards.
func (b *Baseline) replace(ctx context.Context, home string, files []comparedFile) error {
	if err := os.MkdirAll(home, 0o755); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(home, baselineCopy)
	if err != nil {
		return err
	}
	b.Dir = dir
	for _, file := range files {
		if err = ctx.Err(); err != nil {
			break
		}
		var n int64
		if n, err = copyInto(filepath.Join(dir, file.name), file.path); err != nil {
			break
		}
		b.Bytes += n
	}
	was, werr := readBaseline(home)
	if err == nil {
		err = wholefile.Replace(filepath.Join(home, baselineFile), func(w io.Writer) error {
			to := json.NewEncoder(w)
			to.SetIndent("", "  ")
			return to.Encode(b)
		})
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	removeCopies(home, func(path string, age time.Duration) bool {
		return path != dir && (werr == nil && path == was.Dir || age > baselineUnused)
	})
	return nil
}

// removeCopies removes copies of baselines. One that cannot be removed only takes space.
func removeCopies(home string, which func(path string, age time.Duration) bool) {
	entries, err := os.ReadDir(home)
	if err != nil {
		return
	}
	for _, e := range entries {
		info, err := e.Info()
		if path := filepath.Join(home, e.Name()); err == nil && e.IsDir() && which(path, time.Since(info.ModTime())) {
			_ = os.RemoveAll(path)
		}
	}
}

// comparedFile is a file that a comparison reads.
type comparedFile struct {
	name string // within the baseline
	path string
}

// comparedFiles are the files of a run that a comparison reads, and the run's id.
func comparedFiles(dir string) (id string, files []comparedFile, err error) {
	foreign, err := foreignFiles(dir)
	if err != nil {
		return "", nil, err
	}
	for _, file := range foreign { // the name of its folder is the title
		folder := filepath.Base(filepath.Dir(file))
		files = append(files, comparedFile{filepath.Join(folder, study.LatenciesFile), file})
	}
	if len(foreign) > 0 {
		return filepath.Base(dir), files, nil
	}
	rec, err := readReported(dir)
	if err != nil {
		return "", nil, err
	}
	if err := pipeline.CheckRows(dir, rec); err != nil {
		return "", nil, err
	}
	files = []comparedFile{{run.RecordFile, filepath.Join(dir, run.RecordFile)}}
	for _, res := range rec.Results {
		name := filepath.Join(res.Folder, study.LatenciesFile)
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			files = append(files, comparedFile{name, path})
		}
	}
	return rec.ID, files, nil
}

// copyInto copies a file, and makes the folder that it goes to.
func copyInto(to, from string) (n int64, err error) {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return 0, err
	}
	in, err := wholefile.Open(from)
	if err != nil {
		return 0, err
	}
	defer in.Close() //nolint:errcheck // only read from
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	return io.Copy(out, in)
}

// Baseline is the run that is kept. It is an error where there is none.
func (a App) Baseline() (Baseline, error) {
	home, err := a.baselineHome()
	if err != nil {
		return Baseline{}, err
	}
	return readBaseline(home)
}

func readBaseline(home string) (Baseline, error) {
	text, err := wholefile.ReadFile(filepath.Join(home, baselineFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Baseline{}, fail.Input("there is no baseline").WithHint("keep one: stellar baseline set RUN")
	}
	if err != nil {
		return Baseline{}, fmt.Errorf("read the baseline: %w", err)
	}
	var kept Baseline
	if err := json.Unmarshal(text, &kept); err != nil {
		return Baseline{}, fail.Input("%s cannot be read: %w", filepath.Join(home, baselineFile), err).
			WithHint("keep another one: stellar baseline set RUN")
	}
	kept.Dir = filepath.Join(home, filepath.Base(kept.Dir)) // the state directory may have been moved
	return kept, nil
}

// ClearBaseline removes the baseline, and says whether there was one.
func (a App) ClearBaseline() (bool, error) {
	home, err := a.baselineHome()
	if err != nil {
		return false, err
	}
	err = os.Remove(filepath.Join(home, baselineFile)) // first: without it there is none, whatever else is left
	was := err == nil
	if was || errors.Is(err, fs.ErrNotExist) {
		err = os.RemoveAll(home)
	}
	if err != nil {
		return false, fmt.Errorf("remove the baseline: %w", err)
	}
	return was, nil
}

func (a App) baselineHome() (string, error) {
	state, err := run.StateDir(a.Getenv)
	if err != nil {
		return "", fail.Input("%w", err)
	}
	return filepath.Join(state, baselineFolder), nil
}

// openCompared is OpenRun, with the baseline by its word where nothing else has that name.
func (a App) openCompared(path string) (*OpenedRun, error) {
	if _, err := os.Lstat(path); path != BaselineWord || !errors.Is(err, fs.ErrNotExist) {
		return a.OpenRun(path)
	}
	kept, err := a.Baseline()
	if err != nil {
		return nil, err
	}
	return &OpenedRun{Name: fmt.Sprintf("%s (%s)", BaselineWord, kept.ID), Dir: kept.Dir}, nil
}
