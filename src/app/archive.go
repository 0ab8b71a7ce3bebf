package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/archive"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/generate"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/study"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// ArchiveOptions are what the user says of an archive.
type ArchiveOptions struct {
	File    string   // where it goes; empty: the run's id with the extension of archives, here
	Authors []string // for the citation, each as "Given Family"
	Public  []string // variables of the environment whose values are no secret
}

// Archived is an archive that was made.
type Archived struct {
	File  string   `json:"file"`
	Bytes int64    `json:"bytes"`
	Files int      `json:"files"`
	Notes []string `json:"notes,omitempty"` // what could not be made sure of
}

// Archive writes one file with a run and all that it needs to be run again: its folder without what belongs to this
// machine, the effective experiment, and the files that it names. A file of theirs that has changed since the run, and
// a file in which a value of the environment would be given away, are errors of bad input, and nothing is written.
func (a App) Archive(ctx context.Context, name string, opts ArchiveOptions) (*Archived, error) {
	opened, err := a.OpenRun(name)
	if err != nil {
		return nil, err
	}
	defer opened.Close() //nolint:errcheck // a temporary folder
	if opened.Archive != "" {
		return nil, fail.Input("%s is an archive already", opened.Archive).WithHint("copy the file")
	}
	rec, err := readReported(opened.Dir)
	if err != nil {
		return nil, err
	}
	if err := pipeline.CheckRows(opened.Dir, rec); err != nil {
		return nil, err
	}
	made := &Archived{File: opts.File}
	if made.File == "" {
		made.File = rec.ID + archive.Extension
	}
	if _, err := os.Lstat(made.File); err == nil {
		return nil, fail.Input("%s exists already", made.File).WithHint("name another file with -o")
	}
	if err := made.noteRows(ctx, opened.Dir, rec); err != nil {
		return nil, err
	}
	files, err := a.archiveFiles(opened.Dir, rec, made)
	if err != nil {
		return nil, err
	}
	files = append(files, archive.File{Name: citationFile, Text: citation(rec, opts.Authors)},
		archive.File{Name: "README.txt", Text: readme(rec)})
	if err := a.checkSecrets(ctx, rec.Experiment, opts.Public, files, made); err != nil {
		return nil, err
	}
	made.noteLiterals(rec.Experiment)
	made.Files = len(files)
	made.Bytes, err = writeArchive(made.File, files)
	return made, err
}

// archiveFiles are the files of the run's folder and of its inputs.
func (a App) archiveFiles(dir string, rec *run.Record, made *Archived) ([]archive.File, error) {
	files, err := runFiles(dir)
	if err != nil {
		return nil, err
	}
	a = a.as(rec)
	all, errs := a.inputs(rec.Experiment, rec.BaseDir)
	for _, in := range all {
		note, err := checkInput(rec, in)
		errs = append(errs, err)
		if note != "" {
			made.Notes = append(made.Notes, note)
		}
	}
	if err := errors.Join(errs...); err != nil {
		if fail.Code(err) == fail.CodeInput {
			return nil, err
		}
		return nil, fail.Input("what the experiment names is not there any more: %w", err).
			WithHint("put it back, or run the experiment again and archive that run")
	}
	names := map[experiment.Input]string{}
	for i, in := range all {
		base := inputName(rec.BaseDir, i, in)
		names[experiment.Input{Key: in.Key, Name: in.Name}] = base
		files = append(files, in.archived(base)...)
		beside, err := readBeside(rec, in, base, made)
		if err != nil {
			return nil, err
		}
		files = append(files, beside...)
	}
	moved, err := rec.Experiment.Moved(func(in experiment.Input) string {
		base, is := names[in]
		if !is || in.Key == experiment.InputFunction && ("raw-code/"+in.Name == base || in.Name == base) {
			return in.Name // stellar's own, or found by its bare name
		}
		return "./" + base // which is no name of stellar's own, and a path where a word may stand, too
	})
	if err != nil {
		return nil, err
	}
	text, err := moved.MarshalEffective()
	files = append(files, archive.File{Name: path.Join(archive.InputDir, archive.Experiment), Text: text})
	return distinctFiles(files), err
}

// archived are the files of an input, below its place in the archive's experiment.
func (in input) archived(place string) (files []archive.File) {
	for _, f := range in.files {
		one := archive.File{Name: path.Join(archive.InputDir, place), Path: f.Path, Exec: f.Exec}
		if in.folder {
			one.Name = path.Join(one.Name, f.Rel)
		}
		files = append(files, one)
	}
	return files
}

