package experiment

import (
	"slices"
	"strings"
	"testing"
)

// testProviders are the providers that the files of these tests may name, with those defaults that some have.
func testProviders() []Provider {
	return []Provider{{Name: "local", Local: true}, {Name: "aws"}, {Name: "azure"},
		{Name: "gcr", ImageContract: "http"}, {Name: "google"}, {Name: "cloudflare"}, {Name: "aliyun"},
		{Name: "vhive", Standing: true, Protocol: "grpc"}}
}

// standing reports whether a file's functions exist already.
func standing(provider string) bool {
	return isAddress(provider) || slices.ContainsFunc(testProviders(), func(p Provider) bool {
		return p.Name == provider && p.Standing
	})
}

// TestNamesComeFromTheCaller holds that a provider is known by the list alone, with its own defaults, and that the
// schema says so.
func TestNamesComeFromTheCaller(t *testing.T) {
	text := []byte(`{"Provider": "toy", "SubExperiments": [{"Bursts": 1}]}`)
	toy := []Provider{{Name: "toy", Protocol: "h2c", ImageContract: "http"}}
	l, err := Parse("f.json", text, toy)
	if err != nil {
		t.Fatal(err)
	}
	s := l.Experiment.SubExperiments[0]
	if l.Experiment.ProviderKind() != "toy" || s.Protocol != "h2c" || s.Platform.ImageContract != "http" {
		t.Errorf("toy: kind %s, %+v", l.Experiment.ProviderKind(), s)
	}
	for _, want := range []string{`"toy"`, "http1; h2c for toy", "runtime-api; http for toy", "toy, or a hostname"} {
		if !strings.Contains(string(Schema(toy)), want) {
			t.Errorf("the schema has no %q", want)
		}
	}
	for _, known := range [][]Provider{nil, testProviders()} {
		if _, err := Parse("f.json", text, known); err == nil || !strings.Contains(err.Error(), "Provider: found") {
			t.Errorf("among %v: %v", providerNames(known), err)
		}
	}
}
