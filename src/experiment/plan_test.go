package experiment

import (
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestCycles(t *testing.T) {
	s := SubExperiment{BurstSizes: []int{1, 2, 5}, DesiredServiceTimes: []string{"0ms", "1.5ms"},
		BusySpinIncrements: []int64{7, 8},
		Bursts:             7, Parallelism: 3}
	var got []string
	for round := range 4 {
		increments, set := s.Increments(round)
		got = append(got, fmt.Sprint(s.BurstSize(round), s.ServiceTime(round), increments, set, s.BurstsIn(round)))
	}
	want := "1 0s 7 true 3|2 1.5ms 8 true 3|5 0s 7 true 1|1 1.5ms 8 true 0"
	if strings.Join(got, "|") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, "|"), want)
	}
	if s.Rounds() != 3 {
		t.Errorf("%d rounds", s.Rounds())
	}
	var empty SubExperiment
	if n, set := empty.Increments(3); empty.BurstSize(3) != 1 || empty.ServiceTime(3) != 0 || n != 0 || set ||
		empty.Rounds() != 0 {
		t.Error("an empty sub-experiment is not harmless")
	}
	if d := (&SubExperiment{DesiredServiceTimes: []string{"never"}}).ServiceTime(0); d != 0 {
		t.Errorf("no duration became %s", d)
	}
}

func TestMeanIAT(t *testing.T) {
	for kind, want := range map[string]string{"stochastic": "10.5s 10.5s 10.5s 10.5s",
		"deterministic": "10s 10s 10s 10s", "step": "4s 8s 10s 10s"} {
		s := SubExperiment{IATType: kind, IATSeconds: 10, IATJitterSeconds: 0.5, IATStepSeconds: 4}
		got := fmt.Sprint(s.MeanIAT(0), s.MeanIAT(1), s.MeanIAT(2), s.MeanIAT(3))
		if got != want {
			t.Errorf("%s: %s", kind, got)
		}
	}
}

// TestEstimateAgainstCounting compares the closed forms with a walk through the rounds.
func TestEstimateAgainstCounting(t *testing.T) {
	for _, members := range []string{
		`"Bursts": 1`,
		`"Bursts": 17, "BurstSizes": [1, 2, 3, 4, 50]`,
		`"Bursts": 17, "BurstSizes": [1, 20], "Parallelism": 4, "IATSeconds": 2.5, "DesiredServiceTimes": ["0ms", ` +
			`"100ms", "1s"]`,
		`"Bursts": 16, "Parallelism": 4, "IATSeconds": 3, "IATType": "deterministic", "DesiredServiceTimes": ["250ms"]`,
		`"Bursts": 3, "Parallelism": 5, "IATSeconds": 3`,
		`"Bursts": 23, "Parallelism": 2, "IATSeconds": 7.5, "IATType": "step", "IATStepSeconds": 2`,
		`"Bursts": 3, "IATSeconds": 7.5, "IATType": "step"`,
	} {
		e := mustParse(t, sub(members)).Experiment
		s := &e.SubExperiments[0]
		requests, bursts, seconds, iats := 0, 0, 0.0, 0.0
		for round := 0; bursts < s.Bursts; round++ {
			for endpoint := 0; endpoint < s.Parallelism && bursts < s.Bursts; endpoint++ {
				bursts++
				requests += s.BurstSize(round)
				seconds += s.ServiceTime(round).Seconds()
			}
			if bursts < s.Bursts {
				iats += s.MeanIAT(round).Seconds()
			}
		}
		got := e.Estimate()
		if got.Requests != requests || got.Bursts != bursts ||
			math.Abs(got.Duration.Seconds()-seconds-iats) > 1e-6 || math.Abs(got.IATs.Seconds()-iats) > 1e-6 {
			t.Errorf("%s:\ngot  %+v\nwant %d requests, %d bursts, %g s, %g s of IATs", members, got, requests, bursts,
				seconds+iats, iats)
		}
	}
}

