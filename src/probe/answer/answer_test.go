package answer

import (
	"cmp"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

const goodAnswer = `{"RequestID":"r/1","TimestampChain":["1732143600123456789","1732143600200000000"],
 "Instance":{"ID":"i-1","Cold":true,"Invocation":1,"InitNs":81234567,"StartedAt":"1732143600000000000","Runtime":"go1.26"},
 "ReceivedAt":"1732143600123456780","SpinNs":100234567,"Increments":333000000,"Hops":[],"Cmds":{},"Sink":123}`

func TestDescribe(t *testing.T) {
	at := time.Unix(1732143600, 123456780).UTC()
	row := func(change func(*sample.Sample)) sample.Sample {
		s := sample.Empty()
		change(&s)
		return s
	}
	for _, c := range []struct {
		name, head, body string
		want             sample.Sample
	}{
		{"the measurement function", "X-Request-Id: other\n", goodAnswer, row(func(s *sample.Sample) {
			s.RequestID, s.InstanceID, s.Cold, s.Invocation = "r/1", "i-1", sample.Yes, 1
			s.Init, s.Service, s.FnReceived = 81234567, 100234567, at
		})},
		{"an old function, milliseconds", "", `{"RequestID":"old","TimestampChain":["1732143600123"]}`,
			row(func(s *sample.Sample) { s.RequestID, s.FnReceived = "old", time.UnixMilli(1732143600123).UTC() })},
		{"microseconds, as a number", "", `{"RequestID":"old","TimestampChain":[1732143600123456]}`,
			row(func(s *sample.Sample) { s.RequestID, s.FnReceived = "old", time.UnixMicro(1732143600123456).UTC() })},
		{"warm", "", `{"RequestID":"w","Instance":{"ID":"i","Cold":false,"Invocation":7}}`, row(func(s *sample.Sample) {
			s.RequestID, s.InstanceID, s.Cold, s.Invocation = "w", "i", sample.No, 7
		})},
		{"an instance that does not say", "", `{"Instance":{"ID":"i"}}`,
			row(func(s *sample.Sample) { s.RequestID, s.InstanceID = "made", "i" })},
		{"plain text", "X-Amzn-RequestId: amz-1\n", "Hello, world",
			row(func(s *sample.Sample) { s.RequestID = "amz-1" })},
		{"foreign JSON", "x-request-id:  abc \n", `{"message":"hi"}`,
			row(func(s *sample.Sample) { s.RequestID = "abc" })},
		{"a list", "", `[1,2]`, row(func(s *sample.Sample) { s.RequestID = "made" })},
		{"wrong types", "", `{"RequestID":5,"Instance":{"Cold":"yes"}}`,
			row(func(s *sample.Sample) { s.RequestID = "made" })},
		{"nonsense values", "", `{"RequestID":"","TimestampChain":["12","x"],"ReceivedAt":"99","SpinNs":-5,
			"Instance":{"ID":"a\u0000b\nc","Invocation":-3,"InitNs":9223372036854775807}}`,
			row(func(s *sample.Sample) { s.RequestID, s.InstanceID = "made", "abc" })},
		{"empty", "", "", row(func(s *sample.Sample) { s.RequestID = "made" })},
		{"deep", "", strings.Repeat("[", 100000), row(func(s *sample.Sample) { s.RequestID = "made" })},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := sample.Empty()
			Describe(&got, []byte("HTTP/1.1 200 OK\n"+c.head), []byte(c.body))
			got.RequestID = cmp.Or(got.RequestID, "made")
			if !got.Equal(c.want) {
				t.Errorf("got  %+v\nwant %+v", got, c.want)
			}
		})
	}
	if got := Clean(strings.Repeat("é", 300)); len(got) > MaxText || !strings.HasPrefix(got, "éé") {
		t.Errorf("Clean gives %d bytes", len(got))
	}
}

func TestStamp(t *testing.T) {
	for _, text := range []string{``, `""`, `"+732143600123"`, `"-732143600123"`, `"1e12"`, `"9999999999999999999"`,
		`null`,
		`"17321436001234"`, `{}`} {
		if got := parseStamp([]byte(text)); !got.IsZero() {
			t.Errorf("parseStamp(%s) = %s, want no time", text, got)
		}
	}
}
