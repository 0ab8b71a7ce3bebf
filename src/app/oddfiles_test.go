package app_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// readers are the commands that read a run.
func readers(w app.App) map[string]func(ctx context.Context, dir string) error {
	return map[string]func(ctx context.Context, dir string) error{
		"report": func(ctx context.Context, dir string) error { _, err := w.Report(ctx, dir); return err },
		"compare": func(ctx context.Context, dir string) error {
			_, err := w.Compare(ctx, []string{dir, dir})
			return err
		},
		"export": func(ctx context.Context, dir string) error {
			return w.Export(ctx, dir, app.Export{Format: app.ExportJSON}, io.Discard)
		},
		"statistics": func(ctx context.Context, dir string) error {
			return w.Export(ctx, dir, app.Export{Format: app.ExportCSV, Table: app.TableStatistics}, io.Discard)
		},
		"archive": func(ctx context.Context, dir string) error {
			_, err := w.Archive(ctx, dir, app.ArchiveOptions{File: filepath.Join(filepath.Dir(dir), "a.zip")})
			return err
		},
		"baseline": func(ctx context.Context, dir string) error { _, err := w.SetBaseline(ctx, dir); return err },
		"history": func(ctx context.Context, dir string) error {
			_, err := w.History(ctx, filepath.Dir(dir), app.HistoryOptions{})
			return err
		},
	}
}

// kinds replace a file by something that is no regular file, or by none that can be parsed.
var kinds = map[string]func(path string) error{
	"a named pipe":          func(path string) error { return syscall.Mkfifo(path, 0o600) },
	"a folder":              func(path string) error { return os.Mkdir(path, 0o755) },
	"an endless device":     func(path string) error { return os.Symlink("/dev/zero", path) },
	"a link to a pipe":      func(path string) error { return os.Symlink("pipe", path) },
	"a link to itself":      func(path string) error { return os.Symlink(filepath.Base(path), path) },
	"an empty file":         func(path string) error { return os.WriteFile(path, nil, 0o600) },
	"a file that is sparse": func(path string) error { return sparse(path) },
}

func sparse(path string) error {
	return errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 1<<34))
}

// Whatever is in the place of a file of a run, each command that reads the file ends, with exit code 2.
func TestOddFilesOfARun(t *testing.T) {
	reads := map[string][]string{ // what is not here reads something else, or says why a run has no values
		run.RecordFile: {"report", "compare", "export", "statistics", "archive", "baseline", "history"},
		filepath.Join("0-x", study.LatenciesFile): {"report", "compare", "export", "archive", "baseline"},
		filepath.Join("0-x", sample.CmdsFile):     {"report", "baseline", "archive"}, // as each table of a study
		"statistics.csv":                          {"statistics"},
	}
	for file, commands := range reads {
		for kind, replace := range kinds {
			for _, command := range commands {
				t.Run(filepath.Base(file)+", "+kind+", "+command, func(t *testing.T) {
					t.Parallel()
					var log lab.Log
					home := t.TempDir()
					w := lab.App(home, map[string]string{"HOME": home}, nil, &log)
					dir := recordedRun(t, map[string]float64{"a": 10}, nil)
					path := filepath.Join(dir, file)
					if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
						t.Fatal(err)
					}
					must(t, syscall.Mkfifo(filepath.Join(filepath.Dir(path), "pipe"), 0o600))
					must(t, replace(path))
					if strings.HasSuffix(file, sample.CmdsFile) && strings.Contains(kind, "file") {
						return // what is in it is the study's to judge
					}
					if err := readers(w)[command](t.Context(), dir); fail.Code(err) != fail.CodeInput {
						t.Errorf("%v", err)
					}
				})
			}
		}
	}
}

// What is no file is not replaced by an output, and an archive has every file of the run or is not made.
func TestOddOutputs(t *testing.T) {
	var log lab.Log
	home := t.TempDir()
	w := lab.App(home, map[string]string{"HOME": home}, nil, &log)
	dir := recordedRun(t, map[string]float64{"a": 10}, nil)
	pipe := filepath.Join(home, "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	found, err := w.Compare(t.Context(), []string{dir, dir})
	must(t, err)
	for name, write := range map[string]func() error{
		"compare": func() error { return w.WriteComparisonPage(pipe, found) },
		"history": func() error {
			_, err := w.History(t.Context(), filepath.Dir(dir), app.HistoryOptions{Page: pipe})
			return err
		},
		"export": func() error {
			return w.ExportFile(t.Context(), dir, app.Export{Format: app.ExportJSON}, pipe)
		},
		"report": func() error {
			_, err := w.ReportAll(t.Context(), []string{dir, dir}, pipe)
			return err
		},
	} {
		if err := write(); fail.Code(err) != fail.CodeInput {
			t.Errorf("%s: %v", name, err)
		}
	}
	if info, err := os.Lstat(pipe); err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		t.Errorf("the pipe was replaced: %v, %v", info, err)
	}
}

// An archive without a file of the run is not made in silence: a link is not followed, since it may lead to anything.
func TestArchiveOfLinks(t *testing.T) {
	var log lab.Log
	home := t.TempDir()
	w := lab.App(home, map[string]string{"HOME": home}, nil, &log)
	for _, name := range []string{filepath.Join("0-x", study.LatenciesFile), "statistics.csv"} {
		dir := recordedRun(t, map[string]float64{"a": 10}, nil)
		elsewhere, path := filepath.Join(t.TempDir(), "rows"), filepath.Join(dir, name)
		if err := os.Rename(path, elsewhere); err != nil {
			must(t, os.WriteFile(elsewhere, nil, 0o600))
		}
		must(t, os.Symlink(elsewhere, path))
		file := filepath.Join(home, "a.zip")
		_, err := w.Archive(t.Context(), dir, app.ArchiveOptions{File: file})
		if fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), name+" is a link") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(file); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: an archive was made", name)
		}
	}
}
