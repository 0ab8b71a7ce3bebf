package probe

import (
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

const goodAnswer = `{"RequestID":"r/1","TimestampChain":["1732143600123456789","1732143600200000000"],
 "Instance":{"ID":"i-1","Cold":true,"Invocation":1,"InitNs":81234567,"StartedAt":"1732143600000000000","Runtime":"go1.26"},
 "ReceivedAt":"1732143600123456780","SpinNs":100234567,"Increments":333000000,"Hops":[],"Cmds":{},"Sink":123}`

// TestHalfABodyIsNotInterpreted: what the function says counts where its answer arrived as a whole, and only there.
func TestHalfABodyIsNotInterpreted(t *testing.T) {
	for _, c := range []struct {
		name string
		resp response
		want string
		cold sample.Tri
	}{
		{"whole", response{whole: true, body: []byte(goodAnswer), length: int64(len(goodAnswer))}, "r/1", sample.Yes},
		{"half", response{body: []byte(goodAnswer), length: int64(len(goodAnswer))}, "", sample.Unknown},
		{"longer than what is kept", response{whole: true, body: []byte(goodAnswer), length: keptBody + 1}, "",
			sample.Unknown},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := sample.Empty()
			c.resp.describe(&got)
			if got.RequestID != c.want || got.Cold != c.cold {
				t.Errorf("got %+v", got)
			}
		})
	}
}
