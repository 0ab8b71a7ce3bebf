package vendors

import (
	"errors"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
)

func TestLimits(t *testing.T) {
	for _, c := range []struct {
		provider string
		sub      experiment.SubExperiment
		want     string // empty: allowed
	}{
		{"aws", experiment.SubExperiment{PackageType: "Zip", FunctionImageSizeMB: 249.9, FunctionMemoryMB: 128}, ""},
		{"aws", experiment.SubExperiment{PackageType: "Zip", FunctionImageSizeMB: 250, FunctionMemoryMB: 128},
			"must stay under 250 MiB (250 MB unpacked)"},
		{"aws", experiment.SubExperiment{PackageType: "Image", FunctionImageSizeMB: 10240, FunctionMemoryMB: 10240,
			FunctionTimeoutSeconds: 900}, ""},
		{"aws", experiment.SubExperiment{PackageType: "Image", FunctionImageSizeMB: 10241, FunctionMemoryMB: 128},
			"an image may have 10240 MiB"},
		{"aws", experiment.SubExperiment{PackageType: "Zip", FunctionMemoryMB: 64},
			"FunctionMemoryMB 64, from 128 to 10240"},
		{"aws", experiment.SubExperiment{PackageType: "Zip", FunctionMemoryMB: 128, FunctionTimeoutSeconds: 901},
			"FunctionTimeoutSeconds 901, at most 900"},
		{"aws", experiment.SubExperiment{PackageType: "Zip", FunctionMemoryMB: 128, Runtime: "java21",
			SnapStartEnabled: true, Architecture: "arm64"}, ""},
		{"aws", experiment.SubExperiment{PackageType: "Image", FunctionMemoryMB: 128, Runtime: "java21",
			SnapStartEnabled: true}, "it has SnapStart for ZIP packages of java and python"},
		{"aws", experiment.SubExperiment{PackageType: "Zip", FunctionMemoryMB: 128, Runtime: "go",
			SnapStartEnabled: true}, "SnapStartEnabled for Runtime go"},
		{"aws", experiment.SubExperiment{PackageType: "Zip", FunctionMemoryMB: 128, CPUBoostEnabled: true},
			"it has no CPU boost"},
		{"local", experiment.SubExperiment{PackageType: "Zip", Runtime: "python3.13", SnapStartEnabled: true},
			"it has no SnapStart"},
		{"gcr", experiment.SubExperiment{PackageType: "Image", FunctionMemoryMB: 512, CPUBoostEnabled: true}, ""},
		{"gcr", experiment.SubExperiment{PackageType: "Image", FunctionMemoryMB: 512, Architecture: "arm64"},
			"it has amd64 only"},
		{"cloudflare", experiment.SubExperiment{PackageType: "Zip", FunctionImageSizeMB: 48, FunctionMemoryMB: 128},
			""},
		{"cloudflare", experiment.SubExperiment{PackageType: "Zip", FunctionMemoryMB: 512},
			"FunctionMemoryMB 512, it has 128 only"},
		{"cloudflare", experiment.SubExperiment{PackageType: "Zip", FunctionImageSizeMB: 64, FunctionMemoryMB: 128},
			"must stay under 64 MiB (64 MiB of modules, uncompressed)"},
		{"cloudflare", experiment.SubExperiment{PackageType: "Image"}, "PackageType Image, it takes Zip only"},
		{"gcr", experiment.SubExperiment{PackageType: "Zip", FunctionMemoryMB: 512},
			"PackageType Zip, it takes Image only"},
		{"gcr", experiment.SubExperiment{PackageType: "Image", FunctionMemoryMB: 512, FunctionImageSizeMB: 50000}, ""},
		{"aliyun", experiment.SubExperiment{PackageType: "Zip", FunctionMemoryMB: 512, FunctionImageSizeMB: 500},
			"500 MB packed"},
		{"azure", experiment.SubExperiment{PackageType: "Zip", FunctionTimeoutSeconds: 601}, "at most 600"},
		{"aliyun", experiment.SubExperiment{PackageType: "Zip", FunctionMemoryMB: 200},
			"FunctionMemoryMB 200, in steps of 64: 192 or 256"},
		{"aliyun", experiment.SubExperiment{PackageType: "Zip", FunctionMemoryMB: 192}, ""},
		{"local", experiment.SubExperiment{PackageType: "Zip", FunctionImageSizeMB: 10239, FunctionMemoryMB: 32,
			FunctionTimeoutSeconds: 3600}, ""},
		{"local", experiment.SubExperiment{PackageType: "Zip", FunctionImageSizeMB: 10240, FunctionMemoryMB: 128},
			"must stay under 10240 MiB (unpacked)"},
		{"local", experiment.SubExperiment{PackageType: "Zip", FunctionMemoryMB: 31},
			"FunctionMemoryMB 31, from 32 to"},
		{"local", experiment.SubExperiment{PackageType: "Zip", FunctionMemoryMB: 128, FunctionTimeoutSeconds: 3601},
			"FunctionTimeoutSeconds 3601, at most 3600"},
		{"local", experiment.SubExperiment{PackageType: "Zip", FunctionMemoryMB: 128, Path: "?a=/b",
			Environment: map[string]string{"PATH": "x", "A": "${env:S}"}}, ""},
		{"local", experiment.SubExperiment{PackageType: "Zip", FunctionMemoryMB: 128, Path: "/a?b"}, ""},
		{"aliyun", experiment.SubExperiment{PackageType: "Zip", FunctionMemoryMB: 128, Path: "/a?b"},
			"Path /a, each function has one path"},
		{"local", experiment.SubExperiment{PackageType: "Zip", Environment: map[string]string{"TMPDIR": "x"}},
			"Environment TMPDIR, the platform sets it itself"},
		{"aws", experiment.SubExperiment{PackageType: "Zip", FunctionMemoryMB: 128,
			Environment: map[string]string{"AWS_ACCESS_KEY_ID": "x"}}, "Environment AWS_ACCESS_KEY_ID, the platform"},
		{"aws", experiment.SubExperiment{PackageType: "Zip", FunctionMemoryMB: 128,
			Environment: map[string]string{"AB": strings.Repeat("x", 4095)}},
			"Environment of 4097 bytes, it takes 4096"},
		{"azure", experiment.SubExperiment{PackageType: "Zip", Environment: map[string]string{"AB": "${env:S}"}},
			"Environment ${env:S}, its deployment would write the value into a file"},
		{"azure", experiment.SubExperiment{PackageType: "Zip", Environment: map[string]string{"AB": "x"}}, ""},
		{"https://example.com", experiment.SubExperiment{PackageType: "Zip", FunctionImageSizeMB: 1e6}, ""},
	} {
		c.sub.Title = "t"
		exp := &experiment.Experiment{Provider: c.provider, SubExperiments: []experiment.SubExperiment{{Title: "other"},
			c.sub}}
		err := rowOf(t, exp).CheckLimits(exp, []int{1}, nil)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s %+v: %v", c.provider, c.sub, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) ||
			!strings.HasPrefix(err.Error(), "SubExperiments[1] t: "+c.provider)):
			t.Errorf("%s: %v, want %q", c.provider, err, c.want)
		case c.want != "" && fail.Code(err) != fail.CodeInput:
			t.Errorf("%s: exit code %d", c.provider, fail.Code(err))
		}
	}
}

