package sample

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// cmdRows are the rows of three requests: one with all results, one that failed, one whose test failed in warm-up.
func cmdRows() []Sample {
	number := func(v float64) *float64 { return &v }
	rows := []Sample{Empty(), Empty(), Empty()}
	for i := range rows {
		rows[i].RequestID, rows[i].Endpoint, rows[i].Slot = fmt.Sprint("r", i), "f0-0", i
		rows[i].SentAt = time.Unix(1, 0)
	}
	rows[0].Cmds = &Cmds{Stat: &Stat{ExistID: "a", NewID: "a", Uptime: number(5.25), CPUInfo: "2,X"},
		IO:  []IORound{{0.5, 245000}, {0.25, 1.5e6}},
		Net: &Net{1e9, 3, 1, 9}, CPU: number(12.5), Other: map[string]string{"dance": `{"a":1}`},
		CPUU:   &CPUShare{Stamps: 3, Span: 200, Gaps: 2, Longest: 90, Share: number(0.1)},
		Errors: map[string]string{"udp": "no, route"}, Start: number(1.5), End: number(2), Elapsed: number(0.5)}
	rows[1].Err = Timeout
	rows[2].Warmup = true
	rows[2].Cmds = &Cmds{CPU: number(99), CPUU: &CPUShare{Stamps: 1}, Errors: map[string]string{"net": "none"}}
	return rows
}

func cmdTests() []string { return []string{"stat", "io", "net", "cpu", "cpuu", "dance", "udp"} }

func TestCmdsFile(t *testing.T) {
	var out bytes.Buffer
	w := NewCmdsWriter(&out, cmdTests())
	rows := cmdRows()
	for i := range rows {
		w.AppendRow(&rows[i])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := []string{
		"Request ID,Sent At,Endpoint,Instance ID,Burst ID,Round,Slot,Warmup,Cold,Error,stat.exist_id,stat.new_id," +
			"stat.vm_id,stat.inst_id,stat.vm_priv_ip,stat.vm_pub_ip,stat.inst_priv_ip,stat.uptime,stat.cpu_info," +
			"stat.error,io.round,io.time,io.speed,io.error,net.bps,net.meanr,net.minr,net.maxr,net.error,cpu," +
			"cpu.error,cpuu.stamps,cpuu.span,cpuu.gaps,cpuu.longest_gap,cpuu.share,cpuu.share_error,cpuu.error," +
			"dance,dance.error,udp,udp.error,start_time,end_time,elapsed_time",
		"r0,1970-01-01T00:00:01.000000000Z,f0-0,,0,0,0,false,,,a,a,,,,,,5.25,\"2,X\",,0,0.5,245000,,1000000000,3,1,9,," +
			"12.5,,3,200,2,90,0.1,,,\"{\"\"a\"\":1}\",,,\"no, route\",1.5,2,0.5",
		"r0,1970-01-01T00:00:01.000000000Z,f0-0,,0,0,0,false,,,,,,,,,,,,,1,0.25,1500000" + strings.Repeat(",", 22),
		"r1,1970-01-01T00:00:01.000000000Z,f0-0,,0,0,1,false,,timeout" + strings.Repeat(",", 35),
		"r2,1970-01-01T00:00:01.000000000Z,f0-0,,0,0,2,true,," + strings.Repeat(",", 19) + "none,99,,1,0,0" +
			strings.Repeat(",", 11),
	}
	for i := range max(len(lines), len(want)) {
		if i >= len(lines) || i >= len(want) || lines[i] != want[i] {
			t.Fatalf("line %d:\n%s\nwant\n%s", i, lines[min(i, len(lines)-1)], want[min(i, len(want)-1)])
		}
	}
}

func TestReadCmds(t *testing.T) {
	dir := t.TempDir()
	w, err := CreateCmds(filepath.Join(dir, CmdsFile), cmdTests())
	if err != nil {
		t.Fatal(err)
	}
	rows := cmdRows()
	for i := range rows {
		w.AppendRow(&rows[i])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	numbers, failed, err := ReadCmds(dir, cmdTests())
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range numbers {
		got = append(got, fmt.Sprint(n.Name, n.Values))
	}
	const want = "stat.uptime[5.25] io.time[0.5 0.25] io.speed[245000 1.5e+06] net.bps[1e+09] net.meanr[3] net.minr[1] " +
		"net.maxr[9] cpu[12.5] cpuu.span[200] cpuu.gaps[2] cpuu.longest_gap[90] cpuu.share[0.1] elapsed_time[0.5]"
	if strings.Join(got, " ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, " "), want)
	}
	for _, f := range failed {
		if (f.Test == "udp") != (f.Rows == 1 && f.Why == "no, route") || f.Test != "udp" && f.Rows != 0 {
			t.Errorf("failed: %+v", f)
		}
	}
	if _, err := CreateCmds(filepath.Join(dir, CmdsFile), nil); err == nil {
		t.Error("results are overwritten")
	}
	if _, _, err := ReadCmds(dir, []string{"cpu"}); err == nil ||
		!strings.Contains(err.Error(), "the first line is not") {
		t.Errorf("a file of other tests: %v", err)
	}
	torn, err := os.OpenFile(filepath.Join(dir, CmdsFile), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := torn.WriteString("r3,1970"); err != nil {
		t.Fatal(err)
	}
	if err := torn.Close(); err != nil {
		t.Fatal(err)
	}
	if again, _, err := ReadCmds(dir, cmdTests()); err != nil || len(again[0].Values) != 1 {
		t.Errorf("with a torn line: %v, %v", again, err)
	}
}
