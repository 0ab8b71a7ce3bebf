package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
)

func TestDollars(t *testing.T) {
	for usd, want := range map[float64]string{
		0: "0.00", 12.345: "12.35", 0.5: "0.50", 0.0123: "0.012", 0.00225812: "0.0023", 0.0000004: "0.00000040",
	} {
		if got := dollars(usd); got != want {
			t.Errorf("%v: %s, want %s", usd, got, want)
		}
	}
}

// TestQuestions: a big run is asked about with its cost, where that is known; a small one is not asked about.
func TestQuestions(t *testing.T) {
	a := app.App{Config: pipeline.Config{Options: pipeline.Options{Only: -1, Serverless: true}}}
	for file, want := range map[string]string{
		`"Region": "us-east-1", "SubExperiments": [{"Bursts": 1}]`: "[]",
		`"Region": "us-east-1", "SubExperiments": [{"Bursts": 1000, "BurstSizes": [1000],
			"DesiredServiceTimes": ["1s"]}]`: "about 3.28 USD",
		`"Region": "mars-1", "SubExperiments": [{"Bursts": 1, "BurstSizes": [1000]}]`: "bottleneck]",
	} {
		l, err := experiment.Parse("f.json", []byte(`{"Provider": "aws", `+file+`}`), vendors.Known())
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(questions(a, l)); !strings.Contains(got, want) {
			t.Errorf("%s: %s; want %s", file, got, want)
		}
	}
}
