package app_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// homeApp is an App in a home of its own, with a folder of its own for scratch, where no Docker Engine answers.
func homeApp(t *testing.T, log *lab.Log) (w app.App, home, index string) {
	t.Helper()
	home = t.TempDir()
	t.Setenv("TMPDIR", t.TempDir())
	w = lab.App(home, map[string]string{"HOME": home, "DOCKER_HOST": "unix://" + home + "/none.sock"}, nil, log)
	index = filepath.Join(home, ".local", "state", "stellar", "runs")
	if err := os.MkdirAll(index, 0o755); err != nil {
		t.Fatal(err)
	}
	return w, home, index
}

// died makes a run that died with its scratch folder there.
func died(t *testing.T, w app.App) *run.Run {
	t.Helper()
	loaded, err := experiment.Parse("x.json", []byte(`{"Provider":"http://127.0.0.1:9",
		"SubExperiments":[{"Bursts":1}]}`), vendors.Known())

	if err != nil {
		t.Fatal(err)
	}
	r, err := run.Create(w.Deps, w.Output, loaded.Experiment, w.Output)
	if err == nil {
		err = r.Remember()
	}
	if err == nil {
		_, err = r.Journal.Intend("folder", r.WorkDir, nil)
	}
	if err = errors.Join(err, os.MkdirAll(r.WorkDir, 0o700), r.Journal.Close()); err != nil {
		t.Fatal(err)
	}
	return r
}

// Whatever lies in the index of runs, the runs in it are cleaned; what is empty goes, what is no entry is named and
// stays.
func TestCleanGoesPastWhatIsNoEntry(t *testing.T) {
	var log lab.Log
	w, _, index := homeApp(t, &log)
	r := died(t, w)
	empty, foreign, folder := "20260101T000000Z-url-aaaa", "20260101T000000Z-url-bbbb", "20260101T000000Z-url-cccc"
	err := errors.Join(os.WriteFile(filepath.Join(index, empty), nil, 0o644),
		os.WriteFile(filepath.Join(index, "notes"), []byte("/tmp\n"), 0o644),
		os.WriteFile(filepath.Join(index, foreign), []byte("hello\n"), 0o644),
		os.Mkdir(filepath.Join(index, folder), 0o755))
	if err != nil {
		t.Fatal(err)
	}
	c, err := w.Clean(context.Background(), false)
	if !slices.Equal(c.Removed, []string{r.Dir}) || !slices.Equal(c.Gone, []string{empty}) || len(c.Foreign) != 3 {
		t.Errorf("cleaned %+v", c)
	}
	for _, id := range []string{foreign, folder} {
		if fail.Code(err) != fail.CodeLeftBehind || !strings.Contains(lab.Story(err), id) {
			t.Errorf("exit code %d, want 4 and a word about %s: %s", fail.Code(err), id, lab.Story(err))
		}
	}
	if !slices.ContainsFunc(c.Foreign, func(f string) bool {
		return strings.HasPrefix(f, filepath.Join(index, "notes"))
	}) {
		t.Errorf("foreign entries are %q", c.Foreign)
	}
	if err := errors.Join(os.Remove(filepath.Join(index, foreign)),
		os.Remove(filepath.Join(index, folder))); err != nil {
		t.Fatal(err)
	}
	c, err = w.Clean(context.Background(), false) // what is no run's may stay, and is nobody's failure
	if err != nil || len(c.Removed)+len(c.Gone) > 0 || len(c.Foreign) != 1 {
		t.Errorf("the second time: %+v, %s", c, lab.Story(err))
	}
	if list, err := w.ExistingFunctions(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("functions are %v, %v", list, err)
	}
}

// A journal with a torn line and a line of garbage is undone as far as it can be read, and the user hears of both.
func TestCleanUndoesADamagedJournal(t *testing.T) {
	var log lab.Log
	w, _, _ := homeApp(t, &log)
	r := died(t, w)
	path := filepath.Join(r.Dir, run.JournalFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.SplitAfter(string(text), "\n")
	damaged := all[0] + all[1][:30] + strings.Join(all[1:], "") + "garbage\n"
	if err := os.WriteFile(path, []byte(damaged), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := w.Clean(context.Background(), false)
	if err != nil || !slices.Equal(c.Removed, []string{r.Dir}) {
		t.Errorf("cleaned %+v: %s", c, lab.Story(err))
	}
	if _, err := os.Stat(r.WorkDir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the scratch folder is still there: %v", err)
	}
	for _, line := range []string{"line 2 is damaged: 1 entries",
		`line 3 is damaged: 0 entries of it were read, the rest is left out: "garbage"`} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("no word of %q:\n%s", line, log.String())
		}
	}
	if c, err := w.Clean(context.Background(), false); err != nil || len(c.Removed) > 0 {
		t.Errorf("the second time: %+v, %s", c, lab.Story(err))
	}
}
