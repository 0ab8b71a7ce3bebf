package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/archive"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// ArchivedExperiment is the experiment of an archive, ready to be run again, and the run that the archive has. It must
// be closed.
type ArchivedExperiment struct {
	File    string // the effective experiment; what it names lies beside it
	Name    string // of that file for messages: the archive, then its path in it
	Run     *OpenedRun
	Options Options // the run's own: whether it deployed, endpoints, prices, the one sub-experiment that it ran
}

// IsArchive reports whether a path is that of an archive.
func IsArchive(path string) bool { return archive.Is(path) }

// OpenExperiment unpacks an archive to run its experiment again. The experiment and what it names go into the user's
// cache, under the archive's hash: a run's record names these files, and later commands on the run read them.
func OpenExperiment(path string, getenv func(string) string) (*ArchivedExperiment, error) {
	opened, err := openArchive(path, path, nil)
	if err != nil {
		return nil, err
	}
	x := &ArchivedExperiment{Name: filepath.Join(path, archive.InputDir, archive.Experiment), Run: opened,
		Options: Options{Only: -1, Serverless: true}}
	if err := x.fill(path, getenv); err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return x, nil
}

// Close removes what was unpacked of the run.
func (x *ArchivedExperiment) Close() error { return x.Run.Close() }

func (x *ArchivedExperiment) fill(path string, getenv func(string) string) error {
	rec, err := run.ReadRecord(x.Run.Dir)
	if err != nil {
		return fail.Input("%s: %w", path, x.Run.Named(err))
	}
	if err := pipeline.CheckResults(x.Run.Dir, rec); err != nil {
		return x.Run.Named(err)
	}
	dir, err := keepExperiment(path, getenv)
	if err != nil {
		return err
	}
	x.File = filepath.Join(dir, archive.Experiment)
	if _, err := os.Lstat(x.File); errors.Is(err, fs.ErrNotExist) {
		return fail.Input("%s is no archive of a run: it has no %s/%s", path, archive.InputDir, archive.Experiment).
			WithHint("`stellar archive RUN` makes one")
	}
	for _, in := range rec.Inputs {
		file := filepath.Join(dir, in.Key+filepath.Ext(in.Path))
		switch in.Key {
		case inputEndpoints:
			x.Options.Serverless, x.Options.Endpoints = false, file
		case inputPrices:
			x.Options.Prices = file
		}
	}
	if n := len(rec.Results); n == 1 && len(rec.Experiment.SubExperiments) > 1 && rec.Status == run.StatusDone {
		x.Options.Only = rec.Results[0].SubExperiment
	}
	return nil
}

// keepExperiment unpacks the experiment of an archive into the cache, and gives its folder. One that is there is used
// again if it is whole.
func keepExperiment(path string, getenv func(string) string) (string, error) {
	cache, err := run.CacheDir(getenv)
	if err != nil {
		return "", fail.Input("%w", err)
	}
	sum, err := archive.HashFile(path)
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	all := filepath.Join(cache, "archives")
	if err := os.MkdirAll(all, 0o755); err != nil {
		return "", fail.Input("make the folder of unpacked archives: %w", err).WithHint("set STELLAR_CACHE_DIR")
	}
	pruneArchives(all, time.Now())
	dir, err := os.MkdirTemp(all, unpackingPrefix)
	if err != nil {
		return "", fmt.Errorf("unpack %s: %w", path, err)
	}
	keep := func(name string) bool { return strings.HasPrefix(name, archive.InputDir+"/") }
	to := filepath.Join(all, sum[:16])
	if err = archive.Unpack(path, dir, keep); err == nil {
		err = markUsed(dir)
	}
	if err == nil {
		err = replaceFolder(dir, to)
	}
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(dir))
	}
	return filepath.Join(to, archive.InputDir), nil
}

// Names and ages of what is unpacked into the cache. They are those of builds.
const (
	unpackingPrefix = ".unpacking-"
	archiveUnused   = 30 * 24 * time.Hour // one that no command has opened for so long is removed
	archiveUnmade   = 24 * time.Hour      // what a killed process left half unpacked
)

// markUsed notes that an unpacked archive is used now: its checksums have the time of the last use.
func markUsed(dir string) error {
	now := time.Now()
	return os.Chtimes(filepath.Join(dir, archive.SumsFile), now, now)
}

// pruneArchives removes unpacked archives that no command has opened for a month, and what killed processes left. What
// cannot be removed stays: it only takes space.
func pruneArchives(all string, now time.Time) {
	entries, err := os.ReadDir(all)
	if err != nil {
		return
	}
	for _, e := range entries {
		dir, most := filepath.Join(all, e.Name()), archiveUnused
		info, err := os.Stat(filepath.Join(dir, archive.SumsFile))
		if strings.HasPrefix(e.Name(), unpackingPrefix) {
			info, err = e.Info()
			most = archiveUnmade
		}
		if err == nil && now.Sub(info.ModTime()) > most {
			_ = os.RemoveAll(dir)
		}
	}
}

// replaceFolder moves a folder to where an older one of the same content may be, which another process may be using.
func replaceFolder(from, to string) error {
	_ = markUsed(to) // before it is looked at, so that no other process removes it as unused
	if changed, err := archive.Changed(to); err == nil && len(changed) == 0 {
		return os.RemoveAll(from)
	}
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	err := os.Rename(from, to)
	if errors.Is(err, fs.ErrExist) { // another process was faster
		return os.RemoveAll(from)
	}
	return err
}
