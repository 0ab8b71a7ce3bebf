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

// TestPingPongsThatMeasureNothing: mistakes that a run would show only once all is deployed.
func TestPingPongsThatMeasureNothing(t *testing.T) {
	for keys, want := range map[string]string{
		`"Repetitions": 1`:                                 "Repetitions: exchange 0 of each invocation is warm-up",
		`"Repetitions": 1, "Exchange": "http"`:             "want 2 or more",
		`"Repetitions": 2`:                                 "",
		`"AdvertiseAddress": "300.1.1.1"`:                  `"300.1.1.1" is not a hostname, nor an IP address`,
		`"AdvertiseAddress": "driver..example"`:            "is not a hostname",
		`"AdvertiseAddress": "driver.example"`:             "",
		`"AdvertiseAddress": "2001:db8::1"`:                "",
		`"Sweep": {"AdvertiseAddress": ["10.0.0.1", "1"]}`: "nor an IP address",
	} {
		got := strings.Join(problems(t, `{"Provider": "local", "SubExperiments": [{"Runtime": "go",
			"Type": "network-ping-pong", `+keys+`}]}`), "\n")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", keys, got, want)
		}
	}
}

// TestKeysWithoutEffect: a key that another key's value leaves without effect is named.
func TestKeysWithoutEffect(t *testing.T) {
	for keys, want := range map[string]string{
		`"Type": "invocation-overhead", "PayloadEnd": 5000`:                            "PayloadEnd: has no effect with OverheadType code",
		`"Type": "invocation-overhead", "OverheadType": "payload", "PayloadEnd": 5000`: "",
		`"Type": "invocation-overhead", "OverheadType": "payload", "CodePackagePoints": 3`: "CodePackagePoints: has no effect " +
			"with OverheadType payload",
		`"Bursts": 1, "Entry": "url", "StreamBytes": 5`: "StreamBytes: has no effect without InvokeMode streamed",
	} {
		l, err := Parse("f.json", []byte(`{"Provider": "local", "SubExperiments": [{"Runtime": "go", `+keys+`}]}`),
			testProviders())
		if err != nil {
			t.Fatalf("%s: %v", keys, err)
		}
		if got := strings.Join(l.Notes, "\n"); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", keys, got, want)
		}
	}
}