// readBeside are the files that the builds of a function read outside of its folder. They keep their place beside it.
func readBeside(rec *run.Record, in input, place string, made *Archived) (files []archive.File, err error) {
	for _, f := range rec.Functions {
		if in.Key != experiment.InputFunction || f.SubExperiment >= len(rec.Experiment.SubExperiments) ||
			rec.Experiment.SubExperiments[f.SubExperiment].Function != in.Name {
			continue
		}
		build := buildOf(rec, f.Build)
		for _, at := range build.Reads {
			rel, err := filepath.Rel(in.Path, at)
			to := path.Join(place, filepath.ToSlash(rel))
			if err != nil || !filepath.IsLocal(to) {
				return nil, fail.Input("the function %s is built with %s, which is too far away from it to be archived",
					in.Name, at).WithHint("put both into the experiment file's folder, and run it again")
			}
			beside, err := fileInput(in.Key, at, at)
			if info, serr := os.Stat(at); serr == nil && info.IsDir() {
				beside, err = input{folder: true}, nil
				beside.files, err = generate.SourceFiles(at, build.Language)
			}
			if err != nil {
				return nil, fail.Input("the function %s is built with %s: %w", in.Name, at, err)
			}
			files = append(files, beside.archived(to)...)
			made.note("%s is archived as it is now: the run did not record what was in it", at)
		}
	}
	return files, nil
}

// noteRows notes sub-experiments with other rows than the record counts.
func (m *Archived) noteRows(ctx context.Context, dir string, rec *run.Record) error {
	for _, res := range rec.Results {
		sub, err := readRows(ctx, filepath.Join(dir, res.Folder, study.LatenciesFile), "")
		if err != nil {
			return err
		}
		if text := res.Miscounted(sub.Rows); text != "" {
			m.note("%s: %s; the archive has them as they are", rec.Experiment.SubExperiments[res.SubExperiment].Title,
				text)
		}
	}
	return nil
}

// note adds what could not be made sure of, once.
func (m *Archived) note(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); !slices.Contains(m.Notes, text) {
		m.Notes = append(m.Notes, text)
	}
}

// distinctFiles leaves out a file that another input has, too, under the same name.
func distinctFiles(files []archive.File) []archive.File {
	slices.SortFunc(files, func(a, b archive.File) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(files, func(a, b archive.File) bool { return a.Name == b.Name && a.Path == b.Path })
}

// as is the App with the options that a run was made with, as far as its inputs show them.
func (a App) as(rec *run.Record) App {
	a.Only, a.Serverless, a.Endpoints, a.Prices = -1, true, "", ""
	for _, in := range rec.Inputs {
		switch in.Key {
		case inputEndpoints:
			a.Serverless, a.Endpoints = false, in.Path
		case inputPrices:
			a.Prices = in.Path
		}
	}
	return a
}

// inputName is the place of an input below the archive's experiment: where it is below the experiment file's folder, or
// the name by which a function of raw-code/ is found; else a place of its own.
func inputName(baseDir string, i int, in input) string {
	switch in.Key {
	case inputEndpoints, inputPrices:
		return in.Key + filepath.Ext(in.Path)
	}
	if in.folder && !strings.ContainsAny(in.Name, `/\`) && filepath.Base(filepath.Dir(in.Path)) == "raw-code" {
		return "raw-code/" + in.Name
	}
	rel, err := filepath.Rel(baseDir, in.Path)
	if err == nil && filepath.IsLocal(rel) && rel != "." && filepath.ToSlash(rel) != archive.Experiment {
		return filepath.ToSlash(rel)
	}
	return path.Join(archive.ExtraDir, fmt.Sprint(i), filepath.Base(in.Path))
}

// runFiles are the files of a run's folder that an archive has. The journal, what functions wrote into their logs, and
// packages stay here: the first says what to remove from an account, the second may hold anything, and the third are
// built again.
func runFiles(dir string) (files []archive.File, err error) {
	left := []string{run.JournalFile, pipeline.LogsFolder}
	text := []string{".csv", ".json", ".jsonc", ".yml", ".yaml", ".toml", ".txt", ".html", ".png", ".svg"}
	if dir, err = filepath.EvalSymlinks(dir); err != nil { // latest is a link
		return nil, fmt.Errorf("read the run's folder: %w", err)
	}
	err = filepath.WalkDir(dir, func(at string, d fs.DirEntry, err error) error {
		if err != nil || at == dir {
			return err
		}
		rel, err := filepath.Rel(dir, at)
		hidden := strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules"
		switch {
		case err != nil:
			return err
		case d.IsDir() && (hidden || slices.Contains(left, rel)):
			return fs.SkipDir
		case d.IsDir() || hidden || slices.Contains(left, rel) || !slices.Contains(text, filepath.Ext(rel)):
			return nil
		case d.Type()&fs.ModeSymlink != 0:
			return fail.Input("%s is a link, and an archive has the run's own files only", at).
				WithHint("put the file itself there, if it is the run's")
		case !d.Type().IsRegular():
			return fail.Input("%s is no regular file, which an archive cannot have", at)
		}
		files = append(files, archive.File{Name: path.Join(archive.RunDir, filepath.ToSlash(rel)), Path: at})
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the run's folder: %w", err)
	}
	return files, nil
}

// writeArchive writes an archive in one step, and gives its size in bytes.
func writeArchive(to string, files []archive.File) (size int64, err error) {
	if err := refuseOwn(to); err != nil {
		return 0, err
	}
	f, err := wholefile.CreateBeside(to)
	if err != nil {
		return 0, fail.Input("write the archive: %w", err).WithHint("name another file with -o")
	}
	err = archive.Write(f, files)
	if info, serr := f.Stat(); serr == nil {
		size = info.Size()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), to)
	}
	if err != nil {
		return 0, errors.Join(err, os.Remove(f.Name()))
	}
	return size, nil
}
