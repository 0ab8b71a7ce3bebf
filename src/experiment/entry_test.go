package experiment

import (
	"strings"
	"testing"
)

func TestEntries(t *testing.T) {
	for name, c := range map[string]struct{ keys, want string }{
		"url":             {`"Entry": "url", "EntryAuth": "iam"`, ""},
		"sdk":             {`"Entry": "sdk", "Sweep": {"FunctionMemoryMB": [128, 256]}`, ""},
		"events":          {`"Entry": "sdk-async"`, ""},
		"events of cold":  {`"Entry": "sdk-async", "ColdStart": "force"`, "known after the run"},
		"no report":       {`"Entry": "sdk-async", "ProviderReport": false`, "want true"},
		"events' answer":  {`"Entry": "sdk-async", "Type": "perf-cost"`, "events have no answer"},
		"a sweep":         {`"Sweep": {"Entry": ["http-api", "url", "sdk"]}`, ""},
		"unknown":         {`"Entry": "sdk-sync"`, `Entry: found "sdk-sync"`},
		"gRPC":            {`"Entry": "sdk", "Protocol": "grpc"`, "sdk is spoken over http1 only"},
		"a chain":         {`"Entry": "url", "Type": "data-transfer", "DataTransferChainLength": 2`, "functions of a chain"},
		"reuse":           {`"Entry": "url", "Reuse": true`, "want Reuse false"},
		"an HTTP server":  {`"Entry": "sdk", "PackageType": "Image", "Platform": {"ImageContract": "http"}`, "HTTP server"},
		"swept chains":    {`"Sweep": {"Entry": ["http-api", "sdk"]}, "Protocol": "h2c"`, "Protocol is \"h2c\""},
		"streamed":        {`"Entry": "url", "InvokeMode": "streamed", "StreamBytes": 209715200`, ""},
		"an API's stream": {`"InvokeMode": "streamed"`, "want Entry \"url\""},
		"too many chunks": {`"Entry": "url", "InvokeMode": "streamed", "StreamBytes": 209715200, "StreamChunkBytes": 1024`,
			"over 200000 chunks"},
		"a long pause": {`"Entry": "url", "InvokeMode": "streamed", "StreamPauseSeconds": 4`,
			"15 pauses of 4 s take 60 s, no less than FunctionTimeoutSeconds, 60 s"},
		"a long wait": {`"Entry": "url", "InvokeMode": "streamed", "StreamPauseSeconds": 1, "TimeoutSeconds": 3`,
			"no less than TimeoutSeconds, 3 s"},
		"Python's stream": {`"Entry": "url", "InvokeMode": "streamed", "Runtime": "python3.13"`, "streams in go only"},
		"own stream": {`"Entry": "url", "InvokeMode": "streamed", "Runtime": "nodejs22.x", "Function": "./own",
			"Handler": "main.f"`, ""},
		"auth on an API":  {`"EntryAuth": "iam"`, ""},
		"unknown as auth": {`"Entry": "url", "EntryAuth": "key"`, `EntryAuth: found "key"`},
	} {
		if !strings.Contains(c.keys, `"Runtime"`) {
			c.keys += `, "Runtime": "go"`
		}
		got := strings.Join(problems(t, `{"Provider": "local", "SubExperiments": [{"Bursts": 3, `+c.keys+`}]}`), "\n")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