// Every limit that one file passes is told at once.
func TestLimitsAreToldTogether(t *testing.T) {
	s := experiment.SubExperiment{Title: "t", PackageType: "Zip", FunctionImageSizeMB: 300, FunctionMemoryMB: 1,
		FunctionTimeoutSeconds: 5000}
	exp := &experiment.Experiment{Provider: "aws", SubExperiments: []experiment.SubExperiment{s, s}}
	err := rowOf(t, exp).CheckLimits(exp, []int{0, 1}, nil)
	if err == nil || strings.Count(err.Error(), "\n") != 5 {
		t.Errorf("want six lines: %v", err)
	}
}

// TestLimitsOfFunctions holds that the functions that a study deploys are what is checked, each size once, and not the
// keys of their sub-experiment.
func TestLimitsOfFunctions(t *testing.T) {
	exp := &experiment.Experiment{Provider: "aws", SubExperiments: []experiment.SubExperiment{{Title: "t",
		PackageType: "Zip", FunctionMemoryMB: 1, FunctionImageSizeMB: 300}}}
	of := func(memory int, size float64) *provider.Function {
		return &provider.Function{MemoryMB: memory, ImageSizeMB: size}
	}
	row := rowOf(t, exp)
	if err := row.CheckLimits(exp, []int{0}, []*provider.Function{of(128, 0), of(10240, 249)}); err != nil {
		t.Error(err)
	}
	err := row.CheckLimits(exp, []int{0}, []*provider.Function{of(128, 250), of(128, 250), of(20000, 250), of(128, 1)})
	const want = "SubExperiments[0] t: aws: FunctionImageSizeMB 250, a ZIP package must stay under 250 MiB (250 MB " +
		"unpacked)\nSubExperiments[0] t: aws: FunctionMemoryMB 20000, from 128 to 10240"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestRegions(t *testing.T) {
	for kind, regions := range map[string][2][]string{
		"aws": {{"", "us-east-1", "eu-central-2", "us-gov-west-1", "ap-southeast-5", "us-isob-east-1",
			"eusc-de-east-1"}, {"eu-central", "US-EAST-1", "europe-west1", "us-east-1a", "westeurope"}},
		"google": {{"", "europe-west1", "us-central1", "northamerica-northeast2"},
			{"europe-west1-b", "eu-central-1", "Europe-West1", "westeurope"}},
		"gcr":        {{"europe-west10"}, {"eu-central-1"}},
		"azure":      {{"", "westeurope", "West Europe", "eastus2"}, {"eu-central-1", "europe-west1", " westeurope"}},
		"aliyun":     {{"", "cn-hangzhou", "eu-central-1", "cn-shanghai-finance-1"}, {"hangzhou", "CN-Hangzhou"}},
		"cloudflare": {{"", "anything"}, nil},
		"local":      {{"here"}, nil},
	} {
		for wrong, names := range regions {
			for _, name := range names {
				exp := &experiment.Experiment{Provider: kind, Region: name}
				no := rowOf(t, exp).Refusals(exp, nil, nil)
				if len(no) != wrong || wrong == 1 && (no[0].Sub != -1 || no[0].Key != "Region" || no[0].Found != name) {
					t.Errorf("%s, region %q: %v", kind, name, no)
				}
			}
		}
	}
}

// TestRefusalsNeedNobody holds that limits and what a connection refuses are given together, each with its key, and
// that no program and no network is asked.
func TestRefusalsNeedNobody(t *testing.T) {
	t.Setenv("PATH", "")
	s := experiment.SubExperiment{PackageType: "Zip", FunctionMemoryMB: 1, FunctionTimeoutSeconds: 100_000,
		Protocol: "grpc", Runtime: "ruby3.4", Architecture: "arm64",
		DesiredServiceTimes: []string{"301s"}, PayloadLengthBytes: 1 << 30, CPUBoostEnabled: true,
		SnapStartEnabled: true}
	for kind, want := range map[string]string{
		"aws": "FunctionMemoryMB FunctionTimeoutSeconds SnapStartEnabled CPUBoostEnabled DesiredServiceTimes " +
			"PayloadLengthBytes Protocol",
		"google": "FunctionMemoryMB FunctionTimeoutSeconds Runtime SnapStartEnabled CPUBoostEnabled " +
			"Architecture PayloadLengthBytes Protocol",
		"gcr": "PackageType FunctionMemoryMB FunctionTimeoutSeconds SnapStartEnabled Architecture " +
			"Platform.ImageContract PayloadLengthBytes Protocol",
		"azure": "FunctionTimeoutSeconds Runtime SnapStartEnabled CPUBoostEnabled Architecture Protocol",
		"aliyun": "FunctionMemoryMB FunctionTimeoutSeconds Runtime SnapStartEnabled CPUBoostEnabled " +
			"Architecture Protocol DesiredServiceTimes",
		"cloudflare": "FunctionMemoryMB SnapStartEnabled CPUBoostEnabled Architecture Protocol DesiredServiceTimes",
		"local":      "FunctionMemoryMB FunctionTimeoutSeconds SnapStartEnabled CPUBoostEnabled",
		"vhive":      "SnapStartEnabled CPUBoostEnabled Architecture",
		"a.example":  "SnapStartEnabled CPUBoostEnabled Architecture",
	} {
		exp := &experiment.Experiment{Provider: kind, SubExperiments: []experiment.SubExperiment{{}, s}}
		no := rowOf(t, exp).Refusals(exp, []int{1},
			[]*provider.Function{{Sub: 1, Runtime: s.Runtime, Language: "ruby", MemoryMB: s.FunctionMemoryMB}})
		var keys []string
		for _, r := range no {
			if keys = append(keys, r.Key); r.Sub != 1 || r.Why == "" {
				t.Errorf("%s: %+v", kind, r)
			}
		}
		if got := strings.Join(keys, " "); got != want {
			t.Errorf("%s: %s\nwant %s", kind, got, want)
		}
	}
}

func rowOf(t *testing.T, exp *experiment.Experiment) provider.Provider {
	t.Helper()
	row, err := Find(exp.ProviderKind())
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func TestOnlySomeProvidersDeploy(t *testing.T) {
	for kind, can := range map[string]bool{"local": true, "url": true, "aws": true, "vhive": false} {
		p, err := Find(kind)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := p.Open(provider.Options{}); (err == nil) != can || (!can && !errors.Is(err, fail.ErrUnsupported)) {
			t.Errorf("%s: opening gave %v", kind, err)
		}
	}
	if _, err := Find("ibm"); err == nil {
		t.Error("an unknown provider was found")
	}
}

// Each row's name is one that an experiment file may hold.
func TestNamesAreThoseOfExperimentFiles(t *testing.T) {
	for _, row := range All() {
		exp := &experiment.Experiment{Provider: row.Name}
		if is := exp.ProviderKind(); is != row.Name {
			t.Errorf("Provider %q in a file is %s", row.Name, is)
		}
	}
}
