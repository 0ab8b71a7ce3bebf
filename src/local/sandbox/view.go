package sandbox

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// View is what the instances of a function see of this machine's folders, where they have mounts of their own.
type View struct {
	readOnly []shownFolder // folders that they cannot write to
	stubs    []shownFolder // what the former need to be mounted at, where they lie below /tmp
}

// shownFolder is a folder of this machine and where an instance sees it.
type shownFolder struct{ source, target string }

// skeleton is a folder of a platform with the empty folders to mount others at that a private /tmp would hide, the same
// for all instances: making them for each would take longer than the rest of a cold start here.
func skeleton(dir string) string { return filepath.Join(dir, "skeleton") }

// NewView makes processes see folders read-only at their paths. Hidden folders are empty for them. dir is the
// platform's folder.
func NewView(dir string, folders, hidden []string) (*View, error) {
	v := &View{}
	empty := filepath.Join(skeleton(dir), ".empty")
	if err := os.MkdirAll(empty, 0o755); err != nil {
		return nil, err
	}
	for _, at := range hidden {
		if !strings.HasPrefix(at, PrivateTmp+"/") {
			v.readOnly = append(v.readOnly, shownFolder{empty, at})
		}
	}
	for _, at := range folders {
		v.readOnly = append(v.readOnly, shownFolder{at, at})
		stubs, err := stubsFor(dir, at)
		if err != nil {
			return nil, err
		}
		for _, stub := range stubs {
			if !slices.Contains(v.stubs, stub) {
				v.stubs = append(v.stubs, stub)
			}
		}
	}
	for i, f := range v.readOnly { // the way must not lead through this machine's /tmp, which their own hides
		source, err := filepath.EvalSymlinks(f.source)
		if err != nil {
			return nil, err
		}
		v.readOnly[i].source = source
	}
	return v, nil
}

// stubsFor makes what a folder needs to be mounted at: one folder where it lies below /tmp, else none. Its source has
// no symbolic links in its path.
func stubsFor(dir, folder string) ([]shownFolder, error) {
	below, ok := strings.CutPrefix(folder, PrivateTmp+"/")
	if !ok {
		return nil, nil
	}
	if err := os.MkdirAll(filepath.Join(skeleton(dir), below), 0o755); err != nil {
		return nil, err
	}
	top, _, _ := strings.Cut(below, "/")
	source, err := filepath.EvalSymlinks(filepath.Join(skeleton(dir), top))
	return []shownFolder{{source, filepath.Join(PrivateTmp, top)}}, err
}
