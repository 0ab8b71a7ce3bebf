package app

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/analyze/history"
	"github.com/vhive-serverless/STeLLAR/src/archive"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/report/page"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// Names of files in a history's folder.
const (
	HistoryFile      = "history.html"
	AcknowledgedFile = "acknowledged.json"
	statisticsFile   = "statistics.csv"
)

// HistoryOptions say which history is made, and what is done with it.
type HistoryOptions struct {
	Page     string  // path of the page; empty: HistoryFile in the folder
	Of       string  // id of a run of the experiment; empty: that of the newest run
	Smallest float64 // share under which a change is not told
	// why all changes to the worse that are there are known from now on; empty: they are not
	Acknowledge string
}

// HistoryOutcome is the history of an experiment.
type HistoryOutcome struct {
	history.History
	Experiment string    `json:"experiment"` // its fingerprint
	Page       string    `json:"page"`
	LeftOut    []LeftOut `json:"left_out"`
	// changes that were acknowledged now
	Acknowledged []history.Acknowledgement `json:"acknowledged"`
}

// past is a run as it was found in a history's folder.
type past struct {
	history.Run
	path        string // in the folder
	essence     experiment.Essence
	fingerprint string
	provider    string
}

// History follows the runs of one experiment in a folder, and writes a page of them. The runs are folders of the
// folder, or of folders of it, and archives in those places. Of each, its record and statistics
// are read, and rows where there are not too many.
func (a App) History(ctx context.Context, dir string, o HistoryOptions) (*HistoryOutcome, error) {
	all, leftOut, err := a.pastRuns(ctx, dir)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, noRuns(dir, leftOut)
	}
	newest, err := chosen(all, o.Of)
	if err != nil {
		return nil, err
	}
	out := &HistoryOutcome{Experiment: newest.fingerprint, LeftOut: leftOut,
		Page: cmp.Or(o.Page, filepath.Join(dir, HistoryFile))}
	var runs []history.Run
	for _, p := range all {
		if p.fingerprint != newest.fingerprint {
			out.LeftOut = append(out.LeftOut, otherExperiment(p, newest))
			continue
		}
		runs = append(runs, p.Run)
	}
	known, err := readAcknowledged(dir)
	if err != nil {
		return nil, err
	}
	own := slices.DeleteFunc(slices.Clone(known), func(k history.Acknowledgement) bool {
		return k.Experiment != newest.fingerprint
	})
	how := history.Options{Smallest: o.Smallest, Acknowledged: own}
	out.History = history.New(runs, how)
	if o.Acknowledge != "" {
		out.Acknowledged = out.Unacknowledged(newest.fingerprint, o.Acknowledge)
		if err := writeAcknowledged(dir, append(known, out.Acknowledged...)); err != nil {
			return nil, err
		}
		how.Acknowledged = append(how.Acknowledged, out.Acknowledged...)
		out.History = history.New(runs, how)
	}
	return out, a.writeHistory(newest.provider, out)
}

// chosen is the newest run, or the one with an id.
func chosen(all []past, id string) (past, error) {
	if id == "" {
		return slices.MaxFunc(all, func(a, b past) int { return a.Started.Compare(b.Started) }), nil
	}
	i := slices.IndexFunc(all, func(p past) bool { return p.ID == id || p.path == id })
	if i < 0 {
		return past{}, fail.Input("no run here has the id %q", id).WithHint("the ids are the names of runs' folders")
	}
	return all[i], nil
}

// pastRuns reads the runs of a folder. A run that is there twice, as a folder and as an archive, counts once.
func (a App) pastRuns(ctx context.Context, dir string) ([]past, []LeftOut, error) {
	paths, err := runsBelow(dir)
	if err != nil {
		return nil, nil, err
	}
	var all []past
	var leftOut []LeftOut
	seen := map[string]bool{}
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		p, kind, err := a.pastRun(ctx, dir, path)
		out := LeftOut{Path: path, Kind: kind, Why: kind}
		switch {
		case err != nil:
			out.Kind, out.Why = leftUnread, err.Error()
			out.Short = strings.ReplaceAll(out.Why, filepath.Join(dir, path)+string(filepath.Separator), "")
		case kind == "" && seen[p.ID]:
			out.Kind, out.Why, out.Short = leftTwice, "the run "+p.ID+" is here twice", p.ID
		}
		if out.Kind != "" {
			leftOut = append(leftOut, out)
			continue
		}
		seen[p.ID] = true
		all = append(all, p)
	}
	return all, leftOut, nil
}

