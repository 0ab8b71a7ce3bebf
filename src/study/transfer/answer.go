package transfer

import (
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/probe/answer"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// chainAnswer is the part of a function's answer that is about its chain. Instants are Unix ns, in decimal.
type chainAnswer struct {
	TimestampChain []string
	PayloadBytes   *int64
	PayloadSHA256  string
	Hops           []struct {
		SentAt     string
		ReceivedAt string
		CalledAt   string
		ArrivedAt  string
		RepliedAt  string
		AnsweredAt string
		Bytes      int64
		SHA256     string
		Instance   string
		Cold       *bool
		PutNs      int64
		FirstNs    int64
		GetNs      int64
	}
}

func readAnswer(body []byte) (*chainAnswer, error) {
	var a chainAnswer
	err := json.Unmarshal(body, &a)
	return &a, err
}

// prove checks that a payload of size bytes went through a chain of so many functions: each of them had as many bytes,
// with the SHA-256 that the first one computed.
func (a *chainAnswer) prove(functions int, size int64) error {
	switch {
	case a.PayloadBytes == nil || a.PayloadSHA256 == "":
		return failed{sample.Protocol, errors.New("the function says nothing of a payload: is it the measurement " +
			"function?")}
	case len(a.Hops) != functions-1 || len(a.TimestampChain) != functions:
		return broken("%d functions had the payload, and %d were to have it", len(a.Hops)+1, functions)
	case *a.PayloadBytes != size:
		return broken("the payload has %d bytes, and %d were asked for", *a.PayloadBytes, size)
	}
	for k, h := range a.Hops {
		if h.Bytes != size || h.SHA256 != a.PayloadSHA256 {
			return broken("function %d had %d bytes with the SHA-256 %.64q; %d bytes with %.64q were made", k+1,
				h.Bytes, h.SHA256, size, a.PayloadSHA256)
		}
	}
	return nil
}

// chain is what the answer says, for the row.
func (a *chainAnswer) chain() *sample.Chain {
	c := &sample.Chain{SHA256: answer.Clean(a.PayloadSHA256)}
	for _, text := range a.TimestampChain {
		c.Stamps = append(c.Stamps, instant(text))
	}
	for _, h := range a.Hops {
		hop := sample.Hop{SentAt: instant(h.SentAt), ReceivedAt: instant(h.ReceivedAt), CalledAt: instant(h.CalledAt),
			ArrivedAt: instant(h.ArrivedAt), RepliedAt: instant(h.RepliedAt), AnsweredAt: instant(h.AnsweredAt),
			Bytes: h.Bytes, Put: max(time.Duration(h.PutNs), 0), FirstByte: max(time.Duration(h.FirstNs), 0),
			Get: max(time.Duration(h.GetNs), 0), InstanceID: answer.Clean(h.Instance)}
		hop.Coarse = coarse(hop.SentAt, hop.CalledAt, hop.AnsweredAt) +
			coarse(hop.ReceivedAt, hop.ArrivedAt, hop.RepliedAt)
		if h.Cold != nil {
			hop.Cold = sample.No
			if *h.Cold {
				hop.Cold = sample.Yes
			}
		}
		c.Hops = append(c.Hops, hop)
	}
	return c
}

// coarse is what a clock of whole milliseconds, as those of Workers are, adds to the bound of an exchange: each of its
// two instants may be a millisecond early. Other clocks add nothing.
func coarse(stamps ...time.Time) time.Duration {
	for _, t := range stamps {
		if t.Nanosecond()%int(time.Millisecond) != 0 {
			return 0
		}
	}
	return 2 * time.Millisecond
}

// instant reads Unix nanoseconds between the years 2001 and 2262; anything else is none.
func instant(text string) time.Time {
	ns, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ns < 1e18 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}
