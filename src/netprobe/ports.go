package netprobe

import (
	"context"
	"errors"
	"net"
	"strconv"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Ports are the listeners of a run, by their ports. Sub-experiments that use the same port share its listener.
type Ports struct{ all map[int]*Listener }

// OpenPorts opens ports on one address of the machine, "" for all of them. A port given twice is opened once. Where one
// cannot be opened, none stays open.
func OpenPorts(ctx context.Context, host string, ports []int) (*Ports, error) {
	p := &Ports{all: make(map[int]*Listener, len(ports))}
	for _, port := range ports {
		if p.all[port] != nil {
			continue
		}
		l, err := Listen(ctx, net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
		p.all[port] = l
	}
	return p, nil
}

// At is the listener of a port.
func (p *Ports) At(port int) (*Listener, error) {
	if p == nil || p.all[port] == nil {
		return nil, fail.Input("UDP port %d is not open", port)
	}
	return p.all[port], nil
}

// Close closes all of them.
func (p *Ports) Close() error {
	var errs []error
	for _, l := range p.all {
		errs = append(errs, l.Close())
	}
	return errors.Join(errs...)
}
