package provider

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"stellar/src/fail"
)

// Outputs of real deployments, by versions of the tools that decorate the same lines otherwise: a reader finds the endpoints in any.
func TestOutputsOfRealDeployments(t *testing.T) {
	const several = "https://z4a0lmtx64.execute-api.us-west-1.amazonaws.com/"
	const apps = "https://sls-seasi-dev-stellar-sub-experiment-1.azurewebsites.net/api/"
	for file, want := range map[string][]string{
		"aws-one.txt":     {"https://7rhr5111eg.execute-api.us-west-1.amazonaws.com/parallelism1_0_0"},
		"aws-several.txt": {several + "parallelism1_0_0", several + "parallelism2_1_0", several + "parallelism2_1_1"},
		"azure.txt":       {apps + "subexperiment2_1_0", apps + "subexperiment2_1_1"},
		"aliyun.txt":      {"http://5cfeb440ed6d4ad69ae29d8408aa606e-ap-southeast-1.alicloudapi.com/foo"},
		"gcr.txt":         {"https://test-function-nfjrndgaha-uw.a.run.app"},
		"cloudflare.txt":  {"https://hellonode.stellarbench.workers.dev"},
	} {
		raw, err := os.ReadFile(filepath.Join("testdata", "outputs", file))
		if err != nil {
			t.Fatal(err)
		}
		text := string(raw)
		for how, text := range map[string]string{"as it is": text, "in Windows' lines": strings.ReplaceAll(text, "\n", "\r\n"), "among others": "Warning: x\n" + text + "\n\nDone: 1 - 2\n"} {
			if got := readOutput(file, text); !slices.Equal(got, want) {
				t.Errorf("%s, %s: %q; want %q", file, how, got, want)
			}
		}
	}
}

// readOutput is the reader of a provider's texts.
func readOutput(file, text string) (urls []string) {
	switch file {
	case "gcr.txt":
		e, _ := newGcr(Options{}.defaults()).(*gcr).read(Unit{}, result("", text))
		return []string{e.URL}
	case "cloudflare.txt":
		return []string{workersDev.FindString(text)}
	}
	found := awsRoutes(text)
	switch file {
	case "azure.txt":
		found = azureEndpoints(text)
	case "aliyun.txt":
		found = aliyunEndpoints(text)
	}
	for _, e := range found {
		urls = append(urls, e.URL)
	}
	return urls
}

// Fewer endpoints than functions is an error that carries the text.
func TestTooFewEndpointsShowTheText(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "outputs", "aws-several.txt"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	fns := []*Function{{Name: "parallelism1_0_0"}, {Name: "parallelism2_1_0"}, {Name: "parallelism2_1_1"}, {Name: "parallelism3_0_0"}}
	if got, err := byFunction(text, fns[:3], awsRoutes(text)); err != nil || len(got) != 3 || got[2].Function != "parallelism2_1_1" {
		t.Errorf("all there: %v, %v", got, err)
	}
	for name, broken := range map[string]string{"one too few": text, "cut off": text[:strings.Index(text, "  GET")], "nothing": "", "garbage": "<html>502 Bad Gateway</html>"} {
		_, err := byFunction(broken, fns, awsRoutes(broken))
		if err == nil || fail.Output(err) != broken {
			t.Errorf("%s: %v, with the text %q", name, err, fail.Output(err))
		}
	}
}
