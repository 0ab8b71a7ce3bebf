package aws_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

const ownFunction = `{"Provider": "aws", "SubExperiments": [{"Title": "own", "Runtime": "python3.13",
	"Function": "./mine", "Handler": "main.lambda_handler", "Bursts": 3, "BurstSizes": [2], "IATSeconds": 0.05,
	"FunctionTimeoutSeconds": 20, "ProviderReport": true}]}`

// TestOwnFunctionsReports: a function that answers plain text, and whose HTTP API answers with an id of its own. What
// Lambda reports of each request is found by the API's access log.
func TestOwnFunctionsReports(t *testing.T) {
	e := emulator.Called(t)
	asked := e.WithLogs()
	l := lab.In(t, e, ownFunction)
	l.Write("mine/main.py", "def lambda_handler(event, context):\n"+
		"    return {'statusCode': 200, 'headers': {'content-type': 'text/plain'}, 'body': 'hello'}\n")
	said := stellar(l, 0, "-c", "exp.json", "-o", "out")
	if !strings.Contains(said, "6 of 6 answered requests have the platform's report") {
		t.Errorf("it says %s", said)
	}
	rows := l.RowsOf("out", "0-own-*")
	cold, instances := 0, map[string]bool{}
	for _, r := range rows {
		instances[r.InstanceID] = true
		if r.Cold == sample.Yes {
			cold++
		}
		if r.Cold == sample.Unknown || (r.Cold == sample.Yes) != (r.Init == 123450*time.Microsecond) ||
			len(r.InstanceID) != 32 || r.ProviderDuration <= 0 || r.Billed <= 0 || r.MemorySizeMB != 128 ||
			r.MaxMemoryMB != 40 || strings.Contains(r.RequestID, "-") {
			t.Errorf("row %+v", r)
		}
	}
	if len(rows) != 6 || cold != 1 || len(instances) != 1 {
		t.Errorf("%d rows, %d of them cold, of instances %v", len(rows), cold, instances)
	}
	yml, err := filepath.Glob(filepath.Join(l.Dir, "out", "2*", "serverless", "serverless.yml"))
	if err != nil || len(yml) != 1 {
		t.Fatalf("%q, %v", yml, err)
	}
	text, err := os.ReadFile(yml[0])
	if err != nil || !strings.Contains(string(text), "format: $context.requestId $context.integration.requestId") {
		t.Errorf("serverless.yml (%v):\n%.800s", err, text)
	}
	empty(t, e)
	checkAllowed(t, asked)
}
