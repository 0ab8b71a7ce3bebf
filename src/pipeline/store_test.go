package pipeline

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/objectstore"
	"github.com/vhive-serverless/STeLLAR/src/objectstore/storetest"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/run/runtest"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

const storeRun = "20261121T010203Z-aws-abcd"

// storeJob is a job on a run whose file names an object store at an address.
func storeJob(t *testing.T, at experiment.Storage, env map[string]string) (*Job, *run.Run) {
	t.Helper()
	journal, err := run.OpenJournal(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = journal.Close() })
	exp := &experiment.Experiment{Provider: "local", Storage: &at, SubExperiments: []experiment.SubExperiment{{
		Type: "data-transfer", StorageTransfer: true, DataTransferChainLength: 2, Protocol: "http1",
		BurstSizes: []int{1}, Bursts: 1}}}
	c := Config{Deps: run.Deps{Getenv: func(k string) string { return env[k] }, Log: runtest.Quiet{}},
		Options: Options{Only: -1, Serverless: true}}
	return NewJob(c, exp), &run.Run{ID: storeRun, Experiment: exp, Journal: journal, Log: runtest.Quiet{}}
}

func storeKeys() map[string]string {
	return map[string]string{envStorageID: storetest.Keys().ID, envStorageSecret: storetest.Keys().Secret}
}

