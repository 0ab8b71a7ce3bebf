package pingpong

import (
	"context"
	"net/http"

	"github.com/vhive-serverless/STeLLAR/src/netprobe"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// bodyBytes is how much of an answer is kept: the rows of netprobe.MaxRepetitions exchanges.
const bodyBytes = 8 << 20

// overUDP asks the function for an exchange of datagrams. It waits for the first of them as long as the request may
// take, for a cold start is no packet loss; the answer ends the exchange, whatever has become of the datagrams.
func (m *measurement) overUDP(ctx context.Context, invocation int) error {
	listener, err := m.env.Listen(m.env.Sub.FirstPort + invocation)
	if err != nil {
		return err
	}
	at := m.endpoint(invocation)
	address, err := m.env.Advertised(ctx, at)
	if err != nil {
		return err
	}
	x := listener.Begin()
	command := x.Ping(address, m.env.Sub.Repetitions)
	command.Seconds = m.seconds()

	cfg := m.load(invocation)
	cfg.Method, cfg.Body, cfg.KeepBody = http.MethodPost, func(int) []byte { return command.Body() }, bodyBytes
	cfg.Targets[0].Header.Set("Content-Type", "application/json")
	var answer *netprobe.Answer
	var wrong error
	cfg.Answer = func(row *sample.Sample, body []byte) {
		if row.Err == sample.OK {
			answer, wrong = netprobe.ReadAnswer(body)
		}
	}
	request := sample.Empty()
	sent := m.rows.Send(ctx, cfg, invocation, func(burst []sample.Sample) error {
		request = burst[0]
		return nil
	})
	var rows *netprobe.FunctionRows
	if answer != nil {
		rows = answer.Rows
	}
	t := x.End(rows)
	m.explain(invocation, command, &request, answer, wrong, &t)
	for i := range t.Rows {
		r := &t.Rows[i]
		r.Invocation, r.Endpoint, r.RequestID, r.InstanceID = invocation, at.Function, request.RequestID,
			request.InstanceID
		r.Warmup = r.Number == 0
	}
	if err := m.record(t.Rows, request.Err != sample.OK); err != nil {
		return err
	}
	return sent
}

// seconds is how long an exchange may take: its answer has to be in before the client, or the function's gateway, gives
// the request up.
func (m *measurement) seconds() float64 {
	const share = 0.9
	least := m.env.Sub.TimeoutSeconds
	if most := m.env.AnswerSeconds; most > 0 {
		least = min(least, most)
	}
	return share * least
}

// explain says what the rows alone do not say.
func (m *measurement) explain(invocation int, command netprobe.Command, request *sample.Sample,
	answer *netprobe.Answer, wrong error, t *netprobe.Trace) {
	switch {
	case request.Err != sample.OK:
		m.warn(invocation, "the request failed (%s): the function's rows are not known, of %d datagrams there are "+
			"this machine's instants alone", request.Err, t.Heard)
	case wrong != nil:
		m.warn(invocation, "%v", wrong)
	case answer == nil:
	case answer.Error != "":
		m.noExchange(invocation, "the function could not exchange datagrams: "+answer.Error)
	case answer.Rows == nil:
		m.noExchange(invocation, "the answer has no exchange: the function does not know the command udp")
	case t.Heard == 0:
		m.silent(command)
	case t.End == netprobe.OutOfTime:
		m.warn(invocation, "the function ended after %d of %d exchanges: the request's time was nearly over. Fewer "+
			"Repetitions, or a longer TimeoutSeconds and FunctionTimeoutSeconds, bring them all", len(t.Rows),
			command.Repetitions)
	case t.End == netprobe.Losses:
		m.warn(invocation, "the function gave up after five losses in a row, at exchange %d", len(t.Rows)-1)
	}
}

// silent says, once, that datagrams do not reach this machine.
func (m *measurement) silent(command netprobe.Command) {
	m.mu.Lock()
	said := m.mute
	m.mute = true
	m.mu.Unlock()
	if !said && m.env.Log != nil {
		m.env.Log.Warnf("%s: no datagram of the function has reached this machine at %s, UDP port %d. A firewall, or "+
			"NAT without AdvertiseAddress, stands between them: open the ports, give the address, or use "+
			`"Exchange": "http"`,
			m.env.Sub.Title, command.Address, command.Port)
	}
}
