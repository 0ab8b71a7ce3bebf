package run

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

const oneBurst = `{"Provider":"local","Seed":7,"SubExperiments":[{"Bursts":1}]}`

func deps(t *testing.T) (Deps, string) {
	t.Helper()
	home := t.TempDir()
	env := map[string]string{"HOME": home}
	return Deps{Getenv: func(k string) string { return env[k] }, Version: "test", Log: quiet{},
		Now: func() time.Time { return time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC) }}, home
}

// known are the providers that the files of these tests name.
func known() []experiment.Provider { return []experiment.Provider{{Name: "local", Local: true}} }

func load(t *testing.T) *experiment.Experiment {
	t.Helper()
	loaded, err := experiment.Parse("one.json", []byte(oneBurst), known())
	check(t, err)
	return loaded.Experiment
}

func TestCreateMakesARunOfItsOwn(t *testing.T) {
	w, home := deps(t)
	out := filepath.Join(home, "out")
	a := must(Create(w, out, load(t), home))(t)
	b := must(Create(w, out, load(t), home))(t)
	if a.ID == b.ID {
		t.Fatalf("two runs of one second share the id %s", a.ID)
	}
	if !regexp.MustCompile(`^20260102T150405Z-local-[a-z]{4}$`).MatchString(a.ID) {
		t.Errorf("run id is %q", a.ID)
	}
	if !regexp.MustCompile(`^[a-z][a-z0-9-]{1,47}$`).MatchString(a.Service) {
		t.Errorf("service name %q is not valid everywhere", a.Service)
	}
	if a.Tags["stellar-run"] != a.ID || a.Tags["stellar-expires"] <= "2026-01-03" {
		t.Errorf("tags are %v", a.Tags)
	}
	for _, name := range []string{RecordFile, EffectiveFile, JournalFile} {
		if text := read(t, filepath.Join(a.Dir, name)); strings.Contains(text, a.Token) {
			t.Errorf("%s holds the run's token", name)
		}
	}
	again, err := experiment.Load(filepath.Join(a.Dir, EffectiveFile), known())
	check(t, err)
	if !reflect.DeepEqual(again.Experiment, a.Experiment) {
		t.Errorf("the effective file loads to\n%+v; want\n%+v", again.Experiment, a.Experiment)
	}
	check(t, a.Close())
	check(t, b.Close())
}

func TestIndexHoldsARunUntilNothingIsPending(t *testing.T) {
	w, home := deps(t)
	r := must(Create(w, home, load(t), home))(t)
	check(t, r.Remember())
	res := must(r.Journal.Intend("thing", "a", nil))(t)
	check(t, r.KeepToken())
	check(t, r.Close())
	if got := must(Unfinished(w.Getenv))(t); len(got) != 1 || got[0] != r.Dir {
		t.Fatalf("index holds %v; want %s", got, r.Dir)
	}
	if token := must(ReadToken(r.Dir))(t); token != r.Token {
		t.Errorf("token read back as %q", token)
	}
	if info, err := os.Stat(filepath.Join(r.Dir, tokenFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the token's file: %v, %v; want mode 0600", info, err)
	}
	again := must(Open(w, r.Dir))(t)
	if got := again.Journal.Pending(); len(got) != 1 || got[0].ID != res.ID {
		t.Fatalf("pending after opening again: %v", got)
	}
	check(t, again.Journal.Removed(res))
	check(t, again.Close())
	if got := must(Unfinished(w.Getenv))(t); len(got) != 0 {
		t.Errorf("index still holds %v", got)
	}
	if _, err := os.Stat(filepath.Join(r.Dir, tokenFile)); !os.IsNotExist(err) {
		t.Errorf("the token outlived the run: %v", err)
	}
}

func TestIndexHoldsWhereFunctionsWent(t *testing.T) {
	w, home := deps(t)
	r := must(Create(w, home, load(t), home))(t)
	check(t, r.Remember())
	if place := must(Place(w.Getenv, r.Dir))(t); place != nil {
		t.Errorf("place of a run that has deployed nothing: %v", place)
	}
	went := map[string]string{"provider": "aws", "region": "us-west-2", "account": "123456789012"}
	check(t, r.RememberPlace(went))
	if got := must(Unfinished(w.Getenv))(t); len(got) != 1 || got[0] != r.Dir {
		t.Errorf("index holds %q; want %q alone", got, r.Dir)
	}
	if place := must(Place(w.Getenv, r.Dir))(t); !reflect.DeepEqual(place, went) {
		t.Errorf("place read back as %v", place)
	}
	check(t, os.WriteFile(filepath.Join(r.index.Dir, r.ID), []byte(r.Dir+"\n{\"region\""), 0o644))
	if place, err := Place(w.Getenv, r.Dir); err == nil {
		t.Errorf("half a line was read as %v", place)
	}
	if err := r.index.Add("x", "/a\nb", nil); fail.Code(err) != fail.CodeInput {
		t.Errorf("a folder with a line break: %v", err)
	}
	res := must(r.Journal.Intend("thing", "a", nil))(t)
	check(t, r.Journal.Removed(res))
	check(t, r.Close())
	if _, err := Place(w.Getenv, r.Dir); err == nil {
		t.Error("the run is still in the index")
	}
}

func TestOpenRefusesOtherFolders(t *testing.T) {
	w, home := deps(t)
	if _, err := Open(w, home); fail.Code(err) != fail.CodeInput {
		t.Errorf("error is %v; want exit code 2", err)
	}
	if entries := must(os.ReadDir(home))(t); len(entries) != 0 {
		t.Errorf("looking at a foreign folder made %v in it", entries)
	}
}

func TestStateDirNeedsAHome(t *testing.T) {
	if _, err := StateDir(func(string) string { return "" }); err == nil {
		t.Error("no error without HOME and XDG_STATE_HOME")
	}
}
