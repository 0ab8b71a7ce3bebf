package local

import (
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

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
		f.ImageContract, f.Concurrency, f.Queueing = client.ContractHTTP, 3, client.QueueingShared
	}))
	getOK(t, url)
	if n := goroutinesIn("(*instance).work"); n != 3 {
		t.Fatalf("%d workers of an instance that serves three requests at once", n)
	}
	var answered atomic.Int32
	waitForHanging, hanging := start(t, url+"?hang=1", 2, &answered)
	waitForOther, other := start(t, url+"?signal=1", 1, new(atomic.Int32))
	var ids []string
	in := p.everyInstance()[0]
	eventually(t, "all are served", func() bool {
		in.mu.Lock()
		defer in.mu.Unlock()
		ids = nil
		for id, inv := range in.inflight {
			if inv.raw.query == "hang=1" {
				ids = append(ids, id)
			}
		}
		return len(in.inflight) == 3
	})
	for _, id := range ids {
		timeOutIn(in, id)
	}
	waitForHanging()
	for _, r := range hanging {
		if r.status != http.StatusGatewayTimeout || r.header.Get("X-Stellar-Error") != kindTimeout {
			t.Errorf("status %d, %s", r.status, r.body)
		}
	}
	// The other one is served while these time out, and keeps the instance.
	if err := c.ContainerKill(t.Context(), containersOf(t, c, p.opts.Dir)[0].ID, "USR1"); err != nil {
		t.Fatal(err)
	}
	waitForOther()
	if other[0].status != http.StatusOK {
		t.Errorf("the other one: %d %s", other[0].status, other[0].body)
	}
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
