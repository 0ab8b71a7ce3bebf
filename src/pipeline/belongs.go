package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"stellar/src/deploy"
	"stellar/src/fail"
	"stellar/src/local"
	"stellar/src/pack"
	"stellar/src/provider"
	"stellar/src/run"
)

// belonging gives a resource of a journal as its removal may take it. A journal is a text in a folder that may come
// from anybody: whatever its kind, a resource is removed only if it has the name, and lies at the place, that the run's
// id gives it.
func (j *Job) belonging(r *run.Run, res run.Resource) (run.Resource, error) {
	if !run.ValidID(r.ID) {
		return res, fmt.Errorf("%s: %q is no run's id: which resources are its own is not known", r.Dir, r.ID)
	}
	switch res.Kind {
	case KindFolder:
		if res.Name != r.Scratch() && res.Name != run.WorkDir(r.ID) {
			return res, fail.With(fail.CodeLeftBehind, "folder %q is not the scratch folder of run %s, %s", res.Name, r.ID, r.Scratch()).
				WithHint("if the run had another TMPDIR, set it and try again; else the journal is not that of this run")
		}
	case kindPlatform:
		return res, j.ownPlatform(r, res)
	case kindDaemon:
		if res.Name != "local" {
			return res, fmt.Errorf("platform %q is not one that runs start", res.Name)
		}
	case pack.KindImage, pack.KindPushed:
		return pack.Belongs(r.ID, res, r.Remembered())
	case deploy.KindService:
		return ownService(r, res)
	}
	return res, nil
}

func (j *Job) ownPlatform(r *run.Run, res run.Resource) error {
	root, err := local.StateRoot(j.Getenv)
	if err != nil {
		return err
	}
	if want := filepath.Join(root, platformFolder(r.ID)); res.Name != r.ID || res.Attrs["dir"] != want {
		return fail.With(fail.CodeLeftBehind, "platform %q in %q is not that of run %s, in %s", res.Name, res.Attrs["dir"], r.ID, want).
			WithHint("if the run had another HOME or XDG_STATE_HOME, set it and try again; else the journal is not that of this run")
	}
	return nil
}

// ownService is a unit with its folder within the run's, wherever that lies by now.
func ownService(r *run.Run, res run.Resource) (run.Resource, error) {
	service := run.ServiceName(r.ID)
	unit, named := res.Attrs[provider.DetailUnit]
	if res.Name != service && !strings.HasPrefix(res.Name, service+"-") || named && unit != res.Name {
		return res, fmt.Errorf("service %q (unit %q) is not one of run %s", res.Name, unit, r.ID)
	}
	if is := res.Attrs["provider"]; is != run.KindOf(r.ID) {
		return res, fmt.Errorf("service %q of run %s is entered for provider %q", res.Name, r.ID, is)
	}
	dir := res.Attrs[provider.DetailDir]
	if dir == "" {
		return res, nil
	}
	inner, err := innerFolder(r.ID, dir)
	if err != nil {
		return res, err
	}
	res.Attrs = maps.Clone(res.Attrs)
	res.Attrs[provider.DetailDir] = filepath.Join(r.Dir, inner)
	return res, nil
}

// innerFolder is the path of a unit's folder within the run's: …/<id>/serverless/…, as it was when the unit was
// deployed.
func innerFolder(id, dir string) (string, error) {
	mark := string(filepath.Separator) + id + string(filepath.Separator)
	_, inner, found := strings.Cut(dir, mark)
	for found && strings.Contains(inner, mark) { // the output folder may be in a run's folder itself
		_, inner, _ = strings.Cut(inner, mark)
	}
	first, _, _ := strings.Cut(filepath.ToSlash(inner), "/")
	if !filepath.IsAbs(dir) || !found || first != serviceFolder || !filepath.IsLocal(inner) {
		return "", fmt.Errorf("%q is not a folder of run %s", dir, id)
	}
	return inner, nil
}

// serviceFolder is the folder of a run in which its units have theirs.
const serviceFolder = "serverless"

// packagesFolder is where generate puts packages: they are the bulk of a service folder, and no result.
const packagesFolder = "packages"

// guarded undoers take what belongs to the run, in the form that belonging gives.
func (j *Job) guardedUndoers(r *run.Run) map[string]run.Undoer {
	out := map[string]run.Undoer{}
	for kind, undo := range j.undoers(r) {
		out[kind] = func(ctx context.Context, res run.Resource) error {
			own, err := j.belonging(r, res)
			if err != nil {
				return err
			}
			return undo(ctx, own)
		}
	}
	return out
}

// RemovePackages removes the packages in a run's folder: they are its bulk, and no result. What links lead to is not
// touched.
func RemovePackages(r *run.Run) error {
	root, err := os.OpenRoot(r.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer root.Close()
	err = root.RemoveAll(filepath.Join(serviceFolder, packagesFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
