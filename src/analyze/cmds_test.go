package analyze

import (
	"bytes"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

func TestCmds(t *testing.T) {
	c := DescribeCmds([]sample.CmdNumbers{
		{CmdColumn: sample.CmdColumn{Name: "cpu", Unit: "ms"}, Values: []float64{3, 1, 2, 1234.5}},
		{CmdColumn: sample.CmdColumn{Name: "cpuu.share", Unit: "1"}, Values: []float64{0.25}},
		{CmdColumn: sample.CmdColumn{Name: "io.speed", Unit: "B/s"}},
	}, []sample.CmdFailures{{Test: "io", Rows: 2, Why: "no space"}, {Test: "cpu"}})
	want := []string{
		"cpu: mean 310.1, std 616.3, min 1, P50 2, P95 1234, P99 1234, max 1234 ms, n = 4",
		"cpuu.share: mean 0.25, std –, min 0.25, P50 0.25, P95 0.25, P99 0.25, max 0.25, n = 1",
		"io failed in 2 requests: no space",
	}
	if got := strings.Join(c.Findings(), "\n"); got != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
	var out bytes.Buffer
	if err := c.Write(&out); err != nil {
		t.Fatal(err)
	}
	const table = `number,unit,n,failed,mean,std,cv,min,p50,p95,p99,max,p50_ci95_low,p50_ci95_high
cpu,ms,4,0,310.125000,616.250541,1.987104,1.000000,2.000000,1234.500000,1234.500000,1234.500000,n<6,n<6
cpuu.share,,1,0,0.250000,,,0.250000,0.250000,0.250000,0.250000,0.250000,n<6,n<6
io.speed,B/s,0,2,,,,,,,,,n<6,n<6
`
	if out.String() != table {
		t.Errorf("got\n%s", out.String())
	}
}
