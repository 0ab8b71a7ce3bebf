package local_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// ownFunction answers the hash of what it was asked and of what is in its environment.
const ownFunction = `
import base64, hashlib, json, os

def handle(event, context):
    body = event.get("body", "").encode()
    if event.get("isBase64Encoded"):
        body = base64.b64decode(body)
    parts = [os.environ["KEY"], os.environ["STAGE"], event["rawQueryString"], event["headers"]["x-key"],
             event["headers"]["content-type"], event["pathParameters"]["proxy"]]
    sum = hashlib.sha256("\n".join(parts).encode() + b"\n" + body).hexdigest()
    return {"statusCode": 201, "body": json.dumps({"seen": {"sum": sum}})}
`

// TestOwnRequests: a function of the user's own sees the exact bytes and the exact environment, its answer is checked,
// and a secret is in no file that the run leaves, in no argument of a program, and in nothing that is printed.
func TestOwnRequests(t *testing.T) {
	const secret = "s3cr3t-${self:service}-\"é\\" // the Serverless CLI would replace a part of it
	want := sha256.Sum256(append([]byte(secret+"\n${self:stage} x\nq=%22\n"+secret+
		"\napplication/octet-stream\nitems/7\n"), "\x00bytes ${env:SECRET_KEY}"...))
	l := lab.New(t, fmt.Sprintf(`{"Provider": "local", "SubExperiments": [{"Title": "own", "Function": "./fn",
		"Runtime": "python3.13", "Handler": "main.handle", "Bursts": 3, "BurstSizes": [2],
		"Method": "PUT", "Path": "/items/7?q=%%22", "Headers": {"X-Key": "${env:SECRET_KEY}"}, "Body": "@body.bin",
		"Environment": {"KEY": "${env:SECRET_KEY}", "STAGE": "${self:stage} x"},
		"ExpectStatus": [201], "ExpectBody": {"path": "seen.sum", "value": %q}}]}`, hex.EncodeToString(want[:])))
	if err := os.Mkdir(filepath.Join(l.Dir, "fn"), 0o755); err != nil {
		t.Fatal(err)
	}
	l.Write("fn/main.py", ownFunction)
	l.Write("body.bin", "\x00bytes ${env:SECRET_KEY}")

	if _, said := l.Stellar(2, "-c", "exp.json", "-o", "out"); !strings.Contains(said,
		"the environment variable SECRET_KEY is not set") {
		t.Errorf("without the variable:\n%s", said)
	}
	if _, err := os.Stat(filepath.Join(l.Dir, "out")); err == nil {
		t.Error("without the variable something was made")
	}

	l.Set("SECRET_KEY=" + secret)
	said := watchArguments(t, l, "s3cr3t", "-c", "exp.json", "-o", "out", "--log-level", "debug")
	if strings.Contains(said, "s3cr3t") {
		t.Errorf("printed:\n%s", said)
	}
	files, err := filepath.Glob(filepath.Join(l.Dir, "out", "2*", "0-*", "latencies.csv"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v\n%s", files, err, said)
	}
	rows, _, err := sample.ReadFile(files[0])
	if err != nil || len(rows) != 6 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, r := range rows {
		if r.Err != sample.OK || r.Status != 201 || r.Latency <= 0 || r.Bytes == 0 {
			t.Errorf("row %+v", r)
		}
	}
	noFileHas(t, l.Dir, "s3cr3t")
}

// watchArguments runs the binary, which must succeed, and looks at the arguments of all programs meanwhile.
func watchArguments(t *testing.T, l *lab.Lab, secret string, args ...string) string {
	t.Helper()
	var said bytes.Buffer
	c := l.Command(args...)
	c.Stdout, c.Stderr = &said, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	looks := 0
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("%v\n%s", err, &said)
			}
			if looks == 0 {
				t.Error("nobody looked at the programs' arguments")
			}
			return said.String()
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		default:
		}
		time.Sleep(20 * time.Millisecond) // between two looks at all programs
		lines, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, line := range lines {
			text, _ := os.ReadFile(line) // of a program that may have ended
			if looks++; bytes.Contains(text, []byte(secret)) {
				t.Errorf("%s: %q", line, text)
			}
		}
	}
}

// noFileHas reads all files of a folder.
func noFileHas(t *testing.T, dir, secret string) {
	t.Helper()
	read := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if read++; bytes.Contains(text, []byte(secret)) {
			t.Errorf("%s has the secret", path)
		}
		return err
	})
	if err != nil || read == 0 {
		t.Errorf("%d files read, %v", read, err)
	}
}
