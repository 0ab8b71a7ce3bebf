package pipeline

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/machine"
	"github.com/vhive-serverless/STeLLAR/src/study/catalog"
)

// Carries asks whether this machine can send what the experiment asks for: open files, local ports, memory.
func (c Config) Carries(exp *experiment.Experiment) error {
	var sum machine.Need
	sum.Loopback = loopback(exp)
	for _, i := range c.Subs(exp) {
		for _, need := range catalog.Needs(&exp.SubExperiments[i]) {
			n := need.Load // zero of needs of other kinds
			if exp.Sequential {
				sum.Connections = max(sum.Connections, n.Connections)
				sum.New, sum.Bytes = max(sum.New, n.New), max(sum.Bytes, n.Bytes)
			} else {
				sum.Connections, sum.New, sum.Bytes = sum.Connections+n.Connections, sum.New+n.New, sum.Bytes+n.Bytes
			}
		}
	}
	if err := machine.Capacity(sum); err != nil {
		return fmt.Errorf("the experiment's load: %w", err)
	}
	return nil
}

// loopback says whether the functions are on this machine.
func loopback(exp *experiment.Experiment) bool {
	if onThisMachine(exp.ProviderKind()) {
		return true
	}
	target := exp.Provider
	if !strings.Contains(target, "://") { // a host, as the file may have it
		target = "http://" + target
	}
	u, err := url.Parse(target)
	if err != nil {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && addr.Unmap().IsLoopback()
}