func TestEstimateOfOtherKinds(t *testing.T) {
	for members, want := range map[string]Estimate{
		`"Bursts": 4, "IATSeconds": 10, "IATJitterSeconds": 2, "Schedule": "open", "DesiredServiceTimes": ["5s"]`: {4,
			4, 41 * time.Second, 36 * time.Second, 0},
		`"Bursts": 2, "Parallelism": 3, "DataTransferChainLength": 4`: {2,
			2, 0, 0, 0},
		`"RatePerSecond": 2.5, "DurationSeconds": 10`: {0,
			25, 10 * time.Second, 0, 0},
		`"Arrivals": "trace.csv"`:                                                        {0, 0, 0, 0, 0},
		`"Type": "network-ping-pong"`:                                                    {0, 50, 0, 0, 50_000},
		`"Type": "network-ping-pong", "Exchange": "http", "Invocations": 3`:              {0, 3000, 0, 0, 3000},
		`"Type": "network-ping-pong", "Invocations": 5, "Threads": 2, "Repetitions": 10`: {0, 5, 0, 0, 30},
		`"Type": "invocation-overhead"`:                                                  {0, 200, 0, 0, 0},
		`"Type": "invocation-overhead", "OverheadType": "payload", "PayloadPoints": 3`:   {0, 30, 0, 0, 0},
		`"Type": "invocation-overhead", "Exchange": "http", "N": 4, "CodePackagePoints": 2, "Repetitions": 3, ` +
			`"Parallelism": 2, "DesiredServiceTimes": ["100ms"]`: {0, 84, 8400 * time.Millisecond, 0, 0},
		`"Type": "eviction", "EvictionSeconds": [1, 50, 5], "Copies": 4`: {0, 132, 500 * time.Second,
			500 * time.Second, 0},
		`"Type": "perf-cost"`: {0, 502, 0, 0, 0},
		`"Type": "perf-cost", "IATSeconds": 2, "Repetitions": 7, "Concurrency": 3, "DesiredServiceTimes": ["100ms"]`: {
			0, 64, 44400 * time.Millisecond, 40 * time.Second, 0},
	} {
		if got := mustParse(t, sub(members)).Experiment.Estimate(); got != want {
			t.Errorf("%s:\ngot  %+v\nwant %+v", members, got, want)
		}
	}
	const two = `, "SubExperiments": [{"Bursts": 3, "IATSeconds": 10, "IATType": "deterministic"}, {"Bursts": 2, ` +
		`"IATSeconds": 15, "IATType": "deterministic"}]}`
	if got := mustParse(t, `{"Provider": "aws", "Sequential": true`+two).Experiment.Estimate().Duration; got != 35*time.Second {
		t.Errorf("in turn: %s", got)
	}
	if got := mustParse(t, `{"Provider": "aws", "Sequential": false`+two).Experiment.Estimate().Duration; got != 20*time.Second {
		t.Errorf("side by side: %s", got)
	}
	if got := mustParse(t, `{"Provider": "aws", "Sequential": true`+two).Experiment.EstimateOf([]int{1}); got != (Estimate{2, 2,
		15 * time.Second, 15 * time.Second, 0}) {
		t.Errorf("one of them: %+v", got)
	}
	huge := mustParse(t, `{"Provider": "aws", "Sequential": true, "SubExperiments": [{"Bursts": 100000000, "BurstSizes": [1000000], `+
		`"IATSeconds": 31622400}]}`).Experiment.Estimate()
	if huge.Duration != math.MaxInt64 || huge.Requests != 100_000_000_000_000 {
		t.Errorf("a huge plan overflows: %+v", huge)
	}
}

