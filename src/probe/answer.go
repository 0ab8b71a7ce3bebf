package probe

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode"

	"stellar/src/sample"
)

// answer is the part of the measurement function's response that rows are made of. Old functions send RequestID and
// TimestampChain only.
type answer struct {
	RequestID      string
	TimestampChain []json.RawMessage
	Instance       struct {
		ID         string
		Cold       *bool
		Invocation int64
		InitNs     *int64
	}
	ReceivedAt json.RawMessage
	SpinNs     *int64
}

// maxText bounds a name that a response brings into the results.
const maxText = 256

// describe completes a sample with what the response says of the function. A body of any other shape changes nothing but the
// request id, which then comes from the head.
func (p *response) describe(s *sample.Sample) {
	var a answer
	ours := p.whole && p.length == int64(len(p.body))
	if ours {
		a, ours = readAnswer(p.body)
	}
	if ours {
		s.RequestID = clean(a.RequestID)
		s.InstanceID = clean(a.Instance.ID)
		s.Invocation = max(a.Instance.Invocation, 0)
		s.Init = spent(a.Instance.InitNs)
		s.Service = spent(a.SpinNs)
		s.FnReceived = stamp(a.ReceivedAt)
		if s.FnReceived.IsZero() && len(a.TimestampChain) > 0 {
			s.FnReceived = stamp(a.TimestampChain[0])
		}
		if a.Instance.Cold != nil {
			s.Cold = sample.No
			if *a.Instance.Cold {
				s.Cold = sample.Yes
			}
		}
	}
	for _, name := range requestIDFields() {
		if s.RequestID != "" {
			return
		}
		s.RequestID = clean(p.header(name))
	}
}

// requestIDFields are header fields in which gateways name a request, the most specific first.
func requestIDFields() []string {
	return []string{
		"x-amzn-requestid", "apigw-requestid", "x-amz-request-id", "function-execution-id", "x-request-id", "request-id",
		"x-ms-request-id", "x-fc-request-id", "x-cloud-trace-context", "cf-ray", "x-correlation-id",
	}
}

// spent takes a duration in nanoseconds that makes sense: from none to a day.
func spent(ns *int64) time.Duration {
	if ns == nil || *ns < 0 || *ns > int64(24*time.Hour) {
		return sample.None
	}
	return time.Duration(*ns)
}

// stamp reads a Unix time of 13 digits (ms), 16 (µs) or 19 (ns), as a JSON string or number; anything else is no time.
func stamp(raw json.RawMessage) time.Time {
	text := strings.Trim(string(raw), `"`)
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || text[0] == '+' {
		return time.Time{}
	}
	switch len(text) {
	case 13:
		return time.UnixMilli(n).UTC()
	case 16:
		return time.UnixMicro(n).UTC()
	case 19:
		return time.Unix(0, n).UTC()
	}
	return time.Time{}
}

// clean makes a text from outside fit for a row: bounded, valid UTF-8, no control characters.
func clean(text string) string {
	if len(text) > maxText {
		text = text[:maxText]
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}
