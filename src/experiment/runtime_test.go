package experiment

import (
	"slices"
	"strings"
	"testing"
)

func TestResolveRuntime(t *testing.T) {
	for _, c := range []struct{ id, want, language, note string }{
		{"go", "go", "go", ""},
		{"golang", "go", "go", ""},
		{"provided.al2023", "go", "go", `taken as "go"`},
		{"provided.al2", "go", "go", "retired"},
		{"go1.x", "go", "go", "retired"},
		{"go122", "go", "go", "compiler's version"},
		{"go1.22", "go", "go", "compiler's version"},
		{"rust", "rust", "rust", ""},
		{"python", "python3.13", "python", "names no version"},
		{"python3", "python3.13", "python", "names no version"},
		{"python2.7", "python3.13", "python", "retired"},
		{"python3.8", "python3.13", "python", "retired"},
		{"python3.9", "python3.13", "python", "retired"},
		{"python3.10", "python3.10", "python", ""},
		{"python3.14", "python3.14", "python", ""},
		{"python312", "python3.12", "python", ""},
		{"node", "nodejs22.x", "nodejs", "names no version"},
		{"nodejs18", "nodejs22.x", "nodejs", "retired"},
		{"nodejs18.x", "nodejs22.x", "nodejs", "retired"},
		{"nodejs8.x", "nodejs22.x", "nodejs", "retired"},
		{"nodejs23.x", "nodejs22.x", "nodejs", "retired"},
		{"nodejs24", "nodejs24.x", "nodejs", ""},
		{"java", "java21", "java", "names no version"},
		{"java8.al2", "java21", "java", "retired"},
		{"java11", "java11", "java", ""},
		{"java25", "java25", "java", ""},
		{"ruby2.7", "ruby3.4", "ruby", "retired"},
		{"ruby33", "ruby3.3", "ruby", ""},
	} {
		r, note, err := ResolveRuntime(c.id)
		if err != nil || r.ID != c.want || r.Language != c.language || (note == "") != (c.note == "") ||
			!strings.Contains(note, c.note) {
			t.Errorf("%s: %+v, %q, %v", c.id, r, note, err)
		}
		if again, note, err := ResolveRuntime(r.ID); err != nil || again != r || note != "" {
			t.Errorf("%s is not canonical: %+v, %q, %v", r.ID, again, note, err)
		}
		if !slices.Contains(RuntimeIDs(), r.ID) {
			t.Errorf("%s is not listed", r.ID)
		}
	}
	for id, want := range map[string]string{
		"pyhton3.13": `; did you mean "python3.13"?`, "Go": `; did you mean "go"?`, "python3.99": "", "dotnet8": "",
		"nodejs99.x": "",
		"java99":     "", "": "", "ruby3.9": `; did you mean "ruby3.3"?`,
	} {
		_, _, err := ResolveRuntime(id)
		if err == nil || !strings.HasPrefix(err.Error(), "want one of go, ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

func TestIsMeasure(t *testing.T) {
	for name, want := range map[string]bool{"measure": true, "hellopy": true, "hellogo": true, "hellonode": true,
		"hellojava":         true,
		"producer-consumer": true, "chameleon": false, "./measure": false, "": false} {
		if IsMeasure(name) != want {
			t.Errorf("%q: want %v", name, want)
		}
	}
}

func TestProvider(t *testing.T) {
	for provider, kind := range map[string]string{
		"local": "local", "aws": "aws", "azure": "azure", "gcr": "gcr", "google": "google", "cloudflare": "cloudflare",
		"aliyun": "aliyun",
		"vhive":  "vhive", "www.google.com": "url", "localhost": "url", "localhost/x?y=1": "url",
		"localhost:8080": "url", "127.0.0.1": "url",
		"127.0.0.1:80/a/b?c=d": "url", "[::1]:8080": "url", "http://[::1]/x": "url", "HTTPS://example.org/p?q=1": "url",
		"http://host/path": "url", "münchen.example": "url", "a_b.example.": "url",
	} {
		l, err := Parse("f.json", []byte(`{"Provider": `+quoteJSON(provider)+`, "SubExperiments": [{"Bursts": 1}]}`), testProviders())
		if err != nil {
			t.Errorf("%s: %v", provider, err)
			continue
		}
		if got := l.Experiment.ProviderKind(); got != kind {
			t.Errorf("%s: kind %s", provider, got)
		}
		// The function's own time limit counts only where it is deployed with it.
		_, err = Parse("f.json", []byte(`{"Provider": `+quoteJSON(provider)+`, "SubExperiments": [{"Bursts": 1, `+
			`"FunctionTimeoutSeconds": 1, "DesiredServiceTimes": ["2s"], "TimeoutSeconds": 3}]}`), testProviders())
		if deploys := err != nil; deploys == (kind == "url" || kind == "vhive") {
			t.Errorf("%s: functions are deployed: %t (%v)", provider, deploys, err)
		}
	}
	for provider, want := range map[string]string{
		"": "want one of local, aws,", "awss": `did you mean "aws"?`, "AWS": `did you mean "aws"?`,
		"locl":         `did you mean "local"?`,
		"nowhere-near": "or a hostname or http(s) URL", "ftp://x.y": `the scheme "ftp"`,
		"http://": `"" is not a hostname`, "a b.c": "invalid character",
		"host:99999": "99999 is not a port", "host:http": "invalid port", "http://u:p@h.org": "a user name or password",
		"h.org#x": "a fragment",
		"..":      `".." is not a hostname`, "http:/host": `a scheme ends in ://; did you mean "http://host"?`,
		"https:host.org/x": `did you mean "https://host.org/x"?`, "HTTP//host.org": `did you mean "http://host.org"?`,
		"host:": `the port is missing behind "host:"`, "http://host.org:/x": `the port is missing`,
		"1.2.3.4.5":  "nor an IP address",
		"bü cher.de": "invalid character", "xn--a.de.ü": "is not a hostname: ", strings.Repeat("a", 64) +
			".org": "longer than 63",
		strings.Repeat("abcdefg.", 32) + "org": "longer than 253", "http://[::1": "missing ']'",
		"a.b*": `"a.b*" is not a hostname`,
	} {
		got := problems(t, `{"Provider": `+quoteJSON(provider)+`, "SubExperiments": [{"Bursts": 1}]}`)
		if len(got) != 1 || !strings.HasPrefix(got[0], "f.json:1:14: Provider: found ") ||
			!strings.Contains(got[0], want) {
			t.Errorf("%q: %q", provider, got)
		}
	}
}

// TestHostsInOtherLetters holds that a name outside ASCII is taken, with a note that says how DNS has it.
func TestHostsInOtherLetters(t *testing.T) {
	for provider, want := range map[string]string{
		"bücher.example": "xn--bcher-kva.example", "https://Bücher.example:8443/ü?q=1": "xn--bcher-kva.example",
		"例え.jp/x":       "xn--r8jz45g.jp",
		"plain.example": "", "xn--bcher-kva.example": "", "a_b.example": "", "[::1]:80": "", "127.0.0.1:1": "",
		"localhost": "",
	} {
		l, err := Parse("f.json", []byte(`{"Provider": `+quoteJSON(provider)+`, "SubExperiments": [{"Bursts": 1}]}`), testProviders())
		if err != nil {
			t.Errorf("%s: %v", provider, err)
			continue
		}
		if notes := strings.Join(l.Notes, "\n"); want != "" && !strings.Contains(notes, "f.json:1:14: Provider: the "+
			"host is looked up as "+want) ||
			want == "" && strings.Contains(notes, "looked up") {
			t.Errorf("%s: notes %q", provider, notes)
		}
	}
}
