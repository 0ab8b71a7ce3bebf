package experiment

import (
	"strings"
	"testing"
)

// TestExchangeIsNotCarriedByGRPC: a type that asks functions in JSON is refused where the provider's protocol is gRPC.
func TestExchangeIsNotCarriedByGRPC(t *testing.T) {
	for keys, want := range map[string]string{
		"":                      "SubExperiments[0].Protocol: network-ping-pong asks the function in JSON, which gRPC does not carry",
		`, "Exchange": "http"`:  "asks the function in JSON",
		`, "Protocol": "http1"`: "",
		`, "Protocol": "h2c"`:   "",
	} {
		text := `{"Provider": "vhive", "SubExperiments": [{"Type": "network-ping-pong"` + keys + `}]}`
		_, err := Parse("f.json", []byte(text), testProviders())
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", keys, err, want)
		}
	}
}
