package local

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
)

// A server that listens where nobody can reach it is told so, with what it does listen on.
func TestServerThatListensElsewhere(t *testing.T) {
	c := testEngine(t)
	name := fmt.Sprintf("stellar-test-listen:%d", os.Getpid())
	testImage(t, c, name, architecture)
	p, ctl := testPlatform(t, func(o *Options) { o.InitTimeout = time.Hour })
	for at, want := range map[string]string{
		"127.0.0.1:8080": "open are 127.0.0.1:8080: let the server listen on 0.0.0.0, a loopback address",
		":5000":          "open are [::]:5000: let the server listen on 0.0.0.0 and the port that $PORT gives",
		"no address":     "", // it ends at once
	} {
		url := deployTo(t, ctl, ofImage(name, func(f *client.FunctionSpec) {
			f.ImageContract, f.Environment = client.ContractHTTP, map[string]string{"LISTEN": at}
		}))
		if want == "" {
			wantFailure(t, url, http.StatusBadGateway, kindInitCrash, "no address")
			continue
		}
		go timeOutInit(t, p, want)
		r := wantFailure(t, url, http.StatusGatewayTimeout, kindInitTimeout,
			"not ready 1h0m0s after its start: ready means that port 8080 ($PORT) takes connections at the container's "+
				"own address ")
		if !strings.HasSuffix(strings.TrimSpace(r.Error), "outside") && at == "127.0.0.1:8080" ||
			!strings.Contains(r.Error, want) {
			t.Errorf("%s: %s; want %s", at, r.Error, want)
		}
	}
	url := deployTo(t, ctl, ofImage(name,
		func(f *client.FunctionSpec) { f.Environment = map[string]string{"INIT": "hang"} }))
	go timeOutInit(t, p, "Runtime API")
	wantFailure(t, url, http.StatusGatewayTimeout, kindInitTimeout, "it has not asked the Runtime API")
}

// timeOutInit has the time for an instance's init end when what it misses is this.
func timeOutInit(t *testing.T, p *Platform, missing string) {
	for {
		for _, in := range p.everyInstance() {
			in.mu.Lock()
			started := in.endInit != nil
			in.mu.Unlock()
			if started && strings.Contains(in.notReady(), missing) {
				in.initTimedOut()
				return
			}
		}
		select {
		case <-t.Context().Done():
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
}
