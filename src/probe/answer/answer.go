// Package answer reads what a function reports in its response (request id, instance, cold start, its own stamps) into
// a row. It runs after the burst, does not trust its input, and bounds every text.
package answer

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/vhive-serverless/STeLLAR/src/sample"
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

// MaxText is the longest text of a response that gets into a row, in bytes.
const MaxText = 256

// Describe completes a row with what an HTTP response reports about the function: its body, nil if it did not arrive
// completely, and its head (status line and header lines). A body of any other form changes only the request id, which
// then comes from the head.
func Describe(s *sample.Sample, head, body []byte) {
	var r report
	if readReport(body, &r) {
		r.describe(s)
	}
	if s.RequestID != "" {
		return
	}
	for _, name := range requestIDFields() {
		if s.RequestID != "" {
			return
		}
		s.RequestID = Clean(Header(head, name))
	}
}

// report is the answer in the form in which plain ones are read.
func (a *answer) report() report {
	r := report{
		requestID: []byte(a.RequestID), instanceID: []byte(a.Instance.ID), invocation: a.Instance.Invocation,
		init: numberOf(a.Instance.InitNs), spin: numberOf(a.SpinNs), received: a.ReceivedAt,
	}
	if len(a.TimestampChain) > 0 {
		r.first = a.TimestampChain[0]
	}
	if a.Instance.Cold != nil {
		r.cold = triState(*a.Instance.Cold)
	}
	return r
}

func numberOf(n *int64) optional {
	if n == nil {
		return optional{}
	}
	return optional{*n, true}
}

// describe copies the valid parts of an answer into a row.
func (r *report) describe(s *sample.Sample) {
	s.RequestID, s.InstanceID = cleanBytes(r.requestID), cleanBytes(r.instanceID)
	s.Invocation = max(r.invocation, 0)
	s.Init, s.Service = r.init.plausible(), r.spin.plausible()
	if s.FnReceived = parseStamp(r.received); s.FnReceived.IsZero() {
		s.FnReceived = parseStamp(r.first)
	}
	if r.cold != sample.Unknown {
		s.Cold = r.cold
	}
}

// requestIDFields are header fields in which gateways name a request, the most specific first.
func requestIDFields() []string {
	return []string{
		"x-amzn-requestid", "apigw-requestid", "x-amz-request-id", "function-execution-id", "x-request-id",
		"request-id",
		"x-ms-request-id", "x-fc-request-id", "x-cloud-trace-context", "cf-ray", "x-correlation-id",
	}
}

// plausible is a duration given in nanoseconds, None if it is outside 0 to 24 h.
func (o optional) plausible() time.Duration {
	if !o.known || o.n < 0 || o.n > int64(24*time.Hour) {
		return sample.None
	}
	return time.Duration(o.n)
}

// parseStamp reads a Unix time of 13 digits (ms), 16 (µs) or 19 (ns), as a JSON string or number; anything else is no
// time.
func parseStamp(raw []byte) time.Time {
	text := bytes.Trim(raw, `"`)
	if len(text) != 13 && len(text) != 16 && len(text) != 19 {
		return time.Time{}
	}
	var n uint64 // holds 19 digits
	for _, c := range text {
		if c -= '0'; c > 9 {
			return time.Time{}
		}
		n = n*10 + uint64(c)
	}
	switch {
	case len(text) == 13:
		return time.UnixMilli(int64(n)).UTC()
	case len(text) == 16:
		return time.UnixMicro(int64(n)).UTC()
	case n <= math.MaxInt64:
		return time.Unix(0, int64(n)).UTC()
	}
	return time.Time{}
}

// cleanBytes is Clean of a text that most often is clean.
func cleanBytes(text []byte) string {
	if len(text) <= MaxText && plainLength(text) == len(text) {
		return string(text)
	}
	return Clean(string(text))
}

// Clean makes a text from outside safe for a row: bounded, valid UTF-8, no control characters.
func Clean(text string) string {
	if len(text) > MaxText {
		text = text[:MaxText]
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
}

func triState(yes bool) sample.Tri {
	if yes {
		return sample.Yes
	}
	return sample.No
}
