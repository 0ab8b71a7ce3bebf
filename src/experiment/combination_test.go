package experiment

import (
	"strings"
	"testing"
)

func TestCombinations(t *testing.T) {
	for name, c := range map[string]struct{ members, want string }{
		"open without IAT": {`"Bursts": 3, "Schedule": "open"`,
			`.Schedule: an open schedule with no IAT plans all 3 rounds for the same instant`},
		"open, one round":   {`"Bursts": 3, "Parallelism": 3, "Schedule": "open"`, ""},
		"open with IAT":     {`"Bursts": 3, "Schedule": "open", "IATSeconds": 0.1, "IATType": "deterministic"`, ""},
		"open, jitter only": {`"Bursts": 3, "Schedule": "open", "IATJitterSeconds": 1`, ""},
		"open, idle jitter": {`"Bursts": 3, "Schedule": "open", "IATJitterSeconds": 1, "IATType": "step"`,
			`.Schedule: an open schedule`},
		"open, wrong IAT": {`"Bursts": 3, "Schedule": "open", "IATSeconds": "1"`,
			`.IATSeconds: found "1" (string)`},
		"open, misspelt IAT": {`"Bursts": 3, "Schedule": "open", "IATSecond": 1`,
			`.IATSecond: unknown key; did you mean "IATSeconds"?`},
		"rate alone": {`"RatePerSecond": 3`, `.RatePerSecond: a rate needs DurationSeconds beside it`},
		"duration alone": {`"Bursts": 1, "DurationSeconds": 3`,
			`.DurationSeconds: a duration needs RatePerSecond beside it, or a trace`},
		"arrivals alone": {`"Bursts": 1, "Arrivals": "poisson"`,
			`.Arrivals: poisson arrivals need RatePerSecond and DurationSeconds`},
		"misspelt arrivals": {`"RatePerSecond": 1, "DurationSeconds": 1, "Arrivals": "poison"`,
			`did you mean "poisson"?`},
		"rate and duration": {`"RatePerSecond": 3, "DurationSeconds": 3, "Arrivals": "poisson"`, ""},
		"trace alone":       {`"Arrivals": "a.csv"`, ""},
		"trace, cut":        {`"Arrivals": "a.csv#f", "DurationSeconds": 3, "TraceSpacing": "even"`, ""},
		"no connections": {`"RatePerSecond": 3, "DurationSeconds": 3, "MaxConnections": 0`,
			`.MaxConnections: found 0 (number); want an integer >= 1`},
		"some connections": {`"RatePerSecond": 3, "DurationSeconds": 3, "MaxConnections": 7`, ""},
		"shared over http1": {`"Bursts": 1, "Connections": "shared"`,
			`.Connections: found "shared", but HTTP/1.1 carries one request at a time on a connection; want "reuse" ` +
				`or "new", or Protocol h2, h2c or grpc`},
		"shared over h2c": {`"RatePerSecond": 3, "DurationSeconds": 3, "Connections": "shared", "Protocol": ` +
			`"h2c"`, ""},
		"grpc on local": {`"Bursts": 1, "Protocol": "grpc"`, `.Protocol: found "grpc", which the local ` +
			`platform does not speak; want "http1" or "h2c"`},
		"shared, wrong word": {`"Bursts": 1, "Connections": "share", "Protocol": "h2c"`,
			`.Connections: found "share" (string); want one of new, reuse, shared; did you mean "shared"?`},
		"rate, closed": {`"RatePerSecond": 3, "DurationSeconds": 3, "Schedule": "closed"`,
			`.Schedule: found "closed"; a sustained load is open`},
		"forced, open": {`"Bursts": 3, "Schedule": "open", "IATSeconds": 1, "ColdStart": "force"`,
			`.ColdStart: force takes a time that is not known beforehand`},
		"forced, sustained": {`"RatePerSecond": 3, "DurationSeconds": 3, "ColdStart": "force"`,
			`.ColdStart: force makes functions cold between bursts; a sustained load has no bursts`},
		"forced, wrong word": {`"Bursts": 3, "ColdStart": "forced"`,
			`.ColdStart: found "forced" (string); want one of idle, force; did you mean "force"?`},
		"forced, retries": {`"Bursts": 3, "ColdStart": "force", "MaxRetries": 0`, ""},
		"rate of another type": {`"Type": "eviction", "RatePerSecond": 3, "DurationSeconds": 3`,
			`.RatePerSecond: eviction has no sustained load`},
		"chain of a burst": {`"Bursts": 1, "Type": "burst", "DataTransferChainLength": 2`,
			`.Type: burst has no chain, but DataTransferChainLength is 2`},
		"transfer of one": {`"Bursts": 1, "Type": "data-transfer"`,
			`.Type: data-transfer wants a DataTransferChainLength >= 2; it is 1`},
		"storage of one": {`"Bursts": 1, "StorageTransfer": true`,
			`.StorageTransfer: StorageTransfer wants a DataTransferChainLength >= 2`},
		"storage of two": {`"Bursts": 1, "StorageTransfer": true, "DataTransferChainLength": 2`, ""},
		"slow for the function": {`"Bursts": 1, "DesiredServiceTimes": ["1s", "60s"]`,
			`.DesiredServiceTimes[1]: 1m0s is no shorter than FunctionTimeoutSeconds, 1m0s`},
		"slow for the request": {`"Bursts": 1, "DesiredServiceTimes": ["2s"], "TimeoutSeconds": 1.5`,
			`.DesiredServiceTimes[0]: 2s is no shorter than TimeoutSeconds, 1.5s`},
		"increments instead": {`"Bursts": 1, "DesiredServiceTimes": ["2s"], "TimeoutSeconds": 1.5, ` +
			`"BusySpinIncrements": [100]`, ""},
		"increments alone": {`"Bursts": 1, "BusySpinIncrements": [100, 200]`, ""},
		"increments and times": {`"Bursts": 1, "BusySpinIncrements": [100, 200], "DesiredServiceTimes": ["1ms"]`,
			`.BusySpinIncrements: 2 elements beside 1 DesiredServiceTimes`},
		"warm-up only": {`"Bursts": 5, "Parallelism": 2, "WarmupBursts": 3`,
			`.WarmupBursts: 3 rounds of warm-up leave nothing to measure: there are 3 (5 bursts over 2 endpoints)`},
		"warm-up": {`"Bursts": 5, "Parallelism": 2, "WarmupBursts": 2`, ""},
		"ports": {`"Type": "network-ping-pong", "FirstPort": 65500`,
			`.FirstPort: 50 invocations from port 65500 on reach past 65535`},
		"last port": {`"Type": "network-ping-pong", "FirstPort": 65486`, ""},
		"no ports":  {`"Type": "network-ping-pong", "Exchange": "http", "FirstPort": 65500`, ""},
		"exchanges": {`"Type": "network-ping-pong", "Repetitions": 100001`,
			`.Repetitions: 100001 exchanges do not fit into one answer; want at most 100000, and more Invocations`},
		"requests in place of exchanges": {`"Type": "network-ping-pong", "Exchange": "http", "Repetitions": 100001`, ""},
		"address with a port": {`"Type": "network-ping-pong", "AdvertiseAddress": "h.example:80"`,
			`.AdvertiseAddress: found "h.example:80"; want an IP address or a host name, without a port`},
		"address of nobody": {`"Type": "network-ping-pong", "AdvertiseAddress": "0.0.0.0"`,
			`.AdvertiseAddress: found "0.0.0.0"; it is not the address of a single host; want an IP address`},
		"address":    {`"Type": "network-ping-pong", "AdvertiseAddress": "2001:db8::1"`, ""},
		"name":       {`"Type": "network-ping-pong", "AdvertiseAddress": "h-1.example"`, ""},
		"other ways": {`"Type": "network-ping-pong", "Exchange": "tcp"`, `.Exchange: found "tcp" (string); want one of udp, http`},
		"sizes backwards": {`"Type": "invocation-overhead", "CodePackageBegin": 5, "CodePackageEnd": 4`,
			`.CodePackageBegin: 5 is over CodePackageEnd, 4`},
		"payloads backwards": {`"Type": "invocation-overhead", "PayloadBegin": 6251001`,
			`.PayloadBegin: 6251001 is over PayloadEnd, 6251000`},
		"one point": {`"Type": "invocation-overhead", "PayloadPoints": 1`,
			`.PayloadPoints: one point cannot reach from 1024 to 6251000`},
		"one size": {`"Type": "invocation-overhead", "PayloadPoints": 1, "PayloadBegin": 5, ` +
			`"PayloadEnd": 5`, ""},
		"crowded points": {`"Type": "invocation-overhead", "PayloadPoints": 5, "PayloadBegin": 5, ` +
			`"PayloadEnd": 7`, `.PayloadPoints: 5 points do not fit between 5 and 7 bytes`},
		"payload in an event": {`"Type": "invocation-overhead", "OverheadType": "payload", "Entry": "sdk"`,
			`.Entry: found "sdk"; an event has the parameters of the request in it`},
		"an answer that is a stream": {`"Type": "invocation-overhead", "Runtime": "go", "Entry": "url", ` +
			`"InvokeMode": "streamed"`, `.InvokeMode: invocation-overhead reads instants from the function's answer`},
		"package in an event": {`"Type": "invocation-overhead", "Entry": "sdk"`, ""},
		"command without an argument": {`"Bursts": 1, "Cmds": {"cpu": {}}`,
			`.Cmds.cpu.n: missing; want an integer >= 0`},
		"command of another runtime": {`"Bursts": 1, "Runtime": "nodejs22.x", "Cmds": {"cpuu": {"n": 5}}`,
			`.Cmds.cpuu: the measurement function does not run it in nodejs (Runtime nodejs22.x), which runs sleep, ` +
				`stat, cpu; want a Runtime of go, python`},
		"command of no runtime": {`"Bursts": 1, "Runtime": "rust", "Cmds": {"sleep": 5}`,
			`.Cmds.sleep: the measurement function does not run it in rust (Runtime rust), which runs no micro-tests; ` +
				`want a Runtime of go, python, nodejs, java`},
		"command of another type": {`"Type": "eviction", "Cmds": {"sleep": 5}`,
			`.Cmds: eviction sends no micro-tests of the file; they are for Type burst`},
		"commands of a stream": {`"Bursts": 1, "Runtime": "go", "Entry": "url", "InvokeMode": "streamed", "Cmds": {"sleep": 5}`,
			`.Cmds: a streamed response has no results of micro-tests; want InvokeMode buffered`},
		"command's time": {`"Bursts": 1, "FunctionTimeoutSeconds": 5, "Cmds": {"sleep": 5000}`,
			`.Cmds.sleep: 5000 ms is no shorter than FunctionTimeoutSeconds, 5: every request would be cut off`},
		"command's block": {`"Bursts": 1, "Cmds": {"io": {"rd": 3, "size": "65M", "cnt": 1}}`,
			`.Cmds.io.size: found "65M"; want 1 byte to 64 MiB`},
		"command's round": {`"Bursts": 1, "Cmds": {"io": {"rd": 3, "size": "64M", "cnt": 17}}`,
			`.Cmds.io: 17 blocks of 64M are over 1024 MiB, the most of a round`},
		"no commands":        {`"Bursts": 1, "Runtime": "rust", "Cmds": {}`, ""},
		"three commands":     {`"Bursts": 1, "Runtime": "java21", "Cmds": {"sleep": 0.5, "stat": {}, "cpu": {"n": 0}}`, ""},
		"commands of others": {`"Bursts": 1, "Function": "./mine", "Cmds": {"dance": true}`, ""},
		"commands": {`"Bursts": 1, "Cmds": {"udp": {"address": "a", "port": 1, "mode": "ping-pong", ` +
			`"repetitions": 1}, "io": {"rd": 3, "size": "1kB", "cnt": 10}, "cpuu": {"n": 5}, "sleep_till": ` +
			`1732143600123.5}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := problems(t, sub(c.members))
			switch {
			case c.want == "" && len(got) > 0:
				t.Errorf("want no problem, got %q", got)
			case c.want != "" && (len(got) != 1 || !strings.Contains(got[0], "SubExperiments[0]") ||
				!strings.Contains(got[0], c.want)):
				t.Errorf("got %q\nwant one with %q", got, c.want)
			}
			if c.want == "" {
				roundTrip(t, mustParse(t, sub(c.members)))
			}
		})
	}
}

func mustParse(t *testing.T, text string) *Loaded {
	t.Helper()
	l, err := Parse("f.json", []byte(text), testProviders())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestNotes(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"none": {sub(`"Bursts": 1`), ""},
		"retired runtime": {sub(`"Bursts": 1, "Runtime": "go1.x"`), `f.json:1:67: SubExperiments[0].Runtime: ` +
			`runtime "go1.x" is retired: "go" (provided.al2023) is used`},
		"duplicate key": {sub(`"Bursts": 1, "Bursts": 2`), `f.json:1:56: SubExperiments[0].Bursts: this key ` +
			`appears before; the last one counts`},
		"cold pull of Zip": {sub(`"Bursts": 1, "ColdPull": true`), `f.json:1:68: SubExperiments[0].ColdPull: has no ` +
			`effect on a Zip package`},
		"base of Zip": {sub(`"Bursts": 1, "BaseImage": "alpine"`),
			`f.json:1:69: SubExperiments[0].BaseImage: has no effect on a Zip package`},
		"no filler": {sub(`"Bursts": 1, "FillerRead": true`), `f.json:1:70: SubExperiments[0].FillerRead: has ` +
			`no effect without FunctionImageSizeMB: there is no filler`},
		"idle endpoints": {sub(`"Bursts": 2, "Parallelism": 3`), `f.json:1:71: SubExperiments[0].Parallelism: 3 ` +
			`endpoints but 2 bursts: 1 endpoints get none`},
		"bursts and rate": {sub(`"Bursts": 2, "RatePerSecond": 1, "DurationSeconds": 1`),
			`f.json:1:53: SubExperiments[0].Bursts: ignored: RatePerSecond or a trace takes the place of bursts`},
		"trace and rate": {sub(`"Arrivals": "a.csv", "RatePerSecond": 3`),
			`f.json:1:81: SubExperiments[0].RatePerSecond: ignored: the trace says how many requests there are`},
		"sizes of a rate": {sub(`"BurstSizes": [1, 2], "IATSeconds": 3, "RatePerSecond": 3, "DurationSeconds": 1`),
			"f.json:1:57: SubExperiments[0].BurstSizes: has no effect on a sustained load\nf.json:1:79: " +
				"SubExperiments[0].IATSeconds: has no effect on a sustained load"},
		"limit of bursts": {sub(`"Bursts": 1, "MaxConnections": 3, "TraceSpacing": "even"`),
			"f.json:1:74: SubExperiments[0].MaxConnections: has no effect without a sustained load\nf.json:1:93: " +
				"SubExperiments[0].TraceSpacing: has no effect without a trace"},
		"too few": {sub(`"RatePerSecond": 100, "DurationSeconds": 1, "MaxConnections": 9, ` +
			`"DesiredServiceTimes": ["50ms", "0.15s"]`), `f.json:1:105: SubExperiments[0].MaxConnections: 100 ` +
			`requests a second of 100 ms each are 10 at once; MaxConnections 9 leaves room for 9: the others will ` +
			`wait and be late`},
		"enough": {sub(`"RatePerSecond": 100, "DurationSeconds": 1, "MaxConnections": 10, ` +
			`"DesiredServiceTimes": ["100ms"]`), ""},
		"streams": {sub(`"RatePerSecond": 100, "DurationSeconds": 1, "MaxConnections": 1, ` +
			`"DesiredServiceTimes": ["2s"], "Protocol": "h2c"`), ""},
		"slow and kept": {sub(`"RatePerSecond": 0.01, "DurationSeconds": 1000, "Connections": "reuse"`),
			`f.json:1:106: SubExperiments[0].Connections: gateways drop connections that are idle for about 55 s; ` +
				`requests to an endpoint are 100 s apart`},
		"idle and shared": {sub(`"Bursts": 2, "IATSeconds": 56, "Protocol": "h2c", "Connections": "shared"`),
			`f.json:1:108: SubExperiments[0].Connections: gateways drop connections that are idle for about 55 s; ` +
				`the IAT is 56 s`},
		"jitter of steps": {sub(`"Bursts": 2, "IATType": "step", "IATJitterSeconds": 3`),
			`f.json:1:95: SubExperiments[0].IATJitterSeconds: has no effect on the IAT type step`},
		"no jitter": {sub(`"Bursts": 2, "IATType": "step", "IATJitterSeconds": 0`), ""},
		"step of none": {sub(`"Bursts": 2, "IATStepSeconds": 3`),
			`f.json:1:74: SubExperiments[0].IATStepSeconds: has no effect on the IAT type stochastic`},
		"warm-up of none": {sub(`"Type": "eviction", "WarmupBursts": 3`),
			`f.json:1:79: SubExperiments[0].WarmupBursts: has no effect where there are no bursts`},
		"idle connections": {sub(`"Bursts": 2, "IATSeconds": 56, "Connections": "reuse"`),
			`f.json:1:89: SubExperiments[0].Connections: gateways drop connections that are idle for about 55 s; the ` +
				`IAT is 56 s`},
		"foreign key": {sub(`"Bursts": 2, "Concurrency": 1`), `f.json:1:71: SubExperiments[0].Concurrency: ` +
			`belongs to perf-cost; ignored for burst; the requests that one instance serves at once are ` +
			`Platform.Concurrency`},
	} {
		t.Run(name, func(t *testing.T) {
			l := mustParse(t, c.text)
			if got := strings.Join(l.Notes, "\n"); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			roundTrip(t, l)
		})
	}
}

// chains counts the functions of bursts and chains that are deployed.
func chains(e *Experiment) (n int) {
	for i := range e.SubExperiments {
		if s := &e.SubExperiments[i]; !standing(e.Provider) && s.bursting() {
			n += s.Parallelism * s.DataTransferChainLength
		}
	}
	return n
}

func TestWarnings(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"none": {sub(`"Bursts": 499, "BurstSizes": [800], "Parallelism": 100, "Visualization": "all", ` +
			`"IATSeconds": 600`), nil},
		"burst size": {sub(`"Bursts": 1, "BurstSizes": [1, 801]`),
			[]string{`burst-size f.json:1:74: SubExperiments[0].BurstSizes[1]: a burst of 801 requests (over 800)`}},
		"histograms": {sub(`"Bursts": 500, "Visualization": "histogram"`),
			[]string{`histograms f.json:1:75: SubExperiments[0].Visualization: 500 bursts`}},
		"no histograms": {sub(`"Bursts": 500, "Visualization": "cdf"`), nil},
		"functions": {sub(`"Bursts": 101, "Parallelism": 101`), []string{`functions f.json: the plan deploys ` +
			`101 functions (over 100), sends 101 requests`}},
		"chains": {sub(`"Bursts": 101, "Parallelism": 51, "DataTransferChainLength": 2`),
			[]string{`functions f.json: the plan deploys 102 functions`}},
		"nothing to do": {`{"Provider": "example.org", "SubExperiments": [{"Bursts": 101, "Parallelism": 101}]}`, nil},
		"a day":         {sub(`"Bursts": 2, "IATSeconds": 86400, "IATJitterSeconds": 0`), nil},
		"over a day": {sub(`"Bursts": 2, "IATSeconds": 86401, "IATJitterSeconds": 0`),
			[]string{`duration f.json: the IATs sum to 24h0m1s (over 24h0m0s): the plan deploys 1 function, sends 2 ` +
				`requests`}},
		"two side": {`{"SubExperiments": [{"Bursts": 2, "IATSeconds": 50000}, {"Bursts": 2, "IATSeconds": ` +
			`50000}]}`, nil},
		"two in turn": {`{"Sequential": true, "SubExperiments": [{"Bursts": 2, "IATSeconds": 50000}, {"Bursts": ` +
			`2, "IATSeconds": 50000}]}`, []string{`duration f.json: the IATs sum to 29h10m0s`}},
		"nothing to see": {sub(`"Type": "eviction"`), nil},
		"deploys nought": {`{"Provider": "vhive", "SubExperiments": [{"Bursts": 2, "IATSeconds": 90000}]}`,
			[]string{`duration f.json: the IATs sum to 26h15m0s (over 24h0m0s): the plan deploys nothing`}},
	} {
		t.Run(name, func(t *testing.T) {
			l := mustParse(t, c.text)
			warnings := l.PlanWarnings(chains(l.Experiment))
			if len(warnings) != len(c.want) {
				t.Fatalf("got %v\nwant %q", warnings, c.want)
			}
			for i, w := range warnings {
				if got := string(w.Kind) + " " + w.String(); !strings.HasPrefix(got, c.want[i]) {
					t.Errorf("got  %s\nwant %s…", got, c.want[i])
				}
			}
		})
	}
}

func TestFunctionDefault(t *testing.T) {
	for name, c := range map[string]struct {
		text, want string
		published  bool
	}{
		"published form":   {`{"SubExperiments": [{"Bursts": 1}]}`, "hellopy", true},
		"local":            {`{"Provider": "local", "SubExperiments": [{"Bursts": 1}]}`, "measure", false},
		"newer key":        {`{"Provider": "aws", "SubExperiments": [{"Bursts": 1}, {"Bursts": 1, "Public": true}]}`, "measure", false},
		"newer key on top": {`{"Provider": "aws", "Seed": 1, "SubExperiments": [{"Bursts": 1}]}`, "measure", false},
		"swept":            {`{"Provider": "aws", "SubExperiments": [{"Sweep": {"Bursts": [1]}}]}`, "measure", false},
		"published with url": {`{"Provider": "www.example.org", "SubExperiments": [{"Bursts": 1, ` +
			`"BusySpinIncrements": [5]}]}`, "", true},
	} {
		l := mustParse(t, c.text)
		if got := l.Experiment.SubExperiments[0].Function; got != c.want || l.Published != c.published {
			t.Errorf("%s: %s, published %v", name, got, l.Published)
		}
	}
}

func TestSeedIsDrawn(t *testing.T) {
	a, b := mustParse(t, sub(`"Bursts": 1`)).Experiment.Seed, mustParse(t, sub(`"Bursts": 1`)).Experiment.Seed
	if a == nil || b == nil || *a == *b {
		t.Fatal("two files without a seed have the same, or none")
	}
	for _, s := range []int64{*a, *b} {
		if s < 0 || s >= 1<<53 {
			t.Errorf("%d does not survive other JSON readers", s)
		}
	}
	given := mustParse(t, `{"Provider": "aws", "Seed": -9007199254740993, "SubExperiments": [{"Bursts": 1}]}`)
	if *given.Experiment.Seed != -9007199254740993 {
		t.Errorf("the given seed became %d", *given.Experiment.Seed)
	}
	roundTrip(t, given)
}

func TestAwkwardTextsSurvive(t *testing.T) {
	l := mustParse(t, "\uFEFF"+sub(`"Bursts": 1, "Title": "a<b>&\u2028\"ü𝄞", "Handler": "", "IATSeconds": -0, "IATJitterSeconds": 0,
		"Function": "./x", "Cmds": {"b": "<&>\u2028\ud800", "a": [1, [], {}, null, true, 1e5, {"k": [2]}]}`))
	s := l.Experiment.SubExperiments[0]
	if want := "a<b>&\u2028\"ü𝄞"; s.Title != want {
		t.Errorf("title %q", s.Title)
	}
	if got, want := string(s.Cmds), `"a":[1,[],{},null,true,1e5,{"k":[2]}]}`; !strings.HasSuffix(got, want) ||
		!strings.HasPrefix(got, `{"b":`) {
		t.Errorf("commands %s", got)
	}
	roundTrip(t, l)
}

func TestCmdsOverGRPC(t *testing.T) {
	got := problems(t, `{"Provider": "vhive", "SubExperiments": [{"Bursts": 1, "Cmds": {"sleep": 5}}]}`)
	if len(got) != 1 || !strings.Contains(got[0], ".Cmds: they are asked for in JSON, which gRPC does not carry") {
		t.Errorf("got %q", got)
	}
}
