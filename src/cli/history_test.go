package cli

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/report"
)

// TestPrintLeftOut groups what is left out, with a short reason for each of the first runs of a kind.
func TestPrintLeftOut(t *testing.T) {
	all := []app.LeftOut{{Path: "b\x1b", Kind: "not readable", Short: "read run.json: unexpected end of JSON input"}}
	for n := range 7 {
		all = append(all, app.LeftOut{Path: fmt.Sprint("r", n), Kind: "of another experiment",
			Short: "Bursts 11, not 10"})
	}
	all = append(all, app.LeftOut{Path: "d", Kind: "only deployed"})
	var out strings.Builder
	if err := printLeftOut(&out, all, report.SummaryOptions{Width: 44}); err != nil {
		t.Fatal(err)
	}
	const want = `left out    1 run not readable
              b : read run.json: unexpected end of JSON
                input
left out    7 runs of another experiment
              r0: Bursts 11, not 10
              r1: Bursts 11, not 10
              r2: Bursts 11, not 10
              r3: Bursts 11, not 10
              r4: Bursts 11, not 10
              and 2 more, which the page names
left out    1 run only deployed
              d
`
	if out.String() != want {
		t.Errorf("%s", out.String())
	}
}
