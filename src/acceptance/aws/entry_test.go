package aws_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// entries is one experiment over the ways into a function, and over what can be sent on them.
const entries = `{"Provider": "local", "SubExperiments": [
	{"Title": "go", "Runtime": "go", "Bursts": 3, "BurstSizes": [1, 2], "IATSeconds": 0.05, "ProviderReport": PR,
		"FunctionTimeoutSeconds": 120, "Sweep": {"Entry": ["http-api", "url", "sdk"]}},
	{"Title": "signed", "Runtime": "python3.13", "Bursts": 2, "Entry": "url", "EntryAuth": "iam"},
	{"Title": "own", "Function": "./own", "Handler": "main.handle", "Runtime": "python3.13", "Bursts": 2,
		"Entry": "sdk", "MaxErrorRatio": 1},
	{"Title": "events", "Runtime": "go", "Bursts": 3, "BurstSizes": [2], "Entry": "sdk-async",
		"DesiredServiceTimes": ["100ms"], "BusySpinIncrements": [100000000]},
	{"Title": "echo", "Function": "./own", "Handler": "main.echo", "Runtime": "python3.13", "Bursts": 2,
		"Method": "PUT", "Path": "?lang=en&n=1", "Headers": {"X-Shop": "${env:SHOP_FIELD}"}, "Body": "@order",
		"ExpectStatus": 201, "ExpectBody": {"path": "$", "value": {"method": "PUT", "query": "lang=en&n=1",
			"field": 12, "body": "SHA"}}},
	{"Title": "cmds", "Runtime": "python3.13", "Bursts": 2, "Cmds": {"sleep": 5, "cpu": {"n": 500}}}STREAMED]}`

// streamed is for the local platform alone. The emulator keeps a response until the function has ended, and takes its
// bytes for UTF-8, so that it has neither a stream's instants nor its bytes.
const streamed = `, {"Title": "streamed", "Runtime": "go", "Bursts": 2, "Entry": "url", "InvokeMode": "streamed",
		"StreamBytes": 300000, "StreamPauseSeconds": 0.05}`

// ownEntries are functions of the user's own: one that raises, and one that says what it was sent.
const ownEntries = `import base64, hashlib, json

def handle(event, context):
    raise ValueError('no')

def echo(event, context):
    body = event.get('body') or ''
    body = base64.b64decode(body) if event.get('isBase64Encoded') else body.encode()
    said = {'method': event['requestContext']['http']['method'], 'query': event['rawQueryString'],
            'field': len(event['headers'].get('x-shop', '')), 'body': hashlib.sha256(body).hexdigest()}
    return {'statusCode': 201, 'headers': {'content-type': 'application/json'}, 'body': json.dumps(said)}
`

// One experiment over the ways into a function: on the local platform and on AWS.
func TestEntries(t *testing.T) {
	e := emulator.Called(t)
	asked := e.WithLogs()
	order := make([]byte, 3000)
	for i := range order {
		order[i] = byte(i * i)
	}
	file := strings.Replace(entries, "SHA", fmt.Sprintf("%x", sha256.Sum256(order)), 1)
	l := lab.In(t, e, strings.NewReplacer("PR", "true", "STREAMED", streamed).Replace(file))
	l.Write("own/main.py", ownEntries)
	l.Write("order", string(order))
	l.Set("SHOP_FIELD=secret-12345")
	said := stellar(l, 3, "-c", "exp.json", "-o", "local")
	if !strings.Contains(said, "function-error") {
		t.Errorf("the run says\n%s", said)
	}
	checkChunks(t, filepath.Join(l.Dir, "local"))
	checkStatistics(t, filepath.Join(l.Dir, "local", "2*", "8-*", "streams-statistics.csv"), "\nmax_gap,ms,2,0,")
	l.Write("exp.json", strings.NewReplacer("PR", "false", "STREAMED", "", `"local"`, `"aws"`).Replace(file))
	stellar(l, 3, "-c", "exp.json", "-o", "aws")
	empty(t, e)
	for _, out := range []string{"local", "aws"} {
		for i, want := range []int{4, 4, 4, 2} {
			if rows := l.RowsOf(out, fmt.Sprintf("%d-*", i)); len(rows) != want {
				t.Errorf("%s, sub-experiment %d: %d rows, want %d", out, i, len(rows), want)
			}
		}
		files, err := filepath.Glob(filepath.Join(l.Dir, out, "2*", "4-*", "latencies.csv"))
		if err != nil || len(files) != 1 {
			t.Fatalf("%s: %v, %v", out, files, err)
		}
		rows, _, err := sample.ReadFile(files[0])
		if err != nil || len(rows) != 2 || rows[1].Err != sample.Function || rows[1].Status != 200 {
			t.Errorf("%s: rows of a function that raises: %+v, %v", out, rows, err)
		}
		checkEvents(t, filepath.Join(l.Dir, out))
		checkStatistics(t, filepath.Join(l.Dir, out, "2*", "5-*", "events-statistics.csv"), "\nsent_to_end,ms,6,0,")
		if n := expected(t, l, out, "echo"); n != 2 {
			t.Errorf("%s: %d answers of the echo are as expected, want 2", out, n)
		}
		checkCmds(t, filepath.Join(l.Dir, out))
	}
	checkNoValues(t, l.Dir, "secret-12345")
	checkAllowed(t, asked)
}