// runsBelow are the folders of runs and the archives in a folder and in folders of it, folders first.
func runsBelow(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fail.Input("the folder of runs: %w", err).
			WithHint("name the folder that runs' folders are in, such as latency-samples")
	}
	if isRun(dir) {
		return nil, fail.Input("%s is the folder of one run", dir).
			WithHint("name the folder that it is in: %s", filepath.Dir(dir))
	}
	var folders, archives []string
	add := func(path string, e fs.DirEntry) (isFolder bool) {
		switch full := filepath.Join(dir, path); {
		case e.IsDir() && isRun(full):
			folders = append(folders, path)
		case e.IsDir():
			return true
		case e.Type().IsRegular() && strings.HasSuffix(path, ".zip") && archive.Is(full):
			archives = append(archives, path)
		}
		return false
	}
	for _, e := range entries {
		if !add(e.Name(), e) {
			continue
		}
		inner, err := os.ReadDir(filepath.Join(dir, e.Name()))
		if err != nil {
			continue // nothing of ours
		}
		for _, i := range inner {
			add(filepath.Join(e.Name(), i.Name()), i)
		}
	}
	return append(folders, archives...), nil
}

func isRun(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, run.RecordFile))
	return err == nil
}

// pastRun reads a run; kind says why it is left out, empty: it is not.
func (a App) pastRun(ctx context.Context, dir, path string) (p past, kind string, err error) {
	p.path = path
	full := filepath.Join(dir, path)
	if archive.Is(full) {
		var opened *OpenedRun
		opened, err = openPast(path, full)
		if err != nil {
			return p, "", err
		}
		defer func() { err = errors.Join(opened.Named(err), opened.Close()) }()
		full = opened.Dir
	} else if readableFile(filepath.Join(full, page.File)) {
		p.Page = filepath.Join(full, page.File)
	}
	rec, err := run.ReadRecord(full)
	if err != nil {
		return p, "", err
	}
	if rec.Experiment == nil || rec.Started.IsZero() {
		return p, leftEmpty, nil
	}
	if rec.Status == run.StatusRunning && run.Live(full) {
		return p, leftRunning, nil
	}
	if rec.Status == run.StatusKept && len(rec.Results) == 0 {
		return p, leftDeployed, nil
	}
	if p.essence, err = rec.Experiment.Essence(); err != nil {
		return p, "", err
	}
	p.fingerprint, p.provider = p.essence.Fingerprint(), rec.Experiment.Provider
	p.ID, p.Started, p.Facts = cmp.Or(rec.ID, path), rec.Started, pastFacts(rec)
	p.Failed = failedWords(rec)
	if p.Failed == "" {
		if p.Subs, err = pastSubs(full, rec); err != nil {
			p.Failed = err.Error()
		} else if err := respectBursts(ctx, full, rec, p.Subs); err != nil {
			return p, "", err
		}
	}
	return p, "", nil
}

func readableFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

// failedWords say why a run has no values; empty: it has.
func failedWords(rec *run.Record) string {
	switch rec.Status {
	case run.StatusDone, run.StatusPartial, run.StatusKept:
		return ""
	case run.StatusRunning:
		return "its process was killed"
	}
	if rec.Error != "" {
		return rec.Status + ": " + rec.Error
	}
	return rec.Status
}

