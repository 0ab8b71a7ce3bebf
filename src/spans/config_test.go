package spans

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

const endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT"

func TestFromEnvironment(t *testing.T) {
	for _, c := range []struct {
		set  map[string]string
		want string // address, "" none; or a part of the error
	}{
		{nil, ""},
		{map[string]string{endpoint: "http://h:4318"}, "http://h:4318/v1/traces"},
		{map[string]string{endpoint: "https://h/otlp/"}, "https://h/otlp/v1/traces"},
		{map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://t/x", endpoint: "http://h"}, "http://t/x"},
		{map[string]string{endpoint: "http://h", "OTEL_SDK_DISABLED": "TRUE"}, ""},
		{map[string]string{endpoint: "http://h", "OTEL_TRACES_EXPORTER": "none"}, ""},
		{map[string]string{endpoint: "http://h", "OTEL_TRACES_EXPORTER": "console, otlp"}, "http://h/v1/traces"},
		{map[string]string{endpoint: "http://h", "OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER is"},
		{map[string]string{endpoint: "http://h", "OTEL_TRACES_SAMPLER": "always_off"}, "http://h/v1/traces"},
		{map[string]string{endpoint: "http://h", "OTEL_TRACES_SAMPLER": "some"}, "OTEL_TRACES_SAMPLER is"},
		{map[string]string{endpoint: "http://h", "OTEL_TRACES_SAMPLER": "traceidratio",
			"OTEL_TRACES_SAMPLER_ARG": "0.1"}, "http://h/v1/traces"},
		{map[string]string{endpoint: "http://h", "OTEL_TRACES_SAMPLER": "traceidratio",
			"OTEL_TRACES_SAMPLER_ARG": "7"}, "OTEL_TRACES_SAMPLER_ARG is"},
		{map[string]string{endpoint: "http://h", "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
			"OTEL_TRACES_SAMPLER_ARG": "NaN"}, "OTEL_TRACES_SAMPLER_ARG is"},
		{map[string]string{endpoint: "h:4318"}, "ENDPOINT is not an address"},
		{map[string]string{endpoint: "ftp://h"}, "ENDPOINT is not an address"},
		{map[string]string{endpoint: "http://h", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "PROTOCOL is grpc"},
		{map[string]string{endpoint: "http://h", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json"},
			"TRACES_PROTOCOL is"},
		{map[string]string{endpoint: "http://h", "OTEL_EXPORTER_OTLP_COMPRESSION": "zip"}, "COMPRESSION is"},
		{map[string]string{endpoint: "http://h", "OTEL_EXPORTER_OTLP_HEADERS": "a=s3cret,s3cret"}, "item 2"},
		{map[string]string{endpoint: "http://h", "OTEL_EXPORTER_OTLP_HEADERS": "a=s3cret%zz"}, "item 1"},
		{map[string]string{endpoint: "http://h", "OTEL_EXPORTER_OTLP_HEADERS": "a=s3cret%0ab"}, "not a header field"},
		{map[string]string{endpoint: "http://h", "OTEL_EXPORTER_OTLP_TIMEOUT": "1s"}, "TIMEOUT is"},
		{map[string]string{endpoint: "http://h", "OTEL_EXPORTER_OTLP_TIMEOUT": "0"}, "TIMEOUT is"},
		{map[string]string{endpoint: "http://h", "OTEL_RESOURCE_ATTRIBUTES": "a"}, "OTEL_RESOURCE_ATTRIBUTES: item 1"},
		{map[string]string{endpoint: "http://h", "OTEL_EXPORTER_OTLP_CERTIFICATE": "/none.pem"}, "CERTIFICATE: "},
		{map[string]string{endpoint: "http://h", "OTEL_EXPORTER_OTLP_CLIENT_KEY": "/none.pem"}, "only one is set"},
		{map[string]string{endpoint: "http://h", "OTEL_EXPORTER_OTLP_CLIENT_KEY": "/none.pem",
			"OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE": "/none.pem"}, "CLIENT_CERTIFICATE and "},
	} {
		got, err := FromEnvironment(func(name string) string { return c.set[name] })
		switch {
		case err != nil:
			if c.want == "" || !strings.Contains(err.Error(), c.want) || fail.Code(err) != fail.CodeInput ||
				strings.Contains(err.Error()+fail.Hint(err), "s3cret") {
				t.Errorf("%v: %v, want %q", c.set, err, c.want)
			}
		case got == nil && c.want != "" || got != nil && got.endpoint != c.want:
			t.Errorf("%v: %+v, want %q", c.set, got, c.want)
		}
	}
}

func TestSettings(t *testing.T) {
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(notPEM, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	set := map[string]string{endpoint: "https://h", "OTEL_EXPORTER_OTLP_TIMEOUT": "2500",
		"OTEL_EXPORTER_OTLP_TRACES_HEADERS": "a=1", "OTEL_EXPORTER_OTLP_HEADERS": "b=2", "OTEL_SERVICE_NAME": "s"}
	c, err := FromEnvironment(func(name string) string { return set[name] })
	if err != nil || c.timeout != 2500*time.Millisecond || c.header.Get("a") != "1" || len(c.header) != 1 ||
		c.serviceName != "s" || c.gzip {
		t.Errorf("%+v, %v", c, err)
	}
	set["OTEL_EXPORTER_OTLP_CERTIFICATE"] = notPEM
	if _, err := FromEnvironment(func(name string) string { return set[name] }); err == nil ||
		!strings.Contains(err.Error(), "no certificate") {
		t.Errorf("of a file without a certificate: %v", err)
	}
}
