package aws

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/providertest"
)

func TestOutputsOfRealDeployments(t *testing.T) {
	const several = "https://z4a0lmtx64.execute-api.us-west-1.amazonaws.com/"
	providertest.Outputs(t, func(text string) (urls []string) {
		for _, e := range readRoutes(text) {
			urls = append(urls, e.URL)
		}
		return urls
	}, map[string][]string{
		"outputs/aws-one.txt": {"https://7rhr5111eg.execute-api.us-west-1.amazonaws.com/parallelism1_0_0"},
		"outputs/aws-several.txt": {several + "parallelism1_0_0", several + "parallelism2_1_0",
			several + "parallelism2_1_1"},
	})
}

// TestGreedyRoutesAreRead: in what the CLI prints of a route with all paths below it, the function comes before the
// variable.
func TestGreedyRoutesAreRead(t *testing.T) {
	got := readRoutes("endpoints:\n  ANY - https://a.example/f0-0/{proxy+}\n  ANY - https://a.example/f1-0\n")
	if len(got) != 2 || got[0].Function != "f0-0" || got[0].URL != "https://a.example/f0-0" ||
		got[1].Function != "f1-0" {
		t.Errorf("read %+v", got)
	}
}

// Fewer endpoints than functions is an error that carries the text.
func TestTooFewEndpointsShowTheText(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "outputs", "aws-several.txt"))
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	fns := []*provider.Function{{Name: "parallelism1_0_0"}, {Name: "parallelism2_1_0"}, {Name: "parallelism2_1_1"},
		{Name: "parallelism3_0_0"}}
	got, err := provider.InOrder(text, fns[:3], readRoutes(text))
	if err != nil || len(got) != 3 || got[2].Function != "parallelism2_1_1" {
		t.Errorf("all there: %v, %v", got, err)
	}
	for name, broken := range map[string]string{"one too few": text, "cut off": text[:strings.Index(text, "  GET")],
		"nothing": "",
		"garbage": "<html>502 Bad Gateway</html>"} {
		_, err := provider.InOrder(broken, fns, readRoutes(broken))
		if err == nil || fail.Output(err) != broken {
			t.Errorf("%s: %v, with the text %q", name, err, fail.Output(err))
		}
	}
}
