package pipeline

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/netprobe"
	"github.com/vhive-serverless/STeLLAR/src/study"
	"github.com/vhive-serverless/STeLLAR/src/study/catalog"
)

// udpPorts are the ports of a sub-experiment that functions send datagrams to; none where it needs none.
func udpPorts(s *experiment.SubExperiment) []int {
	var all []int
	for _, n := range catalog.Needs(s) {
		if n.Kind == study.NeedUDP {
			for i := range n.Ports {
				all = append(all, n.Port+i)
			}
		}
	}
	return all
}

// listen opens the ports of all sub-experiments that are run. Functions on this machine reach them on its loopback
// address alone, others on every address. The ports end with the process: nothing has to be undone.
func (c Config) listen(ctx context.Context, exp *experiment.Experiment) (*netprobe.Ports, error) {
	var all []int
	for _, i := range c.Subs(exp) {
		all = append(all, udpPorts(&exp.SubExperiments[i])...)
	}
	host := ""
	if loopback(exp) {
		host = netprobe.Loopback
	}
	return netprobe.OpenPorts(ctx, host, all)
}

// PortsFree says which of the ports that functions send datagrams to is in use. It opens and closes them.
func (c Config) PortsFree(ctx context.Context, exp *experiment.Experiment) error {
	ports, err := c.listen(ctx, exp)
	if err != nil {
		return err
	}
	return ports.Close()
}

// Reachable says which sub-experiments want datagrams of functions that cannot reach this machine: its address is a
// private one, theirs are not. hosts are those of existing functions; empty: they will be on the Internet.
func (c Config) Reachable(ctx context.Context, exp *experiment.Experiment, hosts []string) []error {
	if loopback(exp) {
		return nil
	}
	if len(hosts) == 0 {
		hosts = []string{""}
	}
	route := c.Route
	if route == nil {
		route = netprobe.Route
	}
	var all []error
	for _, i := range c.Subs(exp) {
		s := &exp.SubExperiments[i]
		ports := udpPorts(s)
		if len(ports) == 0 || s.AdvertiseAddress != "" {
			continue
		}
		for _, host := range slices.Compact(slices.Sorted(slices.Values(hosts))) {
			if err := reaches(ctx, route, host, exp.Provider); err != nil {
				all = append(all, fail.Input("SubExperiments[%d] %s: Exchange udp: %w", i, s.Title, err).
					WithHint(`"Exchange": "http" needs no address that functions reach; or give AdvertiseAddress, the `+
						"address at which UDP ports %d to %d reach this machine", slices.Min(ports), slices.Max(ports)))
				break
			}
		}
	}
	return all
}

// reaches says why a function on a host cannot reach this machine; nil: it may.
func reaches(ctx context.Context, route func(context.Context, string) (netip.Addr, error), host, cloud string) error {
	if at, err := netip.ParseAddr(host); err == nil && netprobe.Private(at.Unmap()) {
		return nil // on this machine's own network
	}
	from, err := route(ctx, host)
	if err != nil {
		return err
	}
	if netprobe.Private(from) {
		return fmt.Errorf("this machine's address %s is a private one, which functions in %s cannot reach", from, cloud)
	}
	return nil
}