// checkStatistics demands a text of the one file of a pattern.
func checkStatistics(t *testing.T, pattern, want string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) != 1 {
		t.Fatalf("%s: %v, %v", pattern, files, err)
	}
	if text, err := os.ReadFile(files[0]); err != nil || !strings.Contains(string(text), want) {
		t.Errorf("%s: %v, want %q in\n%s", files[0], err, want, text)
	}
}

// checkCmds demands the results of the micro-tests of each request.
func checkCmds(t *testing.T, out string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(out, "2*", "7-*", "cmds.csv"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(rows) != 3 || !strings.Contains(rows[0], "sleep") || !strings.Contains(rows[0], "cpu") {
		t.Fatalf("micro-tests:\n%s", text)
	}
	for _, row := range rows[1:] {
		full := 0
		for _, cell := range strings.Split(row, ",") {
			if cell != "" {
				full++
			}
		}
		if full < 5 {
			t.Errorf("micro-tests: %s", row)
		}
	}
}

// checkChunks demands the instants of every chunk: they came soon after the function had sent them, on one clock.
func checkChunks(t *testing.T, out string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(out, "2*", "8-*", "chunks.csv"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(string(text)), "\n")[1:]
	if len(rows) != 10 { // 300000 bytes are five chunks
		t.Fatalf("chunks of two requests:\n%s", text)
	}
	var delays []time.Duration
	for _, row := range rows {
		cells := strings.Split(row, ",")
		if cells[3] == "0" {
			continue
		}
		sent, errSent := time.Parse(time.RFC3339Nano, cells[5])
		received, errReceived := time.Parse(time.RFC3339Nano, cells[6])
		if errSent != nil || errReceived != nil || received.Before(sent) {
			t.Errorf("%s: received before it was sent, or no instants", row)
		}
		delays = append(delays, received.Sub(sent))
	}
	// A busy machine may hold chunks up. Where each waits for the next one, or for the end, only the last of each
	// request comes soon: the third least delay is then one of 50 ms at least.
	slices.Sort(delays)
	if delays[2] > 25*time.Millisecond {
		t.Errorf("chunks come %v after they were sent, with 50 ms between them: %v", delays[2], delays)
	}
}

// checkEvents demands the end of every event, after its answer. Lines of logs have whole milliseconds.
func checkEvents(t *testing.T, out string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(out, "2*", "5-*", "events.csv"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(string(text)), "\n")[1:]
	if len(rows) != 6 {
		t.Errorf("events:\n%s", text)
	}
	for _, row := range rows {
		var accepted, end, duration float64
		cells := strings.Split(row, ",")
		if _, err := fmt.Sscan(cells[5]+" "+cells[7]+" "+cells[8], &accepted, &end, &duration); err != nil ||
			end+1 < duration || duration < 10 || accepted <= 0 {
			t.Errorf("%s: %v", row, err)
		}
	}
}
