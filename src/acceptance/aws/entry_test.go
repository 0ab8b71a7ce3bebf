package aws_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"stellar/src/acceptance/lab"
	"stellar/src/sample"
)

// One experiment over the ways into a function: on the local platform and on AWS.
func TestEntries(t *testing.T) {
	e := emulator.Called(t)
	asked := e.Record()
	file := `{"Provider": "local", "SubExperiments": [
		{"Title": "go", "Runtime": "go", "Bursts": 3, "BurstSizes": [1, 2], "IATSeconds": 0.05, "ProviderReport": PR,
			"FunctionTimeoutSeconds": 120, "Sweep": {"Entry": ["http-api", "url", "sdk"]}},
		{"Title": "signed", "Runtime": "python3.13", "Bursts": 2, "Entry": "url", "EntryAuth": "iam"},
		{"Title": "own", "Function": "./own", "Handler": "main.handle", "Runtime": "python3.13", "Bursts": 2,
			"Entry": "sdk", "MaxErrorRatio": 1}]}`
	streamed := `, {"Title": "streamed", "Runtime": "go", "Bursts": 2, "Entry": "url", "InvokeMode": "streamed",
			"StreamBytes": 300000, "StreamPauseSeconds": 0.05},
		{"Title": "events", "Runtime": "go", "Bursts": 3, "BurstSizes": [2], "Entry": "sdk-async",
			"DesiredServiceTimes": ["100ms"], "BusySpinIncrements": [100000000]}]}`
	l := lab.In(t, e, strings.Replace(strings.TrimSuffix(file, "]}")+streamed, "PR", "true", 1))
	l.Write("own/main.py", "def handle(event, context):\n    raise ValueError('no')\n")
	said := stellar(l, 3, "-c", "exp.json", "-o", "local")
	if !strings.Contains(said, "function-error") {
		t.Errorf("the run says\n%s", said)
	}
	checkChunks(t, filepath.Join(l.Dir, "local"))
	checkEvents(t, filepath.Join(l.Dir, "local"))
	l.Write("exp.json", strings.NewReplacer("PR", "false", `"local"`, `"aws"`).Replace(file))
	stellar(l, 3, "-c", "exp.json", "-o", "aws")
	empty(t, e)
	for _, out := range []string{"local", "aws"} {
		for i, want := range []int{4, 4, 4, 2} {
			if rows := l.RowsOf(out, fmt.Sprintf("%d-*", i)); len(rows) != want {
				t.Errorf("%s, sub-experiment %d: %d rows, want %d", out, i, len(rows), want)
			}
		}
		files, err := filepath.Glob(filepath.Join(l.Dir, out, "*", "4-*", "latencies.csv"))
		if err != nil || len(files) != 1 {
			t.Fatalf("%s: %v, %v", out, files, err)
		}
		rows, _, err := sample.ReadFile(files[0])
		if err != nil || len(rows) != 2 || rows[1].Err != sample.Function || rows[1].Status != 200 {
			t.Errorf("%s: rows of a function that raises: %+v, %v", out, rows, err)
		}
	}
	checkAllowed(t, asked)
}

// checkChunks demands the instants of every chunk: they came soon after the function had sent them, on one clock.
func checkChunks(t *testing.T, out string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(out, "*", "5-*", "chunks.csv"))
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
	slices.Sort(delays) // the median: a busy machine may hold single chunks up
	if median := delays[len(delays)/2]; median > 25*time.Millisecond {
		t.Errorf("chunks come %v after they were sent, with 50 ms between them: %v", median, delays)
	}
}

// checkEvents demands the end of every event, after its answer.
func checkEvents(t *testing.T, out string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(out, "*", "6-*", "events.csv"))
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
			end < duration || duration < 10 || accepted <= 0 {
			t.Errorf("%s: %v", row, err)
		}
	}
}
