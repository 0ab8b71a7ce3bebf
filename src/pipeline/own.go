package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/pack"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

func ownFolder(r *run.Run, res run.Resource) (run.Resource, error) {
	if res.Name == r.Scratch() || res.Name == run.WorkDir(r.ID) {
		return res, nil
	}
	return res, fail.With(fail.CodeLeftBehind, "folder %q is not the scratch folder of run %s, %s",
		res.Name, r.ID, r.Scratch()).
		WithHint("if the run had another TMPDIR, set it and try again; else the journal is not that of this run")
}

func ownImage(r *run.Run, res run.Resource) (run.Resource, error) {
	return pack.Belongs(r.ID, res, r.Remembered())
}

// ownUnit gives a unit with its folder within the run's folder, which may have been moved.
func ownUnit(r *run.Run, res run.Resource) (run.Resource, error) {
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

// innerFolder is the path of a unit's folder within the run's folder. dir is …/<id>/serverless/…, as it was at
// deployment.
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

// packagesFolder is where generate puts packages, within the service folder.
const packagesFolder = "packages"

// RemovePackages removes the packages in a run's folder: most of its bytes, and no result. It follows no link.
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