// pastFacts are what a run was measured with, and what can change its latencies although the experiment is the same.
func pastFacts(rec *run.Record) []history.Fact {
	hash := sha256.New()
	packages := 0
	for _, f := range rec.Functions {
		if f.PackageSHA256 != "" {
			packages++
			fmt.Fprintln(hash, f.PackageSHA256)
		}
	}
	sum := "–"
	if packages > 0 {
		sum = hex.EncodeToString(hash.Sum(nil))[:12]
	}
	return []history.Fact{{Name: "stellar", Value: rec.Version}, {Name: "client", Value: client(rec.Host)},
		{Name: "packages", Value: sum}}
}

// pastSubs are the sub-experiments of a run, as its statistics have them.
func pastSubs(dir string, rec *run.Record) ([]history.Sub, error) {
	text, err := wholefile.ReadFile(filepath.Join(dir, statisticsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("it has no statistics.csv, which `stellar report` writes")
	}
	if err != nil {
		return nil, fmt.Errorf("read its statistics: %w", err)
	}
	rows, err := analyze.ReadCSV(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	out := make([]history.Sub, len(rec.Experiment.SubExperiments))
	for i := range out {
		out[i] = history.Sub{Title: rec.Experiment.SubExperiments[i].Title, Failed: "it has no row in statistics.csv"}
	}
	for _, s := range rows {
		if s.Index < len(out) {
			out[s.Index].Stats, out[s.Index].Failed = s, ""
		}
	}
	for _, res := range rec.Results {
		i := res.SubExperiment
		if i < 0 || i >= len(out) {
			continue
		}
		// The table does not say how many rows of warm-up there were.
		known := out[i].Failed == "" && rec.Experiment.SubExperiments[i].WarmupBursts == 0
		if n := out[i].Stats.Rows(); known && n != res.Rows {
			out[i].Failed = fmt.Sprintf("its statistics are of %d rows, but %s counts %d", n, run.RecordFile, res.Rows)
		}
		if res.Stopped != "" {
			out[i].Failed = res.Stopped
		}
	}
	return out, nil
}

// readAcknowledged reads the changes that are known.
func readAcknowledged(dir string) ([]history.Acknowledgement, error) {
	path := filepath.Join(dir, AcknowledgedFile)
	text, err := wholefile.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fail.Input("the acknowledged changes: %w", err)
	}
	var known []history.Acknowledgement
	if err := json.Unmarshal(text, &known); err != nil {
		return nil, fail.Input("%s: %w", path, err).
			WithHint("--acknowledge writes it; without the file no change is acknowledged")
	}
	return known, nil
}

func writeAcknowledged(dir string, known []history.Acknowledgement) error {
	err := wholefile.Replace(filepath.Join(dir, AcknowledgedFile), func(w io.Writer) error {
		to := json.NewEncoder(w)
		to.SetIndent("", "  ")
		return to.Encode(known)
	})
	if err != nil {
		return fmt.Errorf("write the acknowledged changes: %w", err)
	}
	return nil
}

// writeHistory writes the page.
func (a App) writeHistory(provider string, out *HistoryOutcome) error {
	at, err := filepath.Abs(out.Page)
	if err != nil {
		return fmt.Errorf("the page's path: %w", err)
	}
	shown := page.History{Version: a.Version, History: out.History, Written: a.Now().UTC().Truncate(time.Second),
		Provider: provider}
	for i := range shown.Runs {
		if shown.Runs[i].Page == "" {
			continue
		}
		from, err := filepath.Abs(shown.Runs[i].Page)
		if err == nil {
			from, err = filepath.Rel(filepath.Dir(at), from)
		}
		if err != nil { // on another drive
			from = ""
		}
		shown.Runs[i].Page = filepath.ToSlash(from)
	}
	for _, l := range out.LeftOut {
		shown.LeftOut = append(shown.LeftOut, page.Fact{Name: l.Path, Value: l.Why})
	}
	if err := refuseOwn(at); err != nil {
		return err
	}
	if err := wholefile.Replace(at, shown.Write); err != nil {
		return fail.Input("write the page: %w", err).WithHint("name another file with --page")
	}
	return nil
}
