package pipeline

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
)

// pingPong is an experiment of the type network-ping-pong.
func pingPong(t *testing.T, provider, keys string) *experiment.Experiment {
	t.Helper()
	l, err := experiment.Parse("f.json", fmt.Appendf(nil, `{"Provider": %q, "SubExperiments": [{"Type": `+
		`"network-ping-pong", "Runtime": "go", "Protocol": "http1"%s}]}`, provider, keys), vendors.Known())
	if err != nil {
		t.Fatal(err)
	}
	return l.Experiment
}

// TestReachable: where this machine has a private address and functions are on the Internet, the exchange of datagrams
// is refused beforehand, with what can be done.
func TestReachable(t *testing.T) {
	const private, public = "172.17.0.2", "198.41.0.4"
	for _, c := range []struct {
		provider, keys, route string
		hosts                 []string
		refused               bool
	}{
		{"aws", "", private, nil, true},
		{"aws", "", public, nil, false},
		{"aws", `, "AdvertiseAddress": "h.example"`, private, nil, false},
		{"aws", `, "Exchange": "http"`, private, nil, false},
		{"local", "", private, nil, false},
		{"http://127.0.0.1:80/f", "", private, []string{"127.0.0.1"}, false},
		{"vhive", "", private, []string{"10.0.0.5", "10.0.0.6"}, false},
		{"vhive", "", private, []string{"10.0.0.5", "f.example"}, true},
		{"vhive", "", public, []string{"f.example"}, false},
	} {
		var asked []string
		conf := Config{Options: Options{Only: -1}, Route: func(_ context.Context, host string) (netip.Addr, error) {
			asked = append(asked, host)
			return netip.MustParseAddr(c.route), nil
		}}
		all := conf.Reachable(t.Context(), pingPong(t, c.provider, c.keys), c.hosts)
		if (len(all) > 0) != c.refused {
			t.Errorf("%+v: %v", c, all)
			continue
		}
		if !c.refused {
			continue
		}
		if text := all[0].Error(); !strings.Contains(text, "SubExperiments[0] measure-0: Exchange udp: this machine's "+
			"address 172.17.0.2 is a private one") || fail.Code(all[0]) != fail.CodeInput || len(asked) != 1 {
			t.Errorf("%+v: %s, code %d, asked for %q", c, text, fail.Code(all[0]), asked)
		}
		if hint := fail.Hint(all[0]); !strings.Contains(hint, `"Exchange": "http" needs no address`) ||
			!strings.Contains(hint, "UDP ports 12000 to 12049") {
			t.Errorf("%+v: hint %s", c, hint)
		}
	}
	offline := Config{Options: Options{Only: -1}, Route: func(context.Context, string) (netip.Addr, error) {
		return netip.Addr{}, errors.New("network is unreachable")
	}}
	if all := offline.Reachable(t.Context(), pingPong(t, "aws", ""), nil); len(all) != 1 ||
		!strings.Contains(all[0].Error(), "network is unreachable") {
		t.Errorf("without a route: %v", all)
	}
}

// TestPortsInUse: a port that another program has is named before anything is deployed; one that two sub-experiments
// have is not in use.
func TestPortsInUse(t *testing.T) {
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := conn.LocalAddr().(*net.UDPAddr).Port
	exp := pingPong(t, "local", fmt.Sprintf(`, "FirstPort": %d, "Invocations": 1`, port))
	exp.SubExperiments = append(exp.SubExperiments, exp.SubExperiments[0])
	c := Config{Options: Options{Only: -1}}
	if err := c.PortsFree(t.Context(), exp); err == nil || fail.Code(err) != fail.CodeInput ||
		!strings.Contains(err.Error(), fmt.Sprint("127.0.0.1:", port)) {
		t.Errorf("a port in use: %v", err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the first one has closed it again
		if err := c.PortsFree(t.Context(), exp); err != nil {
			t.Error(err)
		}
	}
}