func TestFolder(t *testing.T) {
	for _, c := range []struct{ members, provider, want string }{
		{`"Title": "cold", "Bursts": 1, "BurstSizes": [100], "IATSeconds": 3, "FunctionImageSizeMB": 10`, "aws",
			"7-cold-aws-python3.13-memory128MB-img10MB-IAT3s-burst100-st0ms-payload0KB"},
		{`"Title": "2chain,inline", "Bursts": 1, "Runtime": "go", "DataTransferChainLength": 2, ` +
			`"PayloadLengthBytes": 4100000, "IATSeconds": 0.5`, "local",
			"7-2chain-inline-local-go-memory128MB-img0MB-IAT0.5s-burst1-st0ms-payload4003.906KB"},
		{`"Title": "../a\\b:c*?\"<>| \u00e9\ud834\udd1e", "Bursts": 1, "BurstSizes": [1, 2, 50], ` +
			`"DesiredServiceTimes": ["1µs", "1.5s"]`, "https://u:p@h.org:80/x?y=1",
			"7-..-a-b-c-h.org-80-x-y-1-python3.13-memory128MB-img0MB-IAT0s-burst1-st1us-payload0KB"},
		// What a sweep adds to the title: values, keys where a value says nothing alone, and nothing twice.
		{`"Title": "cold,Runtime=python3.13", "Bursts": 1, "IATSeconds": 0.25`, "local",
			"7-cold-python3.13-local-memory128MB-img0MB-IAT0.25s-burst1-st0ms-payload0KB"},
		{`"Title": "a b,FunctionMemoryMB=512,FillerRead=true,PackageType=Image,Parallelism=4,BurstSizes=1+10#2", ` +
			`"Bursts": 1, "FunctionMemoryMB": 512`, "aws",
			"7-a-b-FillerRead-true-Image-Parallelism-4-aws-python3.13-memory512MB-img0MB-IAT0s-burst1-st0ms-payload0KB"},
		{`"Title": "warm-azure,Runtime=go", "Bursts": 1, "Runtime": "go"`, "azure",
			"7-warm-azure-go-memory128MB-img0MB-IAT0s-burst1-st0ms-payload0KB"},
		// The words that the original's plotting scripts look for are found behind the title only.
		{`"Title": "imgsize,bursty IAT memory payload", "Bursts": 1, "BurstSizes": [7]`, "aws",
			"7-Imgsize-Bursty-Iat-Memory-Payload-aws-python3.13-memory128MB-img0MB-IAT0s-burst7-st0ms-payload0KB"},
	} {
		s := mustParse(t, sub(c.members)).Experiment.SubExperiments[0]
		if got := s.Folder(7, c.provider); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestFolderIsSafeAndShort(t *testing.T) {
	safe := regexp.MustCompile(`^[0-9][A-Za-z0-9_.-]*[A-Za-z0-9]$`)
	long := mustParse(t, sub(`"Title": "`+strings.Repeat("é long ", 200)+`", "Bursts": 1, "FunctionMemoryMB": 1048576, "FunctionImageSizeMB": 1048575.999,
		"IATSeconds": 31622399.999, "PayloadLengthBytes": 1073741823, "BurstSizes": [`+count(500)+`],
		"DesiredServiceTimes": ["1h", "2h"], "FunctionTimeoutSeconds": 9000, "TimeoutSeconds": 9000`)).Experiment.SubExperiments[0]
	name := long.Folder(9999, strings.Repeat("very.", 60)+"org")
	if !safe.MatchString(name) || len(name) > 255 {
		t.Errorf("%d characters: %s", len(name), name)
	}
	if name == long.Folder(9998, strings.Repeat("very.", 60)+"org") {
		t.Error("the index does not tell folders apart")
	}
	for _, f := range publishedFiles(t) {
		l, err := Load(f, testProviders())
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for i := range l.Experiment.SubExperiments {
			n := l.Experiment.SubExperiments[i].Folder(i, l.Experiment.Provider)
			if !safe.MatchString(n) || seen[n] {
				t.Errorf("%s: %s", f, n)
			}
			seen[n] = true
		}
	}
}

// TestEstimateOfForcedColdStarts: making functions cold takes its time before every round, of which the IATs hide a
// part.
func TestEstimateOfForcedColdStarts(t *testing.T) {
	for members, want := range map[string]time.Duration{
		`"Bursts": 10, "IATSeconds": 1, "IATType": "deterministic"`:                        9 * time.Second,
		`"ColdStart": "force", "Bursts": 10, "IATSeconds": 1, "IATType": "deterministic"`:  50 * time.Second,
		`"ColdStart": "force", "Bursts": 10, "IATSeconds": 7, "IATType": "deterministic"`:  68 * time.Second,
		`"ColdStart": "force", "Bursts": 10, "Parallelism": 10`:                            5 * time.Second,
		`"ColdStart": "force", "Type": "perf-cost", "Repetitions": 7, "Concurrency": 3`:    100 * time.Second,
		`"Type": "perf-cost", "Repetitions": 7, "Concurrency": 3, "MemorySizesMB": [1024]`: 0,
		`"Type": "invocation-overhead", "CodePackagePoints": 3, "Repetitions": 4`:          60 * time.Second,
	} {
		got := mustParse(t, sub(members)).Experiment.EstimateWith([]int{0}, Assumed{Update: 5 * time.Second}).Duration
		if got != want {
			t.Errorf("%s: %v, want %v", members, got, want)
		}
	}
}

// TestEstimateWithColdStarts: rounds whose pauses outlast the instances, and the first one, begin with a cold start;
// computing takes longer with a share of a CPU.
func TestEstimateWithColdStarts(t *testing.T) {
	lives := func(s *SubExperiment) time.Duration { return toDuration(s.Platform.KeepAliveSeconds) }
	assumed := Assumed{Update: 5 * time.Second, ColdStart: time.Second, KeepAlive: lives,
		Share: func(memoryMB int) float64 { return float64(memoryMB) / 1000 }}
	const even = `"IATType": "deterministic", "FunctionMemoryMB": 2000, `
	for members, want := range map[string]time.Duration{
		even + `"Bursts": 3, "IATSeconds": 10`:                                      21 * time.Second, // the first only
		even + `"Bursts": 3, "IATSeconds": 10, "Platform": {"KeepAliveSeconds": 1}`: 23 * time.Second,
		even + `"Bursts": 3, "IATSeconds": 10, "ColdStart": "force"`:                28 * time.Second,
		even + `"Bursts": 6, "IATSeconds": 10, "Parallelism": 2`:                    22 * time.Second,
		even + `"Bursts": 3, "Parallelism": 2`:                                      2 * time.Second,
		even + `"Bursts": 2, "DesiredServiceTimes": ["4s"]`:                         9 * time.Second,
		`"FunctionMemoryMB": 500, "Bursts": 2, "DesiredServiceTimes": ["4s"]`:       17 * time.Second,
		`"FunctionMemoryMB": 500, "Bursts": 2, "IATSeconds": 10, "Schedule": "open", ` +
			`"IATType": "deterministic", "DesiredServiceTimes": ["4s"]`: 19 * time.Second,
		`"RatePerSecond": 5, "DurationSeconds": 7`: 7 * time.Second,
	} {
		l := mustParse(t, sub(members))
		if got := l.Experiment.EstimateWith([]int{0}, assumed).Duration; got != want {
			t.Errorf("%s: %s, want %s", members, got, want)
		}
	}
}
