package local

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// A server that listens where nobody can reach it is told so, with what it does listen on.
func TestServerThatListensElsewhere(t *testing.T) {
	c := testEngine(t)
	name := fmt.Sprintf("stellar-test-listen:%d", os.Getpid())
	testImage(t, c, name, architecture)
	_, ctl := testPlatform(t, func(o *Options) { o.InitTimeout = 2 * time.Second })
	for at, want := range map[string]string{
		"127.0.0.1:8080": "open are 127.0.0.1:8080: let the server listen on 0.0.0.0, a loopback address",
		":5000":          "open are [::]:5000: let the server listen on 0.0.0.0 and the port that $PORT gives",
		"no address":     "", // it ends at once
	} {
		url := deployTo(t, ctl, ofImage(name, func(f *FunctionSpec) {
			f.ImageContract, f.Environment = ContractHTTP, map[string]string{"LISTEN": at}
		}))
		if want == "" {
			wantFailure(t, url, http.StatusBadGateway, kindInitCrash, "no address")
			continue
		}
		r := wantFailure(t, url, http.StatusGatewayTimeout, kindInitTimeout,
			"not ready 2s after its start: ready means that port 8080 ($PORT) takes connections at the container's own address ")
		if !strings.HasSuffix(strings.TrimSpace(r.Error), "outside") && at == "127.0.0.1:8080" ||
			!strings.Contains(r.Error, want) {
			t.Errorf("%s: %s; want %s", at, r.Error, want)
		}
	}
	url := deployTo(t, ctl, ofImage(name, func(f *FunctionSpec) { f.Environment = map[string]string{"INIT": "hang"} }))
	wantFailure(t, url, http.StatusGatewayTimeout, kindInitTimeout, "it has not asked the Runtime API")
}

func TestWaitedFor(t *testing.T) {
	table := `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1
   1: 020011AC:9C40 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 2
   2: 00000000:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 0 0 0 0 0 4
   1: 0000000000000000FFFF00000100007F:0050 00000000000000000000000000000000:0000 0A 0 0 0 0 0 5
   2: xyz:1 0 0A
`
	open := listening([]byte(table))
	if got := fmt.Sprint(open); got != "[0.0.0.0:5000 127.0.0.1:80 127.0.0.1:8080 [::1]:8080]" {
		t.Errorf("listening: %s", got)
	}
	for _, c := range []struct {
		open []netip.AddrPort
		err  error
		want string
	}{
		{open, nil, "own address 172.17.0.2; open are 0.0.0.0:5000, 127.0.0.1:80, 127.0.0.1:8080, [::1]:8080: " +
			"let the server listen on 0.0.0.0, a loopback"},
		{open[:1], nil, "open are 0.0.0.0:5000: let the server listen on 0.0.0.0 and the port that $PORT gives"},
		{nil, nil, "no port is open"},
		{nil, errors.New("permission denied"), "which ports are open cannot be read: permission denied"},
	} {
		if got := waitedFor("172.17.0.2:8080", c.open, c.err); !strings.Contains(got, c.want) {
			t.Errorf("%s; want %s", got, c.want)
		}
	}
}
