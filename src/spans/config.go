// Package spans sends requests as spans to a receiver of OpenTelemetry's protocol (OTLP). Spans are made of rows that
// are on disk: nothing of it is in what is measured.
package spans

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// Config is where spans go, and how.
type Config struct {
	endpoint    string        // with its path
	header      http.Header   // sent with every request; values are secrets
	timeout     time.Duration // of one request
	gzip        bool
	tls         *tls.Config
	serviceName string            // empty: none was given
	attributes  map[string]string // of the resource
}

// The variables that the protocol's exporters read (OpenTelemetry specification, "OpenTelemetry Protocol Exporter").
// Each but the last ones also exists for traces alone, which wins.
const (
	prefix       = "OTEL_EXPORTER_OTLP_"
	tracesPrefix = prefix + "TRACES_"

	endpointName    = "ENDPOINT"
	headersName     = "HEADERS"
	timeoutName     = "TIMEOUT"
	protocolName    = "PROTOCOL"
	compressionName = "COMPRESSION"
	caName          = "CERTIFICATE"
	certificateName = "CLIENT_CERTIFICATE"
	keyName         = "CLIENT_KEY"

	serviceVariable    = "OTEL_SERVICE_NAME"
	attributesVariable = "OTEL_RESOURCE_ATTRIBUTES"
	disabledVariable   = "OTEL_SDK_DISABLED"
	exporterVariable   = "OTEL_TRACES_EXPORTER"
	samplerVariable    = "OTEL_TRACES_SAMPLER"
	argumentVariable   = "OTEL_TRACES_SAMPLER_ARG"
)

// variables are those of the environment.
type variables func(string) string

// get is the value of a variable of the exporter, and the variable that has it.
func (v variables) get(name string) (value, variable string) {
	for _, variable := range []string{tracesPrefix + name, prefix + name} {
		if value := strings.TrimSpace(v(variable)); value != "" {
			return value, variable
		}
	}
	return "", prefix + name
}

// FromEnvironment reads the standard variables. The Config is nil where no endpoint is set, or where spans are switched
// off (OTEL_SDK_DISABLED, OTEL_TRACES_EXPORTER=none). A value that cannot be used is an error of bad input.
func FromEnvironment(getenv func(string) string) (*Config, error) {
	v := variables(getenv)
	if strings.EqualFold(strings.TrimSpace(v(disabledVariable)), "true") ||
		strings.TrimSpace(v(exporterVariable)) == "none" {
		return nil, nil
	}
	text, variable := v.get(endpointName)
	if text == "" {
		return nil, nil
	}
	c := &Config{timeout: 10 * time.Second, serviceName: strings.TrimSpace(v(serviceVariable))}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fail.Input("%s is not an address such as http://localhost:4318", variable)
	}
	if variable == prefix+endpointName { // that of traces is taken as it is
		u.Path = strings.TrimSuffix(u.Path, "/") + "/v1/traces"
	}
	c.endpoint = u.String()
	for _, read := range []func(variables) error{checkExporter, c.readProtocol, c.readHeaders, c.readTimeout, c.readTLS,
		checkSampler} {
		if err := read(v); err != nil {
			return nil, err
		}
	}
	c.attributes, err = pairs(v(attributesVariable), attributesVariable)
	return c, err
}

// checkExporter refuses a list of exporters that OTLP is not in.
func checkExporter(v variables) error {
	text := strings.TrimSpace(v(exporterVariable))
	for _, name := range strings.Split(text, ",") {
		if text == "" || strings.TrimSpace(name) == "otlp" {
			return nil
		}
	}
	return fail.Input("%s is %q, want otlp or none", exporterVariable, text)
}

// checkSampler refuses what the SDK, which reads these variables itself, would replace by taking all requests.
func checkSampler(v variables) error {
	sampler, text := strings.ToLower(strings.TrimSpace(v(samplerVariable))), strings.TrimSpace(v(argumentVariable))
	switch sampler {
	case "", "always_on", "always_off", "parentbased_always_on", "parentbased_always_off":
		return nil
	case "traceidratio", "parentbased_traceidratio":
	default:
		return fail.Input("%s is %q, want always_on, always_off or traceidratio, alone or after parentbased_",
			samplerVariable, sampler)
	}
	if share, err := strconv.ParseFloat(text, 64); text != "" && (err != nil || !(share >= 0 && share <= 1)) {
		return fail.Input("%s is %q, want a share from 0 to 1", argumentVariable, text)
	}
	return nil
}

// readProtocol refuses what is not spoken: gRPC's library alone would be larger than all that is needed here.
func (c *Config) readProtocol(v variables) error {
	switch value, variable := v.get(protocolName); value {
	case "", "http/protobuf":
	case "grpc":
		return fail.Input("%s is grpc, which stellar does not speak to receivers of spans", variable).
			WithHint("set it to http/protobuf, and the endpoint to the receiver's port for that, usually 4318")
	default:
		return fail.Input("%s is %q, want http/protobuf", variable, value)
	}
	switch value, variable := v.get(compressionName); value {
	case "", "none":
	case "gzip":
		c.gzip = true
	default:
		return fail.Input("%s is %q, want gzip or none", variable, value)
	}
	return nil
}

func (c *Config) readHeaders(v variables) error {
	text, variable := v.get(headersName)
	all, err := pairs(text, variable)
	if err != nil {
		return err
	}
	c.header = http.Header{}
	for name, value := range all {
		if strings.ContainsAny(name, " \t\r\n:") || strings.ContainsAny(value, "\r\n\x00") {
			return fail.Input("%s: %q is not a header field", variable, name)
		}
		c.header.Set(name, value)
	}
	return nil
}

func (c *Config) readTimeout(v variables) error {
	text, variable := v.get(timeoutName)
	if text == "" {
		return nil
	}
	ms, err := strconv.ParseUint(text, 10, 31)
	if err != nil || ms == 0 {
		return fail.Input("%s is %q, want a whole number of milliseconds above 0", variable, text)
	}
	c.timeout = time.Duration(ms) * time.Millisecond
	return nil
}

func (c *Config) readTLS(v variables) error {
	c.tls = &tls.Config{MinVersion: tls.VersionTLS12}
	if path, variable := v.get(caName); path != "" {
		text, err := wholefile.ReadFile(path)
		if err != nil {
			return fail.Input("%s: %w", variable, err)
		}
		c.tls.RootCAs = x509.NewCertPool()
		if !c.tls.RootCAs.AppendCertsFromPEM(text) {
			return fail.Input("%s: %s has no certificate in PEM form", variable, path)
		}
	}
	certificate, variable := v.get(certificateName)
	key, keyVariable := v.get(keyName)
	switch {
	case certificate == "" && key == "":
		return nil
	case certificate == "" || key == "":
		return fail.Input("of %s and %s only one is set", variable, keyVariable)
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return fail.Input("%s and %s: %w", variable, keyVariable, err)
	}
	c.tls.Certificates = []tls.Certificate{pair}
	return nil
}

// pairs reads a list such as a=b,c=d, whose values may be escaped as in addresses (W3C Baggage). Messages have no value
// of it: it may be a secret.
func pairs(text, variable string) (map[string]string, error) {
	all := map[string]string{}
	for i, part := range strings.Split(text, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, ok := strings.Cut(part, "=")
		name = strings.TrimSpace(name)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || name == "" || err != nil {
			return nil, fail.Input("%s: item %d is not of the form name=value", variable, i+1).
				WithHint("a comma or percent sign in a value is written %%2C or %%25")
		}
		all[name] = value
	}
	return all, nil
}
