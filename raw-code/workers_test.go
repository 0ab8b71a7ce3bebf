package rawcode_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	rawcode "github.com/vhive-serverless/STeLLAR/raw-code"
	"github.com/vhive-serverless/STeLLAR/src/netprobe/relaytest"
)

// TestWorkerChains: a Worker passes payloads on to Workers and to functions in other languages, inline alone.
func TestWorkerChains(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "worker"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"measure/nodejs/core.cjs", "measure/nodejs/transfer.cjs",
		"adapters/cloudflare/nodejs/worker.mjs", "adapters/cloudflare/nodejs/fillers.mjs"} {
		text, err := rawcode.FS.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "worker", filepath.Base(name)), text)
	}
	serve, err := os.ReadFile("testdata/worker.mjs")
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "worker.mjs"), serve)
	address, err := relaytest.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(address)
	sum := sha256.Sum256([]byte(token))
	hash := hex.EncodeToString(sum[:])
	awaitListener(t, start(t, dir, []string{"node", "worker.mjs", port, hash}), address)
	worker := "http://" + address + "/"
	goDir := t.TempDir()
	linked(built(t, goProgram))(t, goDir)
	function := startHTTP(t, language{http: func(dir string) []string { return []string{dir + "/bootstrap"} }}, goDir,
		"STELLAR_TOKEN_SHA256="+hash).url + "/"
	for _, size := range []int64{0, 1, 1 << 20} {
		whole(t, askChain(t, chainCall(t, size, 1, "", worker, function, worker), worker), 3, size, false)
	}
	whole(t, askChain(t, chainCall(t, 10, 2, "", worker, worker, function), worker), 3, 10, false)
	r := askChain(t, chainCall(t, 10, 1, "http://127.0.0.1:1", worker, worker), worker)
	if status, why := refused(t, r); status != http.StatusBadRequest || !strings.Contains(why, "through storage") {
		t.Errorf("through storage: status %d, %s", status, why)
	}
	r = askChain(t, chainCall(t, 10, 1, "", worker, "http://127.0.0.1:1/f"), worker)
	if status, why := refused(t, r); status != http.StatusBadGateway || !strings.Contains(why, "http://127.0.0.1:1/f") {
		t.Errorf("no function: status %d, %s", status, why)
	}
}
