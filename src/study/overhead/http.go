package overhead

import (
	"context"
	"errors"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/netprobe"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

const (
	mostRequests = 1000             // of a search: it has no more exchanges than one over UDP
	stale        = 60 * time.Second // the age from which on a clock is measured anew: offsets drift
)

// errFound ends the requests of a search.
var errFound = errors.New("the clock is known")

// search finds the clock of the instance that has answered: warm requests without a payload over one connection, until
// N of them in a row bring no smaller round trip. An instance whose clock is known and not old keeps it. Where other
// instances answer in its place, their clocks are learnt, and the row has none. The requests are warm-up in
// latencies.csv.
func (m *measurement) search(ctx context.Context, row *sample.Overhead, at int) error {
	if row.InstanceID == "" {
		m.once("instance", "the function does not name its instance: whose clock warm requests show is not known")
		return nil
	}
	if !m.knows(row) {
		if err := m.request(ctx, row.InstanceID, at); err != nil {
			return err
		}
	}
	o, ok := m.clocks.Of(row.InstanceID)
	if !ok {
		m.once("other", "other instances answered the requests that were to show the clock of %s: its row has no time",
			row.InstanceID)
		return nil
	}
	setClock(row, &o, o.BoundAt(row.Start))
	return nil
}

// knows says whether the clock of a row's instance need not be measured.
func (m *measurement) knows(row *sample.Overhead) bool {
	o, ok := m.clocks.Of(row.InstanceID)
	if ok && row.Start.Sub(o.At) > stale {
		m.clocks = netprobe.Clocks{N: m.env.Sub.N}
		return false
	}
	return ok && o.Samples > m.env.Sub.N
}

// request sends the requests of a search.
func (m *measurement) request(ctx context.Context, instance string, at int) error {
	cfg := m.load(at)
	cfg.Bursts, cfg.Warmup, cfg.Connections = mostRequests, mostRequests, probe.Reuse
	var answer *netprobe.Answer
	cfg.Answer = func(row *sample.Sample, body []byte) {
		if row.Err == sample.OK {
			answer, _ = netprobe.ReadAnswer(body) // what is no answer of ours has no instants
		}
	}
	round, failures := m.round, 0
	err := m.rows.Send(ctx, cfg, round, func(burst []sample.Sample) error {
		request := &burst[0]
		m.round++
		defer func() { answer = nil }()
		if request.Err != sample.OK || answer == nil || request.FirstByte < 0 || request.WriteBegan < 0 {
			if failures++; failures >= max(m.env.Sub.N, 1) {
				return errFound // of what has come so far
			}
			return nil
		}
		i := netprobe.Instants{Sent: request.SentAt.Add(request.WriteBegan),
			Replied: request.SentAt.Add(request.FirstByte), Received: answer.Received, Answered: answer.Answered,
			Resolution: answer.Resolution}
		exchange := i.Row()
		if m.clocks.Add(request.InstanceID, &exchange) && request.InstanceID == instance {
			return errFound
		}
		return nil
	})
	if errors.Is(err, errFound) {
		return nil
	}
	return err
}
