package microtest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
)

// Lines as the functions and clients of faas_measure write them: results of stat, then of the test that was asked for.
const (
	stat = "f3d4a1b0-2e1f-4c62-9f0c-1f2a3b4c5d6e#a0b1c2d3-1111-4222-8333-444455556666#sandbox-root-9fA1b2#sandbox-5eC3d4#" +
		"169.254.76.1#54.1.2.3#10.13.113.6#1543.81,2899.06#2,Intel(R) Xeon(R) CPU E5-2680 v2 @ 2.80GHz"
	times  = "#1506643242000.515136#1506643242150.265136#149.75"
	client = "#1506643241900.25#1506643242300.75#400.5"
	worker = "1#1#2#0#"
	meta   = "us-east-1#python2.7#128#coldstart12345678#"
	report = "REPORT RequestId: 8286a188-ba32-4475-8077-530cd35c09a9\tDuration: 1.25 ms\tBilled Duration: 2 ms\t" +
		"Memory Size: 128 MB\tMax Memory Used: 44 MB\tInit Duration: 98.61 ms\t"
)

func encode(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestDecode(t *testing.T) {
	const statJSON = `"stat":{"exist_id":"f3d4a1b0-2e1f-4c62-9f0c-1f2a3b4c5d6e","new_id":"a0b1c2d3-1111-4222-8333-444455556666",` +
		`"vm_id":"sandbox-root-9fA1b2","inst_id":"sandbox-5eC3d4","vm_priv_ip":"169.254.76.1","vm_pub_ip":"54.1.2.3",` +
		`"inst_priv_ip":"10.13.113.6","uptime":1543.81,"cpu_info":"2,Intel(R) Xeon(R) CPU E5-2680 v2 @ 2.80GHz"}`
	const timesJSON = `"start_time":1506643242000.5151,"end_time":1506643242150.2651,"elapsed_time":149.75}`
	const idle = `,"uptime_idle":2899.06`
	const reportJSON = `"report":{"request_id":"8286a188-ba32-4475-8077-530cd35c09a9","duration":1.25,"billed_duration":2,` +
		`"memory_size":128,"max_memory_used":44,"init_duration":98.61}`
	tail := base64.StdEncoding.EncodeToString([]byte("START RequestId: 8286a188 Version: $LATEST\nwhat it printed\n" +
		"END RequestId: 8286a188\n" + report + "\n"))
	for name, c := range map[string]struct{ text, want string }{
		"stat":        {stat + times, `"cmds":{` + statJSON + "," + timesJSON + idle},
		"as payload":  {`"` + stat + times + `"`, `"cmds":{` + statJSON + "," + timesJSON + idle},
		"as response": {`{"statusCode":200,"body":"x` + times + `"}`, `"cmds":{"other":{"run":"\"x\""},` + timesJSON},
		"of a client": {worker + meta + stat + times + client, `"rd_id":1,"subrd_id":1,"task_no":2,"work_id":0,` +
			`"region":"us-east-1","runtime":"python2.7","memory":128,"func_name":"coldstart12345678","cmds":{` + statJSON +
			"," + timesJSON + idle + `,"sent":1506643241900.25,"received":1506643242300.75,"latency":400.5`},
		"error of a client": {meta + "ERROR" + client, `"region":"us-east-1","runtime":"python2.7","memory":128,` +
			`"func_name":"coldstart12345678","sent":1506643241900.25,"received":1506643242300.75,"latency":400.5,` +
			`"error":"ERROR"`},
		"io": {"0.0407855, 245 kB/s;0.0400001, 1.5 MB/s" + times, `"cmds":{"io":[{"time":0.0407855,"speed":245000},` +
			`{"time":0.0400001,"speed":1500000}],` + timesJSON},
		"net": {"533000000.5,3012,2411,4000" + times, `"cmds":{"net":{"bps":533000000.5,"meanr":3012,"minr":2411,` +
			`"maxr":4000},` + timesJSON},
		"cpu": {"12.4580078125#" + stat + times, `"cmds":{` + statJSON + `,"cpu":12.4580078125,` + timesJSON + idle},
		"cpuu": {"1506643242001.5;1506643242002.25;1506643242102.5" + times, `"cmds":{"cpuu":{"stamps":3,"span":101,` +
			`"gaps":1,"longest":100.25,"share":0.007425742574257432,"error":null},` + timesJSON +
			`,"cpuu_stamps":[1506643242001.5,1506643242002.25,1506643242102.5]`},
		"one timestamp": {"1506643242001.5" + times, `"cmds":{"cpuu":{"stamps":1,"span":0,"gaps":0,"longest":0,` +
			`"share":null,"error":null},` + timesJSON + `,"cpuu_stamps":[1506643242001.5]`},
		"failed": {"None" + times, `"cmds":{"errors":{"unknown":"a test failed; the line does not say which and why"},` +
			timesJSON},
		"nothing":     {strings.TrimPrefix(times, "#"), `"cmds":{` + timesJSON},
		"report":      {report, reportJSON},
		"with blanks": {"2026-01-02T03:04:05.000Z " + strings.ReplaceAll(report, "\t", " "), reportJSON},
		"of the local platform": {strings.ReplaceAll(report+"Ended: 2026-11-28T13:43:38.04Z\tQueue Duration: 0.00 ms\t"+
			"Instance: 83a2\tCold: true", "\t", " "), reportJSON},
		"log tail":       {tail, reportJSON},
		"of the AWS CLI": {"{\n  \"StatusCode\": 200,\n  \"LogResult\": \"" + tail + "\"\n}", reportJSON},
		"answer": {`{"Cmds":{"cpuu":[1.5,2]}}`, `"cmds":{"cpuu":{"stamps":2,"span":0.5,"gaps":0,"longest":0,` +
			`"share":null,"error":null}},"cpuu_stamps":[1.5,2]`},
		"error": {`{"errorMessage":"no","errorType":"E"}`, `"error":"no"`},
	} {
		got, err := Decode(strings.NewReader("\n" + c.text + "\nEND RequestId: x\n"))
		line := 2
		if strings.Contains(c.text, "\n") { // one JSON value is read as a whole
			got, err = Decode(strings.NewReader(c.text))
			line = 1
		}
		if want := fmt.Sprintf(`[{"line":%d,%s}]`, line, c.want); err != nil || encode(t, got) != want {
			t.Errorf("%s: %v\ngot  %s\nwant %s", name, err, encode(t, got), want)
		}
	}
}

func TestDecodeWrong(t *testing.T) {
	for text, want := range map[string]string{
		"hello":                               `line 1: "hello": want results joined by #`,
		"\n\na#b":                             `line 3: "a#b": it does not end in start#end#elapsed`,
		"1#2#3":                               "line 1: ",
		meta + stat + "#1#2":                  "it does not end in the client's start#end#elapsed",
		"REPORT RequestId: x\tDuration: much": "its numbers cannot be read",
		`{"a":1}`:                             "want results joined",
		base64.StdEncoding.EncodeToString([]byte("START RequestId: only")): "the log has no REPORT line",
		strings.Repeat("x\n", 12): "and 2 more",
	} {
		if got, err := Decode(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %s, %v", text, encode(t, got), err)
		}
	}
	if got, err := Decode(strings.NewReader("START RequestId: a Version: 1\n\n")); err != nil || len(got) > 0 {
		t.Errorf("a log without a report: %v, %v", got, err)
	}
}

func TestTable(t *testing.T) {
	log := strings.Join([]string{worker + meta + stat + "#0.5, 20 B/s;0.25, 40 B/s" + times + client, report,
		meta + "ERROR" + client}, "\n")
	entries, err := Decode(strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := WriteCSV(&out, entries); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/table.csv")
	if err != nil || out.String() != string(want) {
		t.Errorf("%v\n%s", err, out.String())
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(stat + times)
	f.Add(report)
	f.Add(`{"LogResult":"U1RBUlQ="}`)
	f.Fuzz(func(_ *testing.T, text string) {
		if entries, err := Decode(strings.NewReader(text)); err == nil {
			_ = WriteCSV(&bytes.Buffer{}, entries)
		}
	})
}
