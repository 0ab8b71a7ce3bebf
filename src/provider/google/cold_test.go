package google

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// describedAs is what gcloud says of a service with environment variables.
func describedAs(env string) string {
	return `{"metadata": {"generation": 3}, "spec": {"template": {"metadata": {"name": "r-3"}, "spec": {
		"timeoutSeconds": 60, "containers": [{"image": "i", "env": [` + env + `]}]}}}}`
}

// TestGooglePutsVariablesBack: by another process, from what the journal holds, which has no secret.
func TestGooglePutsVariablesBack(t *testing.T) {
	const (
		secret = `{"name": "PASSWORD", "value": "secret"}`
		cold   = `, {"name": "STELLAR_COLD", "value": "%s"}`
		update = "run services update stellar-r-f0-0 "
	)
	for what, c := range map[string]struct{ before, during, after, want, says string }{
		"not set": {secret, secret + fmt.Sprintf(cold, "8"), secret, update + "--remove-env-vars STELLAR_COLD ", ""},
		"set": {secret + fmt.Sprintf(cold, "7"), secret + fmt.Sprintf(cold, "8"), secret + fmt.Sprintf(cold, "7"),
			update + "--update-env-vars STELLAR_COLD=7 ", ""},
		"never changed": {secret, secret, secret, "", ""},
		"not put back": {secret, secret + fmt.Sprintf(cold, "8"), secret + fmt.Sprintf(cold, "8"),
			update + "--remove-env-vars STELLAR_COLD ", "is not configured as before"},
		"put back, with a loss": {secret, secret + fmt.Sprintf(cold, "8"), "",
			update + "--remove-env-vars STELLAR_COLD ", "is not configured as before"},
	} {
		g := newFakeGcloud(t, map[string]string{"run-services-describe.1.out": describedAs(c.before),
			"run-services-describe.2.out": describedAs(c.during),
			"run-services-describe.3.out": describedAs(c.after), "run-services-update.out": "{}"})
		e := provider.Endpoint{Detail: map[string]string{provider.DetailUnit: "stellar-r-f0-0",
			provider.DetailRegion: "r", detailProject: "p"}}
		was, err := g.open("gcr", here()).(provider.Restorer).Configuration(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(was, e.Detail)
		if text := fmt.Sprint(was); strings.Contains(text, "secret") || strings.Contains(text, "PASSWORD") {
			t.Errorf("%s: the journal has %s", what, text)
		}
		err = g.open("google", here()).(provider.Restorer).Restore(t.Context(), was)
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", what, err, c.says)
		}
		said := strings.Join(g.calls(), "\n")
		if c.want == "" && strings.Contains(said, update) || !strings.Contains(said, c.want) ||
			c.want != "" && !strings.Contains(said, c.want+"--format json --project p --region r") {
			t.Errorf("%s: it ran\n%s", what, said)
		}
	}
}

func TestGoogleHasNothingToPutBackOfWhatIsGone(t *testing.T) {
	g := newFakeGcloud(t, map[string]string{"run-services-describe.err": "ERROR: (gcloud.run.services.describe) " +
		"Cannot find service [stellar-r-f0-0]", "run-services-describe.code": "1"})
	was := map[string]string{provider.DetailUnit: "stellar-r-f0-0", provider.DetailRegion: "r", detailProject: "p"}
	if err := g.open("gcr", here()).(provider.Restorer).Restore(t.Context(), was); err != nil {
		t.Error(err)
	}
}
