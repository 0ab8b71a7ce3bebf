package analyze

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// hopOf is a hop of so many ms, ± 0.1 ms, of 1000 B.
func hopOf(ms float64) sample.TransferHop {
	return sample.TransferHop{Known: true, Corrected: time.Duration(ms * 1e6), Bound: 100 * time.Microsecond,
		Bytes: 1000, Put: sample.None, FirstByte: sample.None, Get: sample.None}
}

func TestDescribeTransfers(t *testing.T) {
	stored := hopOf(4)
	stored.Put, stored.FirstByte, stored.Get = 1e6, 2e6, 3e6
	rows := []sample.Transfer{
		{SHA256: "a", Warmup: true, Hops: []sample.TransferHop{hopOf(100), hopOf(100)}},
		{SHA256: "a", Hops: []sample.TransferHop{hopOf(1), hopOf(2)}},
		{SHA256: "a", Check: sample.CheckSum, Hops: []sample.TransferHop{hopOf(3), stored}},
		{Hops: []sample.TransferHop{{Bytes: 1000, Put: -1, FirstByte: -1, Get: -1}, hopOf(-0.05)}},
		{Hops: []sample.TransferHop{{Bytes: -1}, {Bytes: -1}}}, // it failed
	}
	d := DescribeTransfers(rows, []int{0, 1}, Inline, 1000)
	first, second := d.Hops[0], d.Hops[1]
	if d.Rows != 3 || d.Unproven != 1 || d.Checks[sample.CheckSum] != 1 || len(d.Hops) != 2 ||
		first.Transfer.Count != 2 || first.Transfer.P50.V != 1 || first.Transfer.P99.V != 3 ||
		first.Transfer.TMR.V != 3 || second.Transfer.Min.V != -0.05 || second.Transfer.Count != 3 ||
		second.Mbps.Count != 2 || first.Mbps.Max.V != 8 || second.Put.P50.V != 1 || second.FirstByte.P50.V != 2 ||
		second.Get.P99.V != 3 || first.Put.Count != 0 || d.All.Transfer.Count != 5 || d.All.Error.P50.V != 0.1 {
		t.Errorf("%+v", d)
	}
	said := strings.Join(d.Findings(), "\n")
	for _, want := range []string{"a hop of 1000 B inline: P50 2.000, P99 4.000 ms, TMR 2.00", "n = 5", "put P50 1.000",
		"1 of 3 requests have a Clock Check sum", "1 of 3 payloads have no SHA-256"} {
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in\n%s", want, said)
		}
	}
	var out bytes.Buffer
	if err := d.Write(&out); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&out).ReadAll()
	if err != nil || len(lines) != 4 || lines[2][1] != "1" || lines[2][2] != "2" || lines[3][0] != "all" ||
		lines[1][9] != "1.000000" || lines[1][17] != "" || lines[2][17] != "1.000000" {
		t.Errorf("%v, %v", lines, err)
	}
	none := DescribeTransfers(nil, []int{0}, Storage, 0)
	if got := none.Findings(); len(got) != 1 || got[0] != "no function has told of a transfer" {
		t.Errorf("no rows: %q", got)
	}
}

func TestBySize(t *testing.T) {
	of := func(way string, bytes int64, p50 float64) Summary {
		return Summary{Count: 5, P50: Of(p50), P99: Of(2 * p50), Transfers: &Transfers{Way: way, PayloadBytes: bytes}}
	}
	for _, c := range []struct {
		all  []Summary
		wins int64
	}{
		{[]Summary{of(Inline, 1, 1), of(Inline, 1000, 10), of(Inline, 10, 3), of(Storage, 1, 4), of(Storage, 10, 2),
			of(Storage, 1000, 5)}, 10},
		{[]Summary{of(Inline, 1, 1), of(Inline, 10, 3), of(Storage, 1, 4), of(Storage, 10, 5)}, 0},
		{[]Summary{of(Inline, 1, 9), of(Storage, 1, 4), of(Storage, 1000, 5)}, 1},
		{[]Summary{of(Inline, 1, 1), {Count: 3}}, 0},
		{nil, 0},
	} {
		all := BySize(c.all)
		if len(c.all) > 0 && (len(all) != 1 || all[0].Wins != c.wins || all[0].Name != "") {
			t.Errorf("%+v: storage is to win from %d on", all, c.wins)
		}
		if len(all) == 1 && len(all[0].Inline) == 3 && (all[0].Inline[1].Bytes != 10 || all[0].Inline[1].P99.V != 6) {
			t.Errorf("%+v", all[0].Inline)
		}
	}
	other := of(Inline, 10, 5)
	other.Runtime = "java21"
	first := of(Inline, 10, 3)
	first.Runtime = "go"
	if all := BySize([]Summary{first, other}); len(all) != 2 || all[0].Name != "go" || all[1].Name != "java21" {
		t.Errorf("two runtimes are one series: %+v", all)
	}
}
