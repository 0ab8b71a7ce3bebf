package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// somebody has a home with an empty index of runs, and a folder that holds a run of another's.
type somebody struct {
	t    *testing.T
	home string
	dir  string // of the run
	id   string
	log  lab.Log
}

func newSomebody(t *testing.T, id string) *somebody {
	t.Helper()
	home := t.TempDir()
	t.Setenv("TMPDIR", filepath.Join(home, "tmp"))
	s := &somebody{t: t, home: home, dir: filepath.Join(home, "downloads", id), id: id}
	for _, dir := range []string{s.dir, filepath.Join(home, "tmp")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(map[string]any{"id": id, "status": "running"})
	if err == nil {
		err = os.WriteFile(filepath.Join(s.dir, run.RecordFile), text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// names enters a resource into the journal.
func (s *somebody) names(kind, name string, attrs map[string]string) {
	s.t.Helper()
	j, err := run.OpenJournal(s.dir)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := j.Intend(kind, name, attrs); err != nil {
		s.t.Fatal(err)
	}
	if err := j.Close(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *somebody) remove() error {
	env := map[string]string{"HOME": s.home, "DOCKER_HOST": "unix://" + s.home + "/none.sock"}
	w := lab.App(s.home, env, nil, &s.log)
	_, err := w.Remove(context.Background(), s.dir)
	return err
}

// precious makes a folder with a file, and tells what is missing of it later.
func (s *somebody) precious(parts ...string) (dir string, intact func() error) {
	s.t.Helper()
	dir = filepath.Join(append([]string{s.home}, parts...)...)
	file := filepath.Join(dir, "thesis.txt")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(file, []byte("x"), 0o644)); err != nil {
		s.t.Fatal(err)
	}
	return dir, func() error { _, err := os.Stat(file); return err }
}

// Of a journal that somebody else wrote nothing is removed that the run's id does not make, whatever kind it claims.
func TestRemoveTakesOnlyWhatTheRunsIDMakes(t *testing.T) {
	const id = "20260102T150405Z-local-abcd"
	other := "20260102T150405Z-local-othr"
	for name, enter := range map[string]func(s *somebody) func() error{
		"a folder of a like name": func(s *somebody) func() error {
			dir, intact := s.precious("stellar-thesis")
			s.names("folder", dir, nil)
			return intact
		},
		"the scratch folder's name elsewhere": func(s *somebody) func() error {
			dir, intact := s.precious("work", "stellar-"+id)
			s.names("folder", dir, nil)
			return intact
		},
		"another run's scratch folder": func(s *somebody) func() error {
			dir, intact := s.precious("tmp", "stellar-"+other)
			s.names("folder", dir, nil)
			return intact
		},
		"a way out of the temporary folder": func(s *somebody) func() error {
			_, intact := s.precious("stellar-" + id)
			s.names("folder", s.home+"/tmp/../stellar-"+id, nil)
			return intact
		},
		"a platform elsewhere": func(s *somebody) func() error {
			dir, intact := s.precious("platform-" + id)
			s.names("platform", id, map[string]string{"dir": dir, "pid": "1"})
			return intact
		},
		"a platform without a folder": func(s *somebody) func() error {
			_, intact := s.precious(".local", "state", "stellar", "local", "platform-"+other)
			s.names("platform", id, nil)
			return intact
		},
		"a platform that stays, elsewhere": func(s *somebody) func() error {
			dir, intact := s.precious(".local", "state", "stellar", "local", "platform-stays-"+other)
			s.names("daemon", "local", map[string]string{"dir": dir})
			return intact
		},
		"another run's platform": func(s *somebody) func() error {
			dir, intact := s.precious(".local", "state", "stellar", "local", "platform-"+other)
			s.names("platform", other, map[string]string{"dir": dir, "pid": "1"})
			return intact
		},
		"a service of another run": func(s *somebody) func() error {
			dir, intact := s.precious("serverless")
			s.names("service", "stellar-"+other, map[string]string{"provider": "local", "dir": dir})
			return intact
		},
		"another unit under the run's name": func(s *somebody) func() error {
			s.names("service", "stellar-"+strings.ToLower(id),
				map[string]string{"provider": "local", "unit": "production"})
			return func() error { return nil }
		},
		"another provider": func(s *somebody) func() error {
			s.names("service", "stellar-"+strings.ToLower(id), map[string]string{"provider": "aws"})
			return func() error { return nil }
		},
		"a service folder elsewhere": func(s *somebody) func() error {
			dir, intact := s.precious("project")
			s.names("service", "stellar-"+strings.ToLower(id), map[string]string{"provider": "local", "dir": dir})
			return intact
		},
		"a way out of the run's folder": func(s *somebody) func() error {
			s.names("service", "stellar-"+strings.ToLower(id),
				map[string]string{"provider": "local", "dir": "/x/" + id + "/serverless/../../y"})
			return func() error { return nil }
		},
		"somebody's image": func(s *somebody) func() error {
			s.names("image", "postgres:17", map[string]string{"run": id})
			return func() error { return nil }
		},
		"a base image": func(s *somebody) func() error {
			s.names("image", "debian:stable", nil)
			return func() error { return nil }
		},
		"an image in a registry": func(s *somebody) func() error {
			s.names("registry image", "r.io/x:"+strings.ToLower(id)+"-a",
				map[string]string{"repository": "r.io/production", "tag": "v1", "digest": "sha256:ab"})
			return func() error { return nil }
		},
		"a platform that stays": func(s *somebody) func() error {
			s.names("daemon", "other", nil)
			return func() error { return nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSomebody(t, id)
			intact := enter(s)
			err := s.remove()
			if fail.Code(err) != fail.CodeLeftBehind || !strings.Contains(lab.Story(err), "not touched") {
				t.Errorf("exit code %d: %s", fail.Code(err), lab.Story(err))
			}
			if err := intact(); err != nil {
				t.Errorf("removed: %v", err)
			}
		})
	}
}

// The scratch folder goes although it is a link by now; what the link leads to stays. So do packages behind a link.
func TestRemoveFollowsNoLink(t *testing.T) {
	s := newSomebody(t, "20260102T150405Z-local-abcd")
	target, intact := s.precious("project", "packages")
	scratch := filepath.Join(s.home, "tmp", "stellar-"+s.id)
	err := errors.Join(os.Symlink(target, scratch),
		os.Symlink(filepath.Dir(target), filepath.Join(s.dir, "serverless")))
	if err != nil {
		t.Fatal(err)
	}
	s.names("folder", scratch, nil)
	err = s.remove()
	if _, there := os.Lstat(scratch); !errors.Is(there, fs.ErrNotExist) {
		t.Errorf("the link is still there: %v", there)
	}
	if err := intact(); err != nil {
		t.Errorf("removed behind a link: %v", err)
	}
	if err == nil {
		t.Error("nobody heard that the run's folder leads elsewhere")
	}
}

// What the run's id makes is removed by a user who has no index of it: the folder may come from another machine.
func TestRemoveTakesWhatTheRunsIDMakes(t *testing.T) {
	s := newSomebody(t, "20260102T150405Z-local-abcd")
	scratch := filepath.Join(s.home, "tmp", "stellar-"+s.id)
	if err := os.MkdirAll(scratch, 0o700); err != nil {
		t.Fatal(err)
	}
	s.names("folder", scratch, nil)
	s.names("platform", s.id, map[string]string{"dir": filepath.Join(s.home, ".local", "state", "stellar", "local",
		"platform-"+s.id)})
	if err := s.remove(); err != nil {
		t.Fatal(lab.Story(err))
	}
	if _, err := os.Lstat(scratch); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the scratch folder is still there: %v", err)
	}
}
