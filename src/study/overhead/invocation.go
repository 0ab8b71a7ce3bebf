package overhead

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/netprobe"
	"github.com/vhive-serverless/STeLLAR/src/probe"
	"github.com/vhive-serverless/STeLLAR/src/sample"
	"github.com/vhive-serverless/STeLLAR/src/study"
)

// alphabet has 64 characters that neither JSON, nor a query, nor a gateway writes in another way.
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// payload is a request body of exactly so many bytes: random text, each byte of which holds 6 random bits. It is the
// same for the same seed.
func payload(env *study.Env, size int64) []byte {
	random := rand.New(rand.NewPCG(uint64(env.Seed), uint64(env.Index)<<48^uint64(size))) //nolint:gosec // no secret
	out := make([]byte, size)
	for i := range out {
		if i%10 == 0 {
			fill(out[i:min(i+10, len(out))], random.Uint64())
		}
	}
	return out
}

// fill writes up to ten characters from the bits of a number.
func fill(out []byte, bits uint64) {
	for i := range out {
		out[i], bits = alphabet[bits&63], bits>>6
	}
}

// load is one request to an endpoint.
func (m *measurement) load(at int) probe.Config {
	cfg := m.env.Load(m.env.Target(m.env.Endpoints[at]))
	cfg.Bursts, cfg.BurstSize, cfg.Warmup, cfg.Load, cfg.Cold, cfg.Watch = 1, nil, 0, nil, nil, false
	cfg.Schedule, cfg.Arrivals.IAT, cfg.Arrivals.Type = probe.Closed, 0, ""
	cfg.KeepBody = 8 << 20 // the rows of a synchronisation are in the answer
	return cfg
}

// invocation makes one invocation and gives its row, with the offset of the clock of the instance that has answered.
func (m *measurement) invocation(ctx context.Context, p *point, repetition int) (*sample.Overhead, error) {
	at := m.env.Endpoints[p.at]
	if p.wanted == sample.Yes {
		if err := m.env.MakeCold(ctx, at); err != nil {
			return nil, err
		}
	}
	cfg := m.load(p.at)
	if p.body != nil {
		cfg.Method, cfg.Body = http.MethodPost, func(int) []byte { return p.body }
		cfg.Targets[0].Header.Set("Content-Type", "text/plain")
	}
	var x *netprobe.Exchange
	if m.listener != nil {
		var err error
		if x, err = m.synchronize(ctx, &cfg, at); err != nil {
			return nil, err
		}
	}
	var answer *netprobe.Answer
	cfg.Answer = func(row *sample.Sample, body []byte) {
		if row.Err == sample.OK {
			answer = m.read(body)
		}
	}
	request := sample.Empty()
	request.Err = sample.Timeout // where no row comes
	sent := m.rows.Send(ctx, cfg, m.round, func(burst []sample.Sample) error {
		request = burst[0]
		return nil
	})
	m.round++
	row := rowOf(m.env, p, repetition, &request, answer)
	if x != nil {
		m.exchanged(row, x, answer)
	}
	if sent == nil && x == nil && answer != nil {
		sent = m.search(ctx, row, p.at)
	}
	return row, sent
}

// read reads a function's answer; nil: it is none of ours, and has no instants.
func (m *measurement) read(body []byte) *netprobe.Answer {
	a, err := netprobe.ReadAnswer(body)
	if err != nil {
		m.once("answer", "%v", err)
		return nil
	}
	if a.Received.IsZero() {
		m.once("clock", "the function does not say when it has received a request (ReceivedAt): its invocations have "+
			"no time. The measurement function does")
	}
	return a
}

// rowOf is the row of a request, without a clock.
func rowOf(env *study.Env, p *point, repetition int, request *sample.Sample, answer *netprobe.Answer) *sample.Overhead {
	row := &sample.Overhead{Type: env.Sub.OverheadType, Size: p.size, Repetition: repetition, Wanted: p.wanted,
		Cold: request.Cold, Start: request.SentAt, Connection: sample.None, RequestID: request.RequestID,
		Endpoint: env.Endpoints[p.at].Function, InstanceID: request.InstanceID, Err: request.Err}
	if request.WriteBegan >= 0 {
		row.Connection = request.WriteBegan
	}
	if answer != nil {
		row.Finish = answer.Received
	}
	return row
}

// synchronize adds an exchange of datagrams to a request. It stands in the query, so that the body is all payload.
func (m *measurement) synchronize(ctx context.Context, cfg *probe.Config, at study.Endpoint) (*netprobe.Exchange,
	error) {
	address, err := m.env.Advertised(ctx, at)
	if err != nil {
		return nil, err
	}
	x := m.listener.Begin()
	command := x.Synchronize(address, m.env.Sub.N)
	command.Seconds = m.seconds()
	text, err := json.Marshal(map[string]any{"udp": command})
	if err != nil {
		return nil, err
	}
	own := cfg.Query
	cfg.Query = func(round int) url.Values {
		q := own(round)
		q.Set("cmds", string(text))
		return q
	}
	return x, nil
}

// seconds is how long an exchange may take: its answer has to be in before the client, or the function's gateway, gives
// the request up.
func (m *measurement) seconds() float64 {
	const share = 0.8
	least := m.env.Sub.TimeoutSeconds
	if most := m.env.AnswerSeconds; most > 0 {
		least = min(least, most)
	}
	return share * least
}

// exchanged takes the clock from the exchange of a request.
func (m *measurement) exchanged(row *sample.Overhead, x *netprobe.Exchange, answer *netprobe.Answer) {
	var rows *netprobe.FunctionRows
	if answer != nil {
		rows = answer.Rows
	}
	t := x.End(rows)
	if answer == nil {
		return
	}
	if o, ok := netprobe.Estimate(t.Rows); ok {
		setClock(row, &o, o.Bound+answer.Resolution)
		return
	}
	switch {
	case answer.Error != "":
		m.once("udp", "the function could not exchange datagrams: %s", answer.Error)
	case answer.Rows == nil:
		m.once("udp", "the answer has no exchange: the function does not know the command udp")
	case t.Heard == 0:
		m.once("udp", "no datagram of the function has reached this machine at UDP port %d. A firewall, or NAT "+
			"without AdvertiseAddress, stands between them: open the port, give the address, or use "+
			`"Exchange": "http"`,
			m.listener.Port())
	}
}

// setClock gives a row the offset of its instance's clock, which is off by bound at most.
func setClock(row *sample.Overhead, o *netprobe.Offset, bound time.Duration) {
	row.Clock, row.Offset, row.OffsetError, row.RTT = true, o.Offset, bound, o.RTT
	row.Mean, row.SD, row.Exchanges = o.Mean, o.SD, o.Samples
}
