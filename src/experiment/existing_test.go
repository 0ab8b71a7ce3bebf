package experiment

import (
	"strings"
	"testing"
	"time"
)

const anARN = "arn:aws:lambda:eu-west-1:123456789012:function:search"

// existingSub is a file with a function that exists.
func existingSub(members string) string {
	return `{"Provider": "aws", "Runtime": "go", "SubExperiments": [{"Function": "` + anARN + `", "Bursts": 2` +
		members + `}]}`
}

// TestExistingIsNotDescribed: what the file does not say of a function that exists is not known, or stays.
func TestExistingIsNotDescribed(t *testing.T) {
	l := mustParse(t, existingSub(""))
	s := l.Experiment.SubExperiments[0]
	if s.Entry != EntrySDK || s.Runtime != "" || s.PackageType != "" || s.Architecture != "" ||
		s.FunctionMemoryMB != 0 || s.FunctionTimeoutSeconds != 0 || s.Changes() {
		t.Errorf("it is %+v", s)
	}
	roundTrip(t, l)
	l = mustParse(t, existingSub(`, "Entry": "url", "FunctionMemoryMB": 512, "FunctionTimeoutSeconds": 9, `+
		`"Environment": {"A": "b"}`))
	if s := l.Experiment.SubExperiments[0]; s.Entry != EntryURL || s.FunctionMemoryMB != 512 ||
		s.FunctionTimeoutSeconds != 9 || !s.Changes() {
		t.Errorf("it is %+v", s)
	}
	roundTrip(t, l)
	for members, changes := range map[string]bool{"": false, `, "FunctionMemoryMB": 128`: true,
		`, "FunctionTimeoutSeconds": 3`: true, `, "Environment": {"A": ""}`: true, `, "ColdStart": "force"`: true} {
		if s := mustParse(t, existingSub(members)).Experiment.SubExperiments[0]; s.Changes() != changes {
			t.Errorf("%s: changes %t", members, s.Changes())
		}
	}
}

func TestExistingRefusals(t *testing.T) {
	for members, want := range map[string]string{
		`"Runtime": "python3.13"`:                                   "leave Runtime out",
		`"PackageType": "Zip"`:                                      "leave PackageType out",
		`"Architecture": "arm64"`:                                   "leave Architecture out",
		`"Handler": "a.b"`:                                          "leave Handler out",
		`"FunctionImageSizeMB": 5`:                                  "leave FunctionImageSizeMB out",
		`"Reuse": true`:                                             "existing functions have no Entry sdk; want Reuse false",
		`"SnapStartEnabled": true`:                                  "leave SnapStartEnabled out",
		`"Type": "perf-cost"`:                                       "perf-cost deploys functions of its own; want burst or eviction",
		`"Type": "network-ping-pong"`:                               "network-ping-pong deploys functions of its own",
		`"Parallelism": 2`:                                          "there is one such function; want Parallelism 1",
		`"Entry": "http-api"`:                                       "behind an HTTP API it is measured at its address",
		`"DesiredServiceTimes": ["5ms"]`:                            "what the function does is not known; want no service time",
		`"Entry": "url", "InvokeMode": "streamed"`:                  "",
		`"Entry": "sdk-async"`:                                      "",
		`"ColdStart": "force"`:                                      "",
		`"Type": "eviction", "Parallelism": 1`:                      "",
		`"RatePerSecond": 5, "DurationSeconds": 2`:                  "",
		`"Sweep": {"FunctionMemoryMB": [256, 512]}`:                 "",
		`"DesiredServiceTimes": ["5ms"], "BusySpinIncrements": [7]`: "",
	} {
		got := problems(t, existingSub(", "+members))
		if (len(got) > 0) != (want != "") || want != "" && (len(got) != 1 || !strings.Contains(got[0], want)) {
			t.Errorf("%s: %q, want %q", members, got, want)
		}
	}
}

// TestExistingInTurn: sub-experiments of one existing function wait for each other, all others run side by side.
func TestExistingInTurn(t *testing.T) {
	one := `{"Function": "` + anARN + `", "Bursts": 2, "IATSeconds": 10, "IATType": "deterministic"}`
	other := strings.Replace(one, "search", "find", 1)
	own := strings.Replace(one, anARN, "measure", 1)
	for subs, want := range map[string]time.Duration{
		one + "," + one: 20 * time.Second, one + "," + other: 10 * time.Second,
		own + "," + own: 10 * time.Second, one + "," + own + "," + one + "," + one: 30 * time.Second} {
		l := mustParse(t, `{"Provider": "aws", "SubExperiments": [`+subs+`]}`)
		if got := l.Experiment.Estimate().Duration; got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
}
