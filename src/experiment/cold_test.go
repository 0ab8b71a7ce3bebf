package experiment

import (
	"strings"
	"testing"
)

// TestMaxRetriesOfBursts: the key belongs to bursts where cold starts are forced, and the effective form keeps a zero.
func TestMaxRetriesOfBursts(t *testing.T) {
	for members, want := range map[string]struct {
		retries int
		note    string
	}{
		`"Bursts": 1`: {0, ""},
		`"Bursts": 1, "MaxRetries": 3`: {0, "belongs to invocation-overhead, perf-cost; ignored for burst without ColdStart " +
			"force"},
		`"Bursts": 1, "ColdStart": "force"`:                                                        {10, ""},
		`"Bursts": 1, "ColdStart": "force", "MaxRetries": 0`:                                       {0, ""},
		`"Bursts": 1, "ColdStart": "force", "MaxRetries": 3`:                                       {3, ""},
		`"Bursts": 2, "ColdStart": "force", "MaxRetries": 3, "Type": "burst"`:                      {3, ""},
		`"Type": "invocation-overhead", "ColdStart": "force"`:                                      {10, ""},
		`"Type": "perf-cost", "ColdStart": "force", "MaxRetries": 1`:                               {1, ""},
		`"Type": "network-ping-pong", "ColdStart": "force", "MaxRetries": 1`:                       {0, "ignored for network-ping-pong"},
		`"Type": "data-transfer", "Bursts": 1, "DataTransferChainLength": 2, "ColdStart": "force"`: {10, ""},
	} {
		l, err := Parse("f.json", []byte(sub(members)), testProviders())
		if err != nil {
			t.Fatal(err)
		}
		again, err := l.Experiment.MarshalEffective()
		if err != nil {
			t.Fatal(err)
		}
		l2, err := Parse("f.json", again, testProviders())
		if err != nil {
			t.Fatal(err)
		}
		first, second := l.Experiment.SubExperiments[0], l2.Experiment.SubExperiments[0]
		if first.MaxRetries != want.retries || second.MaxRetries != want.retries || len(l2.Notes) > 0 {
			t.Errorf("%s: MaxRetries %d, of the effective form %d, notes %q; want %d", members, first.MaxRetries,
				second.MaxRetries, l2.Notes, want.retries)
		}
		if got := strings.Join(l.Notes, "\n"); want.note == "" && got != "" || !strings.Contains(got, want.note) {
			t.Errorf("%s: notes %q, want %q", members, got, want.note)
		}
	}
}
