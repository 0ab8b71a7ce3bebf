package app_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
)

// A proxy of the environment is not used, and one line says so.
func TestProxyIsNotMeasured(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer server.Close()
	loaded, err := experiment.Parse("x.json", []byte(`{"Provider":"`+server.URL+`",
		"SubExperiments":[{"Bursts":1,"Visualization":"none"}]}`), vendors.Known())

	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", "HTTPS_PROXY", "http_proxy", "ALL_PROXY"} {
		var log lab.Log
		w, home, _ := homeApp(t, &log)
		getenv := w.Getenv
		w.Getenv = func(key string) string {
			if key == name {
				return "http://127.0.0.1:9"
			}
			return getenv(key)
		}
		out, err := w.Run(context.Background(), loaded.Experiment, home)
		if err != nil || out.Results[0].Failed > 0 {
			t.Errorf("%s: %s", name, lab.Story(err))
		}
		line := strings.ToUpper(name) + " set: requests go to the functions directly"
		if strings.Contains(log.String(), "the proxy would be measured") != (name != "") ||
			name != "" && strings.Count(log.String(), line) != 1 {
			t.Errorf("%s: the log is\n%s", name, log.String())
		}
	}
}
