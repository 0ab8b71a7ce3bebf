package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/archive"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// OpenedRun is a run that can be read. It must be closed.
type OpenedRun struct {
	Name    string // as the user named it
	Dir     string // what is read, absolute: the run's folder, or what else was named
	Archive string // path of its archive, from which Dir was unpacked; empty: it is a folder

	temporary string // removed by Close; empty: nothing is
}

// OpenRun finds the run that a path names: a run's folder, an archive, or the word latest, which is the newest run of
// the output folder where nothing else has that name. An archive is unpacked into a temporary folder, and its checksums
// are compared. What is none of these is left to the caller: Dir is then the path.
func (a App) OpenRun(path string) (*OpenedRun, error) {
	if path == "" {
		return nil, fail.Input("a run's name is empty").
			WithHint("name its folder or archive, or latest; in a script, see whether the variable is set")
	}
	dir := path
	if _, err := os.Lstat(path); path == run.LatestLink && errors.Is(err, fs.ErrNotExist) {
		dir = filepath.Join(a.Output, run.LatestLink)
		if _, err := os.Lstat(dir); errors.Is(err, fs.ErrNotExist) {
			return nil, fail.Input("%s has no run in it yet, so there is no latest one", a.Output).
				WithHint("name a run's folder, or the folder that runs are in with --output")
		}
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fail.Input("the run's folder: %w", err)
	}
	if !archive.Is(dir) {
		return &OpenedRun{Name: path, Dir: dir}, nil
	}
	return openArchive(path, dir, nil)
}

// openArchive unpacks an archive; keep selects its files, nil: all.
func openArchive(name, path string, keep func(string) bool) (*OpenedRun, error) {
	temporary, err := os.MkdirTemp("", "stellar-archive-")
	if err != nil {
		return nil, fmt.Errorf("unpack %s: %w", path, err)
	}
	o := &OpenedRun{Name: name, Dir: filepath.Join(temporary, archive.RunDir), Archive: path, temporary: temporary}
	if err := archive.Unpack(path, temporary, keep); err != nil {
		return nil, errors.Join(err, o.Close())
	}
	if _, err := os.Lstat(filepath.Join(o.Dir, run.RecordFile)); errors.Is(err, fs.ErrNotExist) {
		return nil, errors.Join(fail.Input("%s is no archive of a run: it has no %s/%s", path, archive.RunDir,
			run.RecordFile).WithHint("`stellar archive RUN` makes one"), o.Close())
	}
	return o, nil
}

// Named has an error about the run's files name the archive that they are in, rather than where they were unpacked.
func (o *OpenedRun) Named(err error) error {
	if err == nil || o.temporary == "" {
		return err
	}
	return &archiveError{err, strings.ReplaceAll(err.Error(), o.temporary, o.Name)}
}

// archiveError is an error with another text.
type archiveError struct {
	error
	text string
}

// Error gives the text.
func (e *archiveError) Error() string { return e.text }

// Unwrap gives the error, with its exit code and advice.
func (e *archiveError) Unwrap() error { return e.error }

// Close removes what was unpacked.
func (o *OpenedRun) Close() error {
	if o.temporary == "" {
		return nil
	}
	if err := os.RemoveAll(o.temporary); err != nil {
		return fmt.Errorf("remove the unpacked archive: %w", err)
	}
	return nil
}
