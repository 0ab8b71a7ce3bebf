package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/analyze/change"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/report"
	"github.com/vhive-serverless/STeLLAR/src/report/page"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// Comparison is how runs differ from the first of them, one for each other run.
type Comparison struct {
	Runs   []report.Changed `json:"comparisons"`
	Checks []change.Check   `json:"limits,omitempty"`
	// a sentence for each sub-experiment that has other rows than its run's record counts
	Miscounted []string `json:"miscounted,omitempty"`
}

// ParseLimits reads limits; see change.ParseLimit.
func ParseLimits(texts []string) ([]change.Limit, error) {
	var out []change.Limit
	for _, text := range texts {
		limit, err := change.ParseLimit(text)
		if err != nil {
			return nil, fail.Input("--fail-on %w", err)
		}
		out = append(out, limit)
	}
	return out, nil
}

// Check checks limits, and enters what it finds. The error has the exit code of missed thresholds, and names those that
// were missed, without the reasons, which are printed with what was found; with strict, also those that could not be
// decided. With strict, rows that are missing are an error of bad input, which comes first.
func (c *Comparison) Check(limits []change.Limit, strict bool) error {
	missed := c.checkLimits(limits, strict)
	if !strict || len(c.Miscounted) == 0 {
		return missed
	}
	return errors.Join(fail.Input("the runs do not have the rows that were measured:\n%s",
		strings.Join(c.Miscounted, "\n")).WithHint("put the complete files back, or leave --strict out"), missed)
}

func (c *Comparison) checkLimits(limits []change.Limit, strict bool) error {
	var results []change.Result
	for _, r := range c.Runs {
		results = append(results, r.Result)
	}
	var missed, undecided []string // limits, each once; why is in the checks
	for _, limit := range limits {
		for _, check := range limit.Check(results) {
			c.Checks = append(c.Checks, check)
			switch {
			case check.State == change.Missed && !slices.Contains(missed, limit.Text):
				missed = append(missed, limit.Text)
			case check.State == change.Undecided && strict && !slices.Contains(undecided, limit.Text):
				undecided = append(undecided, limit.Text)
			}
		}
	}
	var words []string
	if len(missed) > 0 {
		words = append(words, "limits missed: "+strings.Join(missed, ", "))
	}
	if len(undecided) > 0 {
		words = append(words, "limits undecided, which --strict does not allow: "+strings.Join(undecided, ", "))
	}
	if len(words) == 0 {
		return nil
	}
	return fail.With(fail.CodeThreshold, "%s", strings.Join(words, "; "))
}

