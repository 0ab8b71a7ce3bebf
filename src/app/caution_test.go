package app

import (
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
)

func TestCautions(t *testing.T) {
	const ignored, short = "changes nothing on PROVIDER, which has no such setting",
		"is under the usual keep-alive of PROVIDER"
	for _, c := range []struct {
		provider, sub string
		want          []string // parts of the lines, in their order
	}{
		{"local", `"Title": "cold", "Bursts": 9, "IATSeconds": 1, "Platform": {"KeepAliveSeconds": 0.05}`, nil},
		{"aws", `"Title": "x", "Bursts": 9, "IATSeconds": 1, "Platform": {"KeepAliveSeconds": 600}`, nil}, // the default
		{"aws", `"Title": "warm", "Bursts": 9, "IATSeconds": 1, "Platform": {"Concurrency": 2, "Queueing": "queue"}`,
			[]string{"f.json:1:116: SubExperiments[0].Platform.Concurrency: " + ignored, ".Queueing: " + ignored}},
		{"aws", `"Title": "x", "Bursts": 9, "IATSeconds": 1, "Platform": {"KeepAliveSeconds": 0.05}`,
			[]string{".KeepAliveSeconds: " + ignored, ".IATSeconds: a pause of 1.05s " + short}},
		{"gcr", `"Title": "x", "Bursts": 9, "PackageType": "Image", "Platform": {"Concurrency": 2, "MaxInstances": 3}`,
			nil},
		{"aws", `"Title": "cold-starts", "Bursts": 9, "IATSeconds": 1`, []string{"IATSeconds 600 with Parallelism"}},
		{"aws", `"Title": "scolded", "Bursts": 9, "IATSeconds": 1`, nil},
		{"aws", `"Title": "cold", "Bursts": 9, "IATSeconds": 600`, nil},
		{"azure", `"Title": "cold", "Bursts": 9, "IATSeconds": 600`, []string{"a pause of 10m30s " + short}},
		{"aws", `"Title": "cold", "Bursts": 9, "IATSeconds": 1, "ColdStart": "force"`, nil},
		{"aws", `"Title": "cold", "Bursts": 5, "Parallelism": 5`, nil}, // one round: there is no pause
		{"aws", `"Title": "cold", "RatePerSecond": 5, "DurationSeconds": 5`, nil},
		{"aws", `"Title": "s", "Bursts": 9, "SnapStartEnabled": true`, []string{"a pause of 0s " + short}},
		{"aws", `"Title": "cold", "Bursts": 9, "Sweep": {"Runtime": ["go", "python3.13"]}`, []string{short}},
		{"aliyun", `"Title": "cold", "Bursts": 9, "IATSeconds": 1`, nil}, // its keep-alive is not known
		{"http://127.0.0.1:1/", `"Title": "cold", "Bursts": 9, "Platform": {"MaxInstances": 3}`,
			[]string{"changes nothing on url"}},
	} {
		l, err := experiment.Parse("f.json", []byte(`{"Provider": "`+c.provider+`", "SubExperiments": [{`+c.sub+`}]}`),
			KnownProviders())
		if err != nil {
			t.Fatal(err)
		}
		a := App{}
		a.Only, a.Serverless = -1, true
		got := a.Cautions(l)
		ok := len(got) == len(c.want)
		for i := range min(len(got), len(c.want)) {
			ok = ok && strings.Contains(got[i], strings.ReplaceAll(c.want[i], "PROVIDER", c.provider))
		}
		if !ok {
			t.Errorf("%s, %s:\ngot  %q\nwant %q", c.provider, c.sub, got, c.want)
		}
	}
}
