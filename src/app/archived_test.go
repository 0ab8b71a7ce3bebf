package app

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/archive"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// An archive whose record has no experiment, or results of none of its sub-experiments, is refused. Its checksums are
// right: anybody can make such a file.
func TestOpenExperimentChecksTheRecord(t *testing.T) {
	home := func(name string) string {
		return map[string]string{"STELLAR_CACHE_DIR": t.TempDir()}[name]
	}
	for name, record := range map[string]string{
		"no experiment": `{"id": "x", "status": "done", "results": [{"subExperiment": 0, "folder": "a"}]}`,
		"no such sub-experiment": `{"id": "x", "status": "done", "results": [{"subExperiment": -1, "folder": "a"}],
			"experiment": {"Provider": "url", "Seed": 1, "SubExperiments": [{"Title": "a"}, {"Title": "b"}]}}`,
		"no such function": `{"id": "x", "status": "done", "results": [{"subExperiment": 0, "folder": "a"}],
			"functions": [{"subExperiment": -1}],
			"experiment": {"Provider": "url", "Seed": 1, "SubExperiments": [{"Title": "a"}]}}`,
	} {
		path := archivedRecord(t, record)
		x, err := OpenExperiment(path, home)
		if fail.Code(err) != fail.CodeInput || !strings.HasPrefix(err.Error(), path) {
			t.Errorf("%s: %+v, %v; want an error of bad input that names the archive", name, x, err)
		}
		if _, err := (App{}).Compare(t.Context(), []string{path, path}); fail.Code(err) != fail.CodeInput ||
			!strings.HasPrefix(err.Error(), path) {
			t.Errorf("%s: compared: %v; want an error of bad input that names the archive", name, err)
		}
	}
}

// An archive without a record, or without an experiment, is refused by its name.
func TestArchivesThatAreNotWhole(t *testing.T) {
	cache := t.TempDir()
	getenv := func(string) string { return cache }
	record := archive.File{Name: archive.RunDir + "/run.json", Text: []byte(`{"id": "x",
		"experiment": {"Provider": "url", "Seed": 1, "SubExperiments": [{"Title": "a"}]}}`)}
	input := archive.File{Name: archive.InputDir + "/" + archive.Experiment, Text: []byte(`{}`)}
	for name, one := range map[string]archive.File{"run/run.json": input, "experiment/effective.json": record} {
		path := writtenArchive(t, one)
		_, err := OpenExperiment(path, getenv)
		if want := path + " is no archive of a run: it has no " + name; err == nil || err.Error() != want ||
			fail.Code(err) != fail.CodeInput {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// writtenArchive is the path of an archive of files.
func writtenArchive(t *testing.T, files ...archive.File) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x"+archive.Extension)
	f, err := os.Create(path)
	if err == nil {
		err = errors.Join(archive.Write(f, files), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// archivedRecord is the path of an archive with a record and an empty experiment.
func archivedRecord(t *testing.T, record string) string {
	t.Helper()
	return writtenArchive(t, archive.File{Name: archive.RunDir + "/run.json", Text: []byte(record)},
		archive.File{Name: archive.InputDir + "/" + archive.Experiment, Text: []byte(`{}`)})
}

// TestUnpackedArchivesAreRemoved: an archive that is opened takes those away that nobody has opened for a month, and
// what was left half unpacked a day ago. Its own folder is used again, and stays.
func TestUnpackedArchivesAreRemoved(t *testing.T) {
	cache := t.TempDir()
	getenv := func(name string) string { return map[string]string{"STELLAR_CACHE_DIR": cache}[name] }
	path := archivedRecord(t, `{"id": "x",
		"experiment": {"Provider": "url", "Seed": 1, "SubExperiments": [{"Title": "a"}]}}`)
	open := func() string {
		t.Helper()
		x, err := OpenExperiment(path, getenv)
		if err != nil || x.Close() != nil {
			t.Fatal(err)
		}
		return filepath.Dir(filepath.Dir(x.File))
	}
	own := open()
	age := func(days int, path ...string) {
		t.Helper()
		then := time.Now().Add(-time.Duration(days) * 24 * time.Hour)
		if err := os.Chtimes(filepath.Join(path...), then, then); err != nil {
			t.Fatal(err)
		}
	}
	for name, days := range map[string]int{"old": 31, "new": 29, ".unpacking-1": 2, ".unpacking-2": 0} {
		dir := filepath.Join(filepath.Dir(own), name)
		if err := os.CopyFS(dir, os.DirFS(own)); err != nil {
			t.Fatal(err)
		}
		age(days, dir, archive.SumsFile)
		age(days, dir)
	}
	age(29, own, archive.SumsFile)
	if again := open(); again != own {
		t.Errorf("unpacked to %s, then to %s", own, again)
	}
	age(31, filepath.Dir(own), "new", archive.SumsFile)
	open()
	var left []string
	entries, err := os.ReadDir(filepath.Dir(own))
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if want := []string{".unpacking-2", filepath.Base(own)}; err != nil || !slices.Equal(left, want) {
		t.Errorf("left are %q (%v), want %q", left, err, want)
	}
	info, err := os.Stat(filepath.Join(own, archive.SumsFile))
	if err != nil || time.Since(info.ModTime()) > time.Hour {
		t.Errorf("its use was not noted: %v", err)
	}
}