// Compare compares each run with the first one. A path is what OpenRun finds, or a latencies.csv of the original
// STeLLAR or a folder of them. Runs are only read.
func (a App) Compare(ctx context.Context, paths []string) (*Comparison, error) {
	if len(paths) < 2 {
		return nil, fail.Input("a comparison needs two runs or more, got %d", len(paths))
	}
	var all []compared
	for _, path := range paths {
		one, err := a.readCompared(ctx, path)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	out := &Comparison{}
	for _, one := range all {
		out.Miscounted = append(out.Miscounted, one.miscounted...)
	}
	var sides []change.Side
	for _, other := range all[1:] {
		pairs, onlyA, onlyB := experiment.MatchSubs(all[0].keys, other.keys)
		changed := report.Changed{Warnings: warnings(all[0], other), Differences: differences(all[0], other, pairs)}
		first := change.Side{Name: all[0].name, Alone: titles(all[0], onlyA)}
		second := change.Side{Name: other.name, Alone: titles(other, onlyB)}
		if len(pairs) == 0 {
			return nil, fail.Input("%s and %s have no sub-experiment in common", all[0].name, other.name).
				WithHint("sub-experiments belong together by their title, or by all their other keys; %s has %q, %s "+
					"has %q", first.Name, first.Alone, second.Name, second.Alone)
		}
		for _, p := range pairs {
			first.Subs = append(first.Subs, all[0].subs[p[0]])
			second.Subs = append(second.Subs, other.subs[p[1]])
		}
		sides = append(sides, first, second)
		out.Runs = append(out.Runs, changed)
	}
	for i, result := range change.Compare(sides...) {
		out.Runs[i].Result = result
	}
	return out, nil
}

// WriteComparisonPage writes a comparison as a page, over one that is there.
func (a App) WriteComparisonPage(path string, c *Comparison) error {
	if err := refuseOwn(path); err != nil {
		return err
	}
	shown := page.Changes{Version: a.Version, Runs: c.Runs, Checks: c.Checks}
	if err := wholefile.Replace(path, shown.Write); err != nil {
		return fail.Input("write the page: %w", err).WithHint("name another file with --html")
	}
	return nil
}

// compared is a run as it is compared.
type compared struct {
	name string
	rec  *run.Record // nil: it is another tool's
	own  experiment.Keys
	keys []experiment.Keys // of the sub-experiments that have results
	subs []change.Sub

	miscounted []string // sub-experiments with other rows than the record counts, each with the run's name
}

// readCompared reads the rows of a run.
func (a App) readCompared(ctx context.Context, path string) (out compared, err error) {
	opened, err := a.openCompared(path)
	if err != nil {
		return compared{}, err
	}
	defer func() { err = errors.Join(opened.Named(err), opened.Close()) }()
	out.name = opened.Name
	files, err := foreignFiles(opened.Dir)
	if err != nil {
		return compared{}, err
	}
	if len(files) > 0 {
		return out.readForeign(ctx, opened.Dir, files)
	}
	if out.rec, err = readReported(opened.Dir); err != nil {
		return compared{}, err
	}
	err = pipeline.CheckRows(opened.Dir, out.rec)
	if err != nil {
		return compared{}, err
	}
	own, keys, err := out.rec.Experiment.Keys()
	if err != nil {
		return compared{}, err
	}
	out.own = own
	for _, res := range out.rec.Results {
		file := filepath.Join(opened.Dir, res.Folder, study.LatenciesFile)
		sub, err := readRows(ctx, file, keys[res.SubExperiment].Title())
		if err != nil {
			return compared{}, err
		}
		sub.Stopped = res.Stopped
		if text := res.Miscounted(sub.Rows); text != "" {
			out.miscounted = append(out.miscounted, fmt.Sprintf("%s: %s: %s", out.name, sub.Title, text))
		}
		out.keys, out.subs = append(out.keys, keys[res.SubExperiment]), append(out.subs, sub)
	}
	return out, nil
}

// readForeign reads files of the original STeLLAR. Their folders are the titles.
func (c compared) readForeign(ctx context.Context, dir string, files []string) (compared, error) {
	for _, file := range files {
		title, err := filepath.Rel(dir, filepath.Dir(file))
		if err != nil || title == "." || title == ".." {
			title = filepath.Base(filepath.Dir(file))
		}
		sub, err := readRows(ctx, file, title)
		if err != nil {
			return c, err
		}
		c.keys, c.subs = append(c.keys, experiment.Titled(title)), append(c.subs, sub)
	}
	return c, nil
}

// readRows reads a latencies.csv. There is none where a sub-experiment stopped before its first row.
func readRows(ctx context.Context, file, title string) (change.Sub, error) {
	if err := ctx.Err(); err != nil {
		return change.Sub{}, err
	}
	f, err := wholefile.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return change.Sub{Title: title}, nil
	}
	if err != nil {
		return change.Sub{}, fmt.Errorf("read the recorded rows: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read from
	rows, err := sample.NewReader(f, file)
	if err != nil {
		return change.Sub{}, err
	}
	rows.OmitRequestIDs()
	c := change.NewCollector(title)
	if err := rows.Each(c.Add); err != nil {
		return change.Sub{}, err
	}
	return c.Sub()
}

func titles(c compared, subs []int) []string {
	var out []string
	for _, i := range subs {
		out = append(out, c.keys[i].Title())
	}
	return out
}

// differences are the keys in which two experiments differ. Of another tool's files nothing is known.
func differences(a, b compared, pairs [][2]int) []report.KeyDifference {
	if a.rec == nil || b.rec == nil {
		return nil
	}
	var out []report.KeyDifference
	add := func(where string, a, b experiment.Keys) {
		for key, values := range a.Differences(b) {
			out = append(out, report.KeyDifference{Where: where, Key: key, A: values[0], B: values[1]})
		}
	}
	add("", a.own, b.own)
	for _, p := range pairs {
		add(a.keys[p[0]].Title(), a.keys[p[0]], b.keys[p[1]])
	}
	return out
}

// warnings say what differs beside the experiment: the client, its version, and how the runs ended.
func warnings(a, b compared) []string {
	var out []string
	for _, c := range []compared{a, b} {
		out = append(out, c.miscounted...)
		switch {
		case c.rec == nil:
			out = append(out, c.name+" was made by the original STeLLAR or another tool: nothing is known of its "+
				"experiment and its client")
		case c.rec.Status == run.StatusRunning:
			out = append(out, c.name+" did not end as it should: its process was killed")
		case c.rec.Status != run.StatusDone && c.rec.Status != run.StatusKept:
			out = append(out, fmt.Sprintf("%s did not end as it should: its status is %q", c.name, c.rec.Status))
		}
	}
	if a.rec == nil || b.rec == nil {
		return out
	}
	if a.rec.ID == b.rec.ID {
		out = append(out, fmt.Sprintf("%s and %s are the same run, %s", a.name, b.name, a.rec.ID))
	}
	for _, f := range []struct{ what, a, b string }{
		{"versions of stellar", a.rec.Version, b.rec.Version},
		{"operating systems of the clients", a.rec.Host.OS + "/" + a.rec.Host.Arch,
			b.rec.Host.OS + "/" + b.rec.Host.Arch},
		{"kernels of the clients", a.rec.Host.Kernel, b.rec.Host.Kernel},
		{"processors of the clients", processor(a.rec.Host), processor(b.rec.Host)},
		{"MiB of memory of the clients", strconv.Itoa(a.rec.Host.MemMB), strconv.Itoa(b.rec.Host.MemMB)},
	} {
		if f.a != f.b {
			out = append(out, fmt.Sprintf("the %s differ: %s, and %s", f.what, f.a, f.b))
		}
	}
	return out
}

func processor(h run.Host) string { return fmt.Sprintf("%d x %s", h.CPUs, h.CPU) }
