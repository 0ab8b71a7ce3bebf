// Package storage_test has clients of S3, ours and others, use the embedded object store of the binary.
package storage_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/objectstore"
)

// store is what `stellar storage start --json` and `status --json` say.
type store struct {
	URL, Dir, Region             string
	PID                          int
	Started, Running             bool
	AccessKeyID, SecretAccessKey string
}

// keys are the store's, for our own client.
func (s store) keys() objectstore.Keys {
	return objectstore.Keys{ID: s.AccessKeyID, Secret: s.SecretAccessKey}
}

// open gives a bucket of the store.
func (s store) open(t *testing.T, bucket string) objectstore.Store {
	t.Helper()
	b, err := objectstore.Open(objectstore.Place{Endpoint: s.URL, Region: s.Region, Bucket: bucket}, s.keys(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func said(l *lab.Lab, args ...string) (s store) {
	l.Helper()
	if err := json.Unmarshal([]byte(l.Output(args...)), &s); err != nil {
		l.Fatal(err)
	}
	return s
}

// started is a lab with a store that stays until the end of the test.
func started(t *testing.T) (*lab.Lab, store) {
	t.Helper()
	l := lab.New(t, "{}")
	t.Cleanup(func() {
		l.Stellar(0, "storage", "stop", "--remove")
		l.NoProcesses("storage stop")
		left, err := filepath.Glob(filepath.Join(l.Dir, "home/.local/state/stellar/storage/*/*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left after stop --remove: %v, %v", left, err)
		}
	})
	s := said(l, "storage", "start", "--json")
	if !s.Started || s.PID == 0 || !strings.HasPrefix(s.URL, "http://127.0.0.1:") {
		t.Fatalf("start says %+v", s)
	}
	return l, s
}

// foreign runs a program with the variables that `stellar storage status` tells users to paste.
func foreign(l *lab.Lab, shell string) string {
	l.Helper()
	c := l.Command()
	repo, err := filepath.Abs("../../..")
	if err != nil {
		l.Fatal(err)
	}
	script := `eval "$("$0" storage status | grep export)"; PATH="` + repo + `/bin/aws-clients/bin:$PATH"; ` + shell
	sh := exec.Command("sh", "-ec", script, l.Bin)
	sh.Dir, sh.Env = l.Dir, append(c.Env, "PYTHONDONTWRITEBYTECODE=1", "AWS_EC2_METADATA_DISABLED=true")
	out, err := sh.CombinedOutput()
	if err != nil {
		l.Fatalf("%s: %v\n%s", shell, err, out)
	}
	return string(out)
}

// TestForeignClients: boto3 and the AWS CLI, configured with the lines that a user pastes, and minio-go.
func TestForeignClients(t *testing.T) {
	lab.Installed(t, "the AWS CLI and boto3", "../../../bin/aws-clients/bin/aws", "scripts/test-setup.sh")
	l, s := started(t)
	script, err := filepath.Abs("testdata/client.py")
	if err != nil {
		t.Fatal(err)
	}
	if out := foreign(l, "python "+script); strings.Count(out, "ok ") < 40 {
		t.Errorf("boto3: not all checks:\n%s", out)
	}
	out := foreign(l, `aws s3 cp --quiet exp.json "s3://foreign/cli/with space" && aws s3 ls s3://foreign/cli/ &&
		aws s3 rm --quiet --recursive s3://foreign/ && aws s3 rb s3://foreign`)
	if !strings.Contains(out, " with space\n") || !strings.Contains(out, "remove_bucket: foreign") {
		t.Errorf("the AWS CLI: %s", out)
	}
	minioClient(t, s)

	// What was there is there after the next start, and the keys are the same.
	b := s.open(t, "ours")
	if err := b.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	if out := l.Output("storage", "stop"); !strings.Contains(out, "is stopped") {
		t.Error(out)
	}
	if now := said(l, "storage", "status", "--json"); now.Running {
		t.Errorf("runs after stop: %+v", now)
	}
	again := said(l, "storage", "start", "--json")
	if again.keys() != s.keys() || again.Dir != s.Dir || again.URL != s.URL {
		t.Errorf("after a restart %+v, before %+v", again, s)
	}
	if there, err := again.open(t, "ours").Exists(t.Context()); err != nil || !there {
		t.Errorf("the bucket after a restart: %t, %v", there, err)
	}
	if third := said(l, "storage", "start", "--json"); third.Started || third.PID != again.PID {
		t.Errorf("a second start says %+v", third)
	}
	if there, err := again.open(t, "none").Exists(t.Context()); err != nil || there {
		t.Errorf("a bucket that nobody made: %t, %v", there, err)
	}
}

// minioClient does with minio-go what client.py does with boto3, in short.
func minioClient(t *testing.T, s store) {
	t.Helper()
	ctx := t.Context()
	c, err := minio.New(strings.TrimPrefix(s.URL, "http://"), &minio.Options{Region: s.Region,
		Creds: credentials.NewStaticV4(s.AccessKeyID, s.SecretAccessKey, ""), MaxRetries: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.MakeBucket(ctx, "minio", minio.MakeBucketOptions{}); err != nil {
		t.Fatal(err)
	}
	content := bytes.Repeat([]byte("0123456789abcdef"), 17<<20/16) // two parts
	if _, err := c.PutObject(ctx, "minio", "part ü/1", bytes.NewReader(content), int64(len(content)),
		minio.PutObjectOptions{PartSize: 16 << 20}); err != nil {
		t.Fatal(err)
	}
	for name, given := range map[string]struct{ from, to int64 }{"whole": {}, "range": {16<<20 - 5, 16<<20 + 4}} {
		opts, want := minio.GetObjectOptions{}, content
		if given.to > 0 {
			want = content[given.from : given.to+1]
			if err := opts.SetRange(given.from, given.to); err != nil {
				t.Fatal(err)
			}
		}
		o, err := c.GetObject(ctx, "minio", "part ü/1", opts)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(o); err != nil || !bytes.Equal(got, want) {
			t.Errorf("minio-go, %s: %d bytes of %d, %v", name, len(got), len(want), err)
		}
	}
	var listed []string
	for o := range c.ListObjectsIter(ctx, "minio", minio.ListObjectsOptions{Prefix: "part", Recursive: true}) {
		listed = append(listed, o.Key)
	}
	if !slices.Equal(listed, []string{"part ü/1"}) {
		t.Errorf("minio-go lists %q", listed)
	}
	b := s.open(t, "minio")
	if n, err := objectstore.Empty(ctx, b, "part "); n != 1 || err != nil {
		t.Errorf("deleted %d objects, %v", n, err)
	}
	if err := errors.Join(b.Drop(ctx), b.Drop(ctx)); err != nil {
		t.Error(err)
	}
}

// TestAPutThatIsKilled: after kill -9 in a PUT, the object is what it was before, or the new one; never a part.
func TestAPutThatIsKilled(t *testing.T) {
	l, s := started(t)
	if err := s.open(t, "ours").Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := bytes.Repeat([]byte{1}, 4<<20)
	for sent, half := range []bool{false, true, false, false} {
		o, err := objectstore.AreaOf(s.open(t, "ours"), "run").Object("0/1", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		after := bytes.Repeat([]byte{byte(sent + 2)}, len(before))
		if sent == 0 { // the first one is not killed
			if err := put(t.Context(), o, bytes.NewReader(before), len(before)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		part := len(after)
		if half {
			part /= 2
		}
		body := &killing{Reader: bytes.NewReader(after), left: part, kill: func() {
			if err := syscall.Kill(s.PID, syscall.SIGKILL); err != nil {
				t.Error(err)
			}
		}}
		acknowledged := put(t.Context(), o, body, len(after)) == nil
		l.Until("the end of the store", func() bool { return errors.Is(syscall.Kill(s.PID, 0), syscall.ESRCH) })
		s = said(l, "storage", "start", "--json")
		if !s.Started {
			t.Fatal("a store that was killed is said to run")
		}
		r, err := s.open(t, "ours").Read(t.Context(), "run/0/1")
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		switch sum := sha256.Sum256(got); {
		case err != nil:
			t.Error(err)
		case sum == sha256.Sum256(after) && !half:
			before = after
		case sum != sha256.Sum256(before) || acknowledged:
			t.Errorf("kill -9 after %d of %d bytes leaves %d bytes; acknowledged: %t", part, len(after), len(got),
				acknowledged)
		}
	}
	left, err := os.ReadDir(filepath.Join(s.Dir, "data", "ours", "run", "0"))
	if err != nil || len(left) != 1 {
		t.Errorf("killed requests leave %v, %v", left, err)
	}
}

// put sends a body to the URL of an object.
func put(ctx context.Context, o objectstore.Object, body io.Reader, size int) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, o.PutURL, io.NopCloser(body))
	if err != nil {
		return err
	}
	req.ContentLength = int64(size)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

// killing is a body that calls kill when so many bytes have been read.
type killing struct {
	io.Reader
	left int
	kill func()
}

func (k *killing) Read(p []byte) (int, error) {
	if k.left == 0 {
		k.kill()
		return 0, io.ErrUnexpectedEOF
	}
	n, err := k.Reader.Read(p[:min(len(p), k.left)])
	if k.left -= n; k.left == 0 && err == nil {
		return n, nil
	}
	return n, err
}
