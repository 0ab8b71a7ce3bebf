package rawcode_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/raw-code/bootstraps"
	"github.com/vhive-serverless/STeLLAR/raw-code/bootstraps/apitest"
	"github.com/vhive-serverless/STeLLAR/src/microtest"
)

// TestFaasMeasure: a client of faas_measure invokes the function of experiments/functions and takes its line apart.
func TestFaasMeasure(t *testing.T) {
	dir, err := filepath.Abs("../experiments/functions/faas-measure")
	if err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(t.TempDir(), "bootstrap.py")
	write(t, loop, bootstraps.Python)
	api := apitest.Start()
	t.Cleanup(api.Close)
	start(t, dir, []string{"python3", "-u", loop, "index.handler"}, "AWS_LAMBDA_RUNTIME_API="+api.Address(),
		"TMPDIR="+t.TempDir())
	invoke := func(event string) (path, payload string) {
		a, err := api.Invoke(t.Context(), event, patience)
		if err != nil {
			t.Fatal(err)
		}
		return a.Path, string(a.Body)
	}

	until := time.Now().Add(100 * time.Millisecond)
	cmds := fmt.Sprintf(`{"sleep":%.3f,"stat":{"argv":1},"run":false,"io":{"rd":2,"size":"1kB","cnt":3},"net":false,`+
		`"cpu":{"n":1000},"cpuu":{"n":4}}`, float64(until.UnixNano())/1e6)
	path, payload := invoke(`{"cmds":` + cmds + `}`)
	var line string
	if err := json.Unmarshal([]byte(payload), &line); err != nil || !strings.HasSuffix(path, "/response") {
		t.Fatalf("%s: %s, %v: want one text", path, payload, err)
	}
	if time.Now().Before(until) {
		t.Error("it has not waited")
	}
	fields := strings.Split(line, "#")
	if len(fields) != 9+3+3 || fields[0] != fields[1] || len(fields[0]) != 36 || strings.Count(fields[7], ",") != 1 ||
		strings.Count(fields[9], ";") != 1 || strings.Count(fields[11], ";") > 3 {
		t.Errorf("%d fields: %s", len(fields), line)
	}
	// The client puts its own fields around the line; the whole is what `stellar decode` reads.
	now := float64(time.Now().UnixNano()) / 1e6
	logged := fmt.Sprintf("2#1#3#0#us-east-1#python3.13#128#tmp1234#%s#%.3f#%.3f#150.000", line, now-150, now)
	e, err := microtest.Decode(strings.NewReader(logged))
	if err != nil || len(e) != 1 || e[0].Cmds.CPU == nil || len(e[0].Cmds.IO) != 2 || e[0].Cmds.Stat.Uptime == nil ||
		len(e[0].Stamps) == 0 || !slices.IsSorted(e[0].Stamps) || *e[0].Latency != 150 || e[0].Function != "tmp1234" {
		t.Errorf("%v: %+v", err, e)
	}
	checkFaasEvents(t, invoke)
	if left, err := os.ReadDir(filepath.Join(dir, "__pycache__")); err == nil {
		t.Errorf("the test leaves bytecode: %v", left)
	}
}

// checkFaasEvents asks on the other ways in.
func checkFaasEvents(t *testing.T, invoke func(event string) (path, payload string)) {
	t.Helper()
	body := `{"cmds":{"sleep":0,"cpu":{"n":"x"},"cpuu":{"n":2}}}`
	for event, want := range map[string]string{
		`{"requestContext":{},"body":"` + base64.StdEncoding.EncodeToString([]byte(body)) + `","isBase64Encoded":true}`: "None#",
		`{"requestContext":{},"queryStringParameters":{"cmds":"{\"cpu\":{\"n\":\"x\"}}"}}`:                              "None#",
		`{"requestContext":{},"body":"{\"cmds\":{\"dance\":1}}"}`:                                                       `{"error": "cmds is {\"dance\": 1}; want`,
		`{"requestContext":{},"queryStringParameters":{"IncrementLimit":"5"}}`:                                          `{"RequestID"`,
	} {
		_, payload := invoke(event)
		var r struct {
			StatusCode int
			Body       string
		}
		wantStatus := 200
		if strings.Contains(want, "error") {
			wantStatus = 400
		}
		if err := json.Unmarshal([]byte(payload), &r); err != nil || r.StatusCode != wantStatus ||
			!strings.HasPrefix(r.Body, want) {
			t.Errorf("%s: %s", event, payload)
		}
	}
	if path, payload := invoke(`{"cmds":{"dance":1}}`); !strings.HasSuffix(path, "/error") ||
		!strings.Contains(payload, "want an object with sleep, run, stat, io, net, cpu, cpuu") {
		t.Errorf("%s: %s", path, payload)
	}
}
