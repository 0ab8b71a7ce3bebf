package probe

import (
	"slices"
	"strconv"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe/answer"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// sample makes the row, after the burst.
func (s *slot) sample(row *sample.Sample) {
	b := s.b
	*row = sample.Empty()
	row.Host, row.Endpoint = b.target.hostPort, b.target.label
	row.Slot, row.Warmup, row.Desired = s.index, b.warmup, b.desired
	clocks := b.anchor
	if b.load != nil {
		clocks = b.engine.rec.wall.at(s.planned)
		row.Burst, row.Round, row.PlannedAt = s.second, s.round, clocks.wall
	} else {
		row.Burst, row.Round, row.BurstSize = b.n, b.number, len(b.slots)
		released := time.Duration(b.release.Load())
		row.ReleasedAt, row.PlannedAt = clocks.time(released), clocks.time(released)
		if b.planned >= 0 {
			row.PlannedAt = clocks.time(min(b.planned, released))
		}
	}
	row.SentAt = clocks.time(s.sent)
	row.Lateness = row.SentAt.Sub(row.PlannedAt)
	row.NewConn, row.TraceID = s.newConn, s.traceID()
	row.DNS, row.Connect, row.TLS = s.phases.dns, s.phases.connect, s.phases.tls
	row.WriteBegan, row.Written, row.FirstByte = s.since(s.began), s.since(s.wrote), s.since(s.resp.first)
	row.Err = s.class
	if s.resp.status >= 200 {
		row.Status, row.Bytes = s.resp.status, s.resp.length
	}
	if s.resp.whole {
		row.ReceivedAt = clocks.time(s.end)
	}
	if s.class == sample.OK {
		row.Latency = s.since(s.end)
	}
	if s.resent {
		row.Suspect = resentWord
	}
	if b.target.proto.grpc {
		answer.DescribeCall(row, s.resp.body)
	}
	if bodies := b.engine.cfg.Bodies; len(bodies) > 0 {
		row.Body = bodies[s.variant].Name
	}
	if b.client.ChunkBytes > 0 {
		row.Stream = s.streamed(clocks)
		answer.Describe(row, s.resp.head, s.resp.firstLine())
	} else if b.target.invoke {
		answer.Describe(row, s.resp.head, s.unwrap(row, s.resp.complete()))
	} else {
		s.resp.describe(row)
	}
	if row.RequestID == "" {
		row.RequestID = b.target.label + "-b" + strconv.Itoa(row.Burst) + "-s" + strconv.Itoa(s.index)
	}
}

// describe adds to a row what the response reports about the function.
func (p *response) describe(s *sample.Sample) { answer.Describe(s, p.head, p.complete()) }

// complete is the body of a response that has been kept as a whole, else nil.
func (p *response) complete() []byte {
	if !p.whole || p.length != int64(len(p.body)) {
		return nil
	}
	return p.body
}

// resentWord is the Suspect of a request that was sent twice, because an HTTP/2 connection did not accept it.
const resentWord = "resent"

// since converts a stamp to a time since the slot's turn; None stays None.
func (s *slot) since(at time.Duration) time.Duration {
	if at < 0 {
		return sample.None
	}
	return max(at-s.sent, 0)
}

// medianOf is the median latency of the rows that have one, or None.
func medianOf(rows []sample.Sample) time.Duration {
	all := make([]time.Duration, 0, len(rows))
	for i := range rows {
		if rows[i].Latency >= 0 {
			all = append(all, rows[i].Latency)
		}
	}
	if len(all) == 0 {
		return sample.None
	}
	slices.Sort(all)
	return all[len(all)/2]
}
