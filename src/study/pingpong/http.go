package pingpong

import (
	"context"

	"github.com/vhive-serverless/STeLLAR/src/netprobe"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// overHTTP sends Repetitions requests, one after the other, over one connection that is kept. The four instants of each
// are an exchange. What an instance answers cold is warm-up, and so is the first answer of all.
func (m *measurement) overHTTP(ctx context.Context, invocation int) error {
	cfg := m.load(invocation)
	cfg.Bursts = m.env.Sub.Repetitions
	rows := make([]sample.PingPong, 0, cfg.Bursts)
	var answer *netprobe.Answer
	cfg.Answer = func(row *sample.Sample, body []byte) {
		if row.Err == sample.OK {
			answer, _ = netprobe.ReadAnswer(body) // what is no answer of ours has no instants
		}
	}
	failed := 0
	sent := m.rows.Send(ctx, cfg, invocation, func(burst []sample.Sample) error {
		request := &burst[0]
		row := exchange(request, answer)
		row.Number, row.Invocation = len(rows), invocation
		row.Warmup = len(rows) == 0 || request.Cold == sample.Yes
		rows = append(rows, row)
		if request.Err != sample.OK {
			failed++
		}
		answer = nil
		return nil
	})
	if failed > 0 {
		m.warn(invocation, "%d of %d requests failed", failed, len(rows))
	}
	if err := m.record(rows, failed > 0); err != nil {
		return err
	}
	return sent
}

// exchange is a request's row. One that failed, or whose answer has no instants, has the driver's first instant alone.
func exchange(request *sample.Sample, answer *netprobe.Answer) sample.PingPong {
	instants := netprobe.Instants{Sent: request.SentAt.Add(max(request.WriteBegan, 0))}
	if answer != nil && request.Err == sample.OK && request.FirstByte >= 0 {
		instants.Replied = request.SentAt.Add(request.FirstByte)
		instants.Received, instants.Answered = answer.Received, answer.Answered
		instants.Resolution = answer.Resolution
	}
	row := instants.Row()
	if _, complete := row.RTT(); !complete {
		row = sample.PingPong{ServerSend: instants.Sent}
	}
	row.RequestID, row.Endpoint, row.InstanceID = request.RequestID, request.Endpoint, request.InstanceID
	return row
}
