package local

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
)

// goroutinesIn counts the goroutines of this process that are inside a function of this package.
func goroutinesIn(function string) int {
	buf := make([]byte, 4<<20)
	stacks := string(buf[:runtime.Stack(buf, true)])
	n := 0
	for _, stack := range strings.Split(stacks, "\n\n") {
		if strings.Contains(stack, "/src/local."+function+"(") {
			n++
		}
	}
	return n
}

// A request to a server that timed out leaves neither instance nor goroutine, whether or not others are served beside
// it.
func TestTimedOutRequestLeavesNoWorker(t *testing.T) {
	c := testEngine(t)
	name := fmt.Sprintf("stellar-test-worker:%d", os.Getpid())
	testImage(t, c, name, architecture)
	p, ctl := testPlatform(t, nil)
	url := deployTo(t, ctl, ofImage(name, func(f *client.FunctionSpec) {
		f.ImageContract, f.Concurrency, f.Queueing, f.TimeoutSeconds = client.ContractHTTP, 3, client.QueueingShared, 1
	}))
	getOK(t, url)
	if n := goroutinesIn("(*instance).work"); n != 3 {
		t.Fatalf("%d workers of an instance that serves three requests at once", n)
	}
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() { wantFailure(t, url+"?sleep=3000", http.StatusGatewayTimeout, kindTimeout, "timed out") })
	}
	wait.Go(func() {
		time.Sleep(600 * time.Millisecond) // it is served while the others time out, and keeps the instance
		getOK(t, url+"?sleep=800")
	})
	wait.Wait()
	eventually(t, "the instance ends", func() bool {
		return len(containersOf(t, c, p.opts.Dir)) == 0 && p.Status().Instances == 0
	})
	for _, function := range []string{"(*instance).work", "(*instance).converse"} {
		eventually(t, "no goroutine is in "+function, func() bool { return goroutinesIn(function) == 0 })
	}
	getOK(t, url) // on a new instance
}

// A server whose container ends under a request is told of by how it ended, and not by the connection, which is closed
// before.
func TestServerThatEndsIsJudged(t *testing.T) {
	c := testEngine(t)
	name := fmt.Sprintf("stellar-test-judged:%d", os.Getpid())
	testImage(t, c, name, architecture)
	_, ctl := testPlatform(t, nil)
	url := deployTo(t, ctl, ofImage(name, func(f *client.FunctionSpec) {
		f.ImageContract, f.Concurrency, f.Queueing, f.MemoryMB = client.ContractHTTP, 2, client.QueueingShared, 128
	}))
	wantFailure(t, url+"?exit=1", http.StatusBadGateway, kindCrash, "exit status 4")
	wantFailure(t, url+"?alloc=300", http.StatusBadGateway, kindOutOfMemory, "out of memory")
	wantFailure(t, url+"?break=1", http.StatusBadGateway, kindCrash, "its server aborted the request")
	getOK(t, url)
}
