package provider

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
)

// TestInlinePayloads: a payload that functions pass on in a request has to fit into one, in base64 where the platform
// needs that; through storage it need not, and other types pass nothing on.
func TestInlinePayloads(t *testing.T) {
	for _, c := range []struct {
		limits  Limits
		kind    string
		bytes   int64
		storage bool
		want    string
	}{
		{Limits{RequestBytes: 4000, RequestWords: "as text", Base64: true}, experiment.TypeTransfer, 3000, false, ""},
		{Limits{RequestBytes: 4000, RequestWords: "as text", Base64: true}, experiment.TypeTransfer, 3001, false,
			"a function passes at most 3000 bytes on inline (as text); want StorageTransfer"},
		{Limits{RequestBytes: 4000, Base64: true}, experiment.TypeTransfer, 3001, true, ""},
		{Limits{RequestBytes: 4000, Base64: true}, experiment.TypeBurst, 3001, false, ""},
		{Limits{RequestBytes: 4000}, experiment.TypeTransfer, 4000, false, ""},
		{Limits{RequestBytes: 4000}, experiment.TypeTransfer, 4001, false, "at most 4000 bytes"},
		{Limits{}, experiment.TypeTransfer, 1 << 30, false, ""},
	} {
		s := experiment.SubExperiment{Type: c.kind, PayloadLengthBytes: c.bytes, StorageTransfer: c.storage}
		no := c.limits.requestSize(&s)
		if (len(no) > 0) != (c.want != "") || c.want != "" && !strings.Contains(no[0].String(), c.want) {
			t.Errorf("%d bytes, %+v: %v, want %q", c.bytes, c.limits, no, c.want)
		}
	}
}

// TestEventsAreSmaller: what Invoke takes of an event, whose answer is not awaited, is less than of a request.
func TestEventsAreSmaller(t *testing.T) {
	l := Limits{RequestBytes: 4000, RequestWords: "as text", AsyncBytes: 1000}
	for _, c := range []struct {
		entry string
		bytes int
		want  string
	}{
		{experiment.EntryAsync, 1000, ""},
		{experiment.EntryAsync, 1001,
			"Body of 1001 bytes, an event of Entry sdk-async may have 1000 bytes; want Entry sdk, which takes 4000"},
		{experiment.EntrySDK, 1001, ""},
		{experiment.EntrySDK, 4001, "Body of 4001 bytes, a request's body may have 4000 bytes (as text)"},
	} {
		const around = len(`{"q":""}`)
		s := experiment.SubExperiment{Type: experiment.TypeBurst, Entry: c.entry,
			Body: experiment.RawObject(`{"q":"` + strings.Repeat("x", c.bytes-around) + `"}`)}
		no := l.requestSize(&s)
		if got := strings.Trim(fmt.Sprint(no), "[]"); got != c.want {
			t.Errorf("%s, %d bytes: %q, want %q", c.entry, c.bytes, got, c.want)
		}
	}
}