// TestBucketsOfARun: a run's own bucket is in the journal before it is there, and gone afterwards with what is in it;
// of a user's bucket, only the run's own objects are deleted. Another process, which has only the journal, does it
// alike.
func TestBucketsOfARun(t *testing.T) {
	s := storetest.Start(t)
	s.Bucket(t, "users")
	s.Put("users", "theirs", "kept")
	s.Put("users", storeRun+"-not/theirs", "kept")
	before := s.Left()
	for _, bucket := range []string{"", "users"} {
		at := experiment.Storage{Endpoint: s.URL, Bucket: bucket}
		job, r := storeJob(t, at, storeKeys())
		if err := job.store.Check(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		if err := (startStage{job.store}).Run(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		var env study.Env
		job.store.equip(&env)
		o, err := env.Object("0/1-2-3", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, o.PutURL, strings.NewReader("payload"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if want := bucketOr(bucket) + "/" + storeRun + "/0/1-2-3"; !slices.Contains(s.Left(), want) {
			t.Errorf("there is no %s: %v", want, s.Left())
		}
		later, _ := storeJob(t, at, storeKeys()) // with no state of the run's process
		if err := run.Undo(t.Context(), r.Journal, later.Undoing(r)); err != nil {
			t.Error(err)
		}
		if left := s.Left(); !slices.Equal(left, before) || len(r.Journal.Pending()) > 0 {
			t.Errorf("bucket %q: left %v, before %v; in the journal %v", bucket, left, before, r.Journal.Pending())
		}
	}
}

// TestObjectsOfALostRun: what the index of runs says of a store is enough to remove a run's objects and its own bucket,
// and nothing else.
func TestObjectsOfALostRun(t *testing.T) {
	s := storetest.Start(t)
	for _, bucket := range []string{"users", bucketName(storeRun)} {
		s.Bucket(t, bucket)
		s.Put(bucket, storeRun+"/0/1", "payload")
	}
	s.Put("users", storeRun+"-not/theirs", "kept")
	job, _ := storeJob(t, experiment.Storage{}, storeKeys())
	for _, bucket := range []string{"users", bucketName(storeRun)} {
		at := map[string]string{attrEndpoint: s.URL, attrBucket: bucket}
		for range 2 { // that nothing is there any more is success
			if err := job.RemoveLostObjects(t.Context(), storeRun, at); err != nil {
				t.Error(err)
			}
		}
	}
	if err := job.RemoveLostObjects(t.Context(), storeRun, map[string]string{attrEndpoint: s.URL}); err == nil {
		t.Error("an entry without a bucket was taken")
	}
	if left := s.Left(); !slices.Equal(left, []string{"users", "users/" + storeRun + "-not/theirs"}) {
		t.Errorf("left %v", left)
	}
}

func bucketOr(named string) string {
	if named == "" {
		return bucketName(storeRun)
	}
	return named
}

// TestBucketThatWasNeverSeen: a run may be killed between the journal's entry and the bucket, and its bucket may be
// removed by somebody else. Its removal finds nothing and succeeds.
func TestBucketThatWasNeverSeen(t *testing.T) {
	s := storetest.Start(t)
	job, r := storeJob(t, experiment.Storage{Endpoint: s.URL}, storeKeys())
	s.Break(func(*http.Request) storetest.Fault { return storetest.Fault{Status: http.StatusForbidden} })
	err := job.store.Start(t.Context(), r)
	var refused *objectstore.Error
	if !errors.As(err, &refused) || refused.Status != http.StatusForbidden {
		t.Errorf("a store that denies: %v", err)
	}
	if n := len(r.Journal.Pending()); n != 1 {
		t.Fatalf("%d entries before the bucket is there, want 1", n)
	}
	undoing := job.Undoing(r)
	undoing.Wait = time.Millisecond
	if err := run.Undo(t.Context(), r.Journal, undoing); fail.Code(err) != fail.CodeLeftBehind {
		t.Errorf("a removal that the store denies: %v", err)
	}
	s.Break(nil)
	if err := run.Undo(t.Context(), r.Journal, undoing); err != nil || len(r.Journal.Pending()) > 0 {
		t.Errorf("%v; in the journal: %v", err, r.Journal.Pending())
	}
}

// TestOnlyTheRunsOwnIsTouched: a journal may come from anybody. Whatever bucket and prefix it names, only what a run of
// its id makes is removed.
func TestOnlyTheRunsOwnIsTouched(t *testing.T) {
	s := storetest.Start(t)
	s.Bucket(t, "users")
	s.Put("users", "theirs", "kept")
	attrs := map[string]string{attrEndpoint: s.URL, attrBucket: "users"}
	for name, res := range map[string]run.Resource{
		"bucket of a user":       {Kind: kindBucket, Name: "users", Attrs: attrs},
		"bucket by attribute":    {Kind: kindBucket, Name: bucketName(storeRun), Attrs: attrs},
		"all objects":            {Kind: kindObjects, Name: "", Attrs: attrs},
		"objects of a user":      {Kind: kindObjects, Name: "theirs", Attrs: attrs},
		"objects of another run": {Kind: kindObjects, Name: "20261121T010203Z-aws-wxyz/", Attrs: attrs},
		"folder of a user":       {Kind: kindStore, Name: storeRun, Attrs: map[string]string{"dir": t.TempDir()}},
	} {
		job, r := storeJob(t, experiment.Storage{Endpoint: s.URL}, map[string]string{"HOME": t.TempDir(),
			envStorageID: "test", envStorageSecret: "x"})
		if _, err := r.Journal.Intend(res.Kind, res.Name, res.Attrs); err != nil {
			t.Fatal(err)
		}
		undoing := job.Undoing(r)
		undoing.Wait = time.Millisecond
		err := run.Undo(t.Context(), r.Journal, undoing)
		if err == nil || !strings.Contains(err.Error(), "not touched") {
			t.Errorf("%s: %v", name, err)
		}
		if left := s.Left(); !slices.Equal(left, []string{"users", "users/theirs"}) {
			t.Fatalf("%s: left %v", name, left)
		}
	}
}

// TestStoresThatCannotBeUsed: each is said before anything is built.
func TestStoresThatCannotBeUsed(t *testing.T) {
	s := storetest.Start(t)
	for name, c := range map[string]struct {
		at       experiment.Storage
		env      map[string]string
		provider string
		want     string
	}{
		"no keys": {experiment.Storage{Endpoint: s.URL}, nil, "local", "there are no keys"},
		"half a key": {experiment.Storage{Endpoint: s.URL}, map[string]string{envStorageID: "a"}, "local",
			"incomplete"},
		"no bucket": {experiment.Storage{Endpoint: s.URL, Bucket: "none"}, storeKeys(), "local",
			"there is no bucket none"},
		"a path":   {experiment.Storage{Endpoint: s.URL + "/b"}, storeKeys(), "local", "has a path"},
		"loopback": {experiment.Storage{Endpoint: s.URL}, storeKeys(), "aws", "cannot reach it"},
		"Azure's key": {experiment.Storage{Endpoint: "a.blob.core.windows.net"}, storeKeys(), "local",
			"not in base64"},
		"Azure, no key": {experiment.Storage{}, storeKeys(), "azure", "AZURE_STORAGE_KEY is not set"},
		"no own store":  {experiment.Storage{}, storeKeys(), "cloudflare", "no object store"},
	} {
		job, r := storeJob(t, c.at, c.env)
		r.Experiment.Provider = c.provider
		err := job.store.Check(t.Context(), r)
		if c.provider == "cloudflare" { // which is said of its sub-experiments, and by a start
			if err != nil {
				t.Errorf("%s: said twice: %v", name, err)
			}
			err = job.store.Start(t.Context(), r)
		}
		if err == nil || fail.Code(err) != fail.CodeInput || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v (exit code %d), want %q", name, err, fail.Code(err), c.want)
		}
	}
}
