package storage_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/objectstore"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// through is an experiment whose payloads go through storage for as long as the test lets it.
const through = `{"Provider": "local", %s "SubExperiments": [{"Title": "chain", "Type": "data-transfer", "Runtime": "go",
 "DataTransferChainLength": 2, "StorageTransfer": true, "PayloadLengthBytes": 4096, "Bursts": 100000, "IATSeconds": 0}]}`

// killed starts a run, kills it with SIGKILL once a fact holds, and has `stellar clean` remove what is left.
func killed(l *lab.Lab, await func()) {
	l.Helper()
	c := l.Command("-c", "exp.json", "-o", "out", "--yes")
	log, err := os.Create(filepath.Join(l.Dir, "log"))
	if err != nil {
		l.Fatal(err)
	}
	defer log.Close()
	c.Stdout, c.Stderr = log, log
	if err := c.Start(); err != nil {
		l.Fatal(err)
	}
	l.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	await()
	_ = c.Process.Kill()
	_ = c.Wait()
}

// TestKill9OfARunWithItsOwnStore: the store of a run that is killed ends by itself, and `stellar clean` leaves nothing.
func TestKill9OfARunWithItsOwnStore(t *testing.T) {
	l := lab.New(t, fmt.Sprintf(through, ""))
	killed(l, func() {
		l.Await("its object store", func(e run.Entry) bool {
			return e.Event == run.EventCreated && e.Resource != nil && e.Resource.Kind == "object store"
		})
	})
	l.Clean()
	left, err := filepath.Glob(filepath.Join(l.Dir, "home/.local/state/stellar/storage/*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left %v, %v", left, err)
	}
}

// TestKill9OfARunInABucketOfAUser: after `stellar clean`, the bucket has what was in it before, although the run was
// killed while its functions wrote objects.
func TestKill9OfARunInABucketOfAUser(t *testing.T) {
	l, s := started(t)
	users := s.open(t, "users")
	if err := users.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	foreign(l, `echo kept > theirs && aws s3 cp --quiet theirs s3://users/theirs`)
	l.Write("exp.json", fmt.Sprintf(through, fmt.Sprintf(
		`"Storage": {"Endpoint": %q, "Bucket": "users", "Region": %q},`, s.URL, s.Region)))
	l.Set("STELLAR_STORAGE_KEY_ID=" + s.AccessKeyID)
	l.Set("STELLAR_STORAGE_SECRET=" + s.SecretAccessKey)
	killed(l, func() {
		l.Until("rows", func() bool { return l.Rows("*") > 3 })
	})
	dir, _ := l.Journal()
	wrote, err := users.Keys(t.Context(), objectstore.Prefix(filepath.Base(dir)))
	if err != nil || len(wrote) == 0 {
		t.Fatalf("the run has no objects in the bucket: %v", err)
	}
	out, err := l.Command("clean").CombinedOutput()
	if err != nil {
		t.Fatalf("stellar clean: %v\n%s", err, out)
	}
	if left, err := users.Keys(t.Context(), ""); err != nil || strings.Join(left, " ") != "theirs" {
		t.Errorf("after clean, the bucket has %v, %v", left, err)
	}
	text, err := os.ReadFile(filepath.Join(dir, run.JournalFile))
	if err != nil || strings.Contains(string(text), s.SecretAccessKey) || strings.Contains(string(text), "X-Amz-") {
		t.Errorf("the journal has a secret or a signed URL: %v\n%s", err, text)
	}
}
