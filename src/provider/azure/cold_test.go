package azure

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// TestAzurePutsSettingsBack: by another process, from what the journal holds, which has no secret.
func TestAzurePutsSettingsBack(t *testing.T) {
	for what, before := range map[string]map[string]string{
		"not set": {"AzureWebJobsStorage": "secret key", "FUNCTIONS_WORKER_RUNTIME": "node"},
		"set":     {"AzureWebJobsStorage": "secret key", provider.ColdVariable: "7"},
	} {
		f := newFakeAzure(t)
		f.settings = maps.Clone(before)
		e := provider.Endpoint{Detail: map[string]string{provider.DetailUnit: "stellar-x-f0-0"}}
		was, err := f.open(t.TempDir()).Configuration(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(was, e.Detail)
		if text := fmt.Sprint(was); strings.Contains(text, "secret") || was[detailSubscription] != "sub1" {
			t.Errorf("%s: the journal has %s", what, text)
		}
		if err := f.open(t.TempDir()).UpdateFunction(t.Context(), e, nil); err != nil ||
			maps.Equal(f.settings, before) {
			t.Errorf("%s: a cold start leaves %v, %v", what, f.settings, err)
		}
		f.slow = 1
		for range 2 {
			if err := f.open(t.TempDir()).Restore(t.Context(), was); err != nil || !maps.Equal(f.settings, before) {
				t.Errorf("%s: %v: the settings are %v, were %v", what, err, f.settings, before)
			}
		}
		f.settings = nil
		if err := f.open(t.TempDir()).Restore(t.Context(), was); err != nil {
			t.Errorf("%s: the app is gone: %v", what, err)
		}
	}
}
