package pipeline

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"

	"github.com/vhive-serverless/STeLLAR/src/machine"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// backlogNote says of servers on this machine that they queue fewer connections than a burst opens: the kernel turns
// the others away, and they are tried again after a second. The local platform's own gateway queues enough.
func (s probeStage) backlogNote(env *study.Env) string {
	if s.platform.hosts || len(env.Sub.BurstSizes) == 0 || env.Sub.Sustained() {
		return ""
	}
	size := slices.Max(env.Sub.BurstSizes)
	seen := map[int]bool{}
	for _, e := range env.Endpoints {
		port := portHere(e.URL)
		if port == 0 || seen[port] {
			continue
		}
		seen[port] = true
		backlog, err := machine.ListenBacklog(port)
		if err != nil {
			s.Log.Debugf("port %d: %v", port, err)
		}
		if backlog > 0 && backlog < size {
			return fmt.Sprintf("the server's own listen backlog is %d, and a burst has up to %d requests: connections "+
				"beyond it are turned away and tried again after a second: let the server listen with a larger "+
				"backlog, or send smaller bursts", backlog, size)
		}
	}
	return ""
}

// portHere is the port of a URL that leads to this machine's loopback interface, else 0.
func portHere(address string) int {
	u, err := url.Parse(address)
	if err != nil {
		return 0
	}
	if at, err := netip.ParseAddr(u.Hostname()); u.Hostname() != "localhost" && (err != nil || !at.IsLoopback()) {
		return 0
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return map[string]int{"http": 80, "https": 443}[u.Scheme]
	}
	return port
}
