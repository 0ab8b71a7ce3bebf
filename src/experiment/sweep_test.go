package experiment

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func titles(l *Loaded) []string {
	var all []string
	for _, s := range l.Experiment.SubExperiments {
		all = append(all, s.Title)
	}
	return all
}

func TestSweepExpandsInOrder(t *testing.T) {
	l := mustParse(t, `{"Provider": "local", "SubExperiments": [
		{"Bursts": 1},
		{"Title": "size", "Bursts": 2, "PackageType": "Zip",
		 "Sweep": {"FunctionImageSizeMB": [10, 50.5], "PackageType": ["Zip", "Docker"]}},
		{"Bursts": 1, "Sweep": {"BurstSizes": [[1], [1, 100]], "Platform": [{"Queueing": "queue", "MaxInstances": 2}, {}]}}]}`)
	want := []string{
		"measure-0",
		"size,FunctionImageSizeMB=10,PackageType=Zip",
		"size,FunctionImageSizeMB=10,PackageType=Docker",
		"size,FunctionImageSizeMB=50.5,PackageType=Zip",
		"size,FunctionImageSizeMB=50.5,PackageType=Docker",
		"measure-5,BurstSizes=1,Platform=Queueing:queue;MaxInstances:2",
		"measure-6,BurstSizes=1,Platform={}",
		"measure-7,BurstSizes=1+100,Platform=Queueing:queue;MaxInstances:2",
		"measure-8,BurstSizes=1+100,Platform={}",
	}
	if got := titles(l); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	subs := l.Experiment.SubExperiments
	if s := subs[4]; s.FunctionImageSizeMB != 50.5 || s.PackageType != "Image" || s.Bursts != 2 {
		t.Errorf("wrong values: %+v", s)
	}
	if p := subs[7].Platform; p != (Platform{KeepAliveSeconds: 600, Concurrency: 1, MaxInstances: 2, Queueing: "queue",
		ImageContract: "runtime-api", KeepAliveDistribution: "fixed"}) {
		t.Errorf("wrong platform: %+v", p)
	}
	if want := []string{"f.json:3:34: SubExperiments[1].PackageType: is also in Sweep, whose values are used"}; !slices.Equal(l.Notes, want) {
		t.Errorf("notes %q", l.Notes)
	}
	roundTrip(t, l)
}

// TestSweepLeavesNothingShared changes one expanded sub-experiment and looks at its neighbour.
func TestSweepLeavesNothingShared(t *testing.T) {
	subs := mustParse(t, sub(`"Bursts": 1, "Sweep": {"FunctionMemoryMB": [128, 256]}`)).Experiment.SubExperiments
	subs[0].BurstSizes[0], subs[0].DesiredServiceTimes[0] = 99, "9s"
	if subs[1].BurstSizes[0] != 1 || subs[1].DesiredServiceTimes[0] != "0ms" {
		t.Error("expanded sub-experiments share their arrays")
	}
}

func TestSweepDefaultsFollowTheValues(t *testing.T) {
	l := mustParse(t, sub(`"Bursts": 4, "Sweep": {"IATSeconds": [10, 600], "DataTransferChainLength": [1, 2], `+
		`"Runtime": ["go1.x", "python3.12"]}`))
	if n := len(l.Experiment.SubExperiments); n != 8 {
		t.Fatalf("%d sub-experiments", n)
	}
	for i, s := range l.Experiment.SubExperiments {
		iat, chain, runtime := []float64{10, 600}[i/4], 1+i/2%2, []string{"go", "python3.12"}[i%2]
		if s.IATSeconds != iat || s.DataTransferChainLength != chain || s.Runtime != runtime ||
			s.IATJitterSeconds != iat/20 ||
			(s.Connections == "new") != (iat > 55) || (s.Type == TypeTransfer) != (chain > 1) {
			t.Errorf("%d: %+v", i, s)
		}
	}
	if len(l.Notes) != 1 {
		t.Errorf("the retired runtime is worth one note, got %q", l.Notes)
	}
	roundTrip(t, l)
}

func TestSweepMistakes(t *testing.T) {
	for name, c := range map[string]struct {
		members string
		want    []string
	}{
		"no object": {`"Bursts": 1, "Sweep": [1]`, []string{`.Sweep: found an array of 1; want an object with ` +
			`one or more keys`}},
		"no keys": {`"Bursts": 1, "Sweep": {}`, []string{`.Sweep: found an object; want an object with one or ` +
			`more keys`}},
		"no array": {`"Bursts": 1, "Sweep": {"FunctionMemoryMB": 128}`,
			[]string{`.Sweep.FunctionMemoryMB: found 128 (number); want an array of one or more values`}},
		"no values": {`"Sweep": {"Bursts": []}`, []string{`.Sweep.Bursts: found an array of 0`}},
		"title":     {`"Bursts": 1, "Sweep": {"Title": ["a"]}`, []string{`.Sweep.Title: Title cannot be swept`}},
		"sweep":     {`"Bursts": 1, "Sweep": {"Sweep": [{}]}`, []string{`.Sweep.Sweep: Sweep cannot be swept`}},
		"the file's key": {`"Bursts": 1, "Sweep": {"Provider": ["aws"]}`,
			[]string{`.Sweep.Provider: belongs to the whole file and cannot be swept`}},
		"misspelt": {`"Sweep": {"Burst": [1, 2]}`, []string{`.Sweep.Burst: unknown key; did you mean "Bursts"?`}},
		"twice": {`"Bursts": 1, "Sweep": {"FunctionMemoryMB": [128, 256, 128]}`,
			[]string{`.Sweep.FunctionMemoryMB[2]: 128 is in the sweep twice`}},
		"bad value": {`"Bursts": 1, "Sweep": {"FunctionMemoryMB": [128, "x"], "PackageType": ["Zip", "image"]}`,
			[]string{`.Sweep.FunctionMemoryMB[1]: found "x" (string)`,
				`.Sweep.PackageType[1]: found "image" (string); want one of Zip, Image, Container, Docker; did you mean ` +
					`"Image"?`}},
		"bad everywhere": {`"Bursts": 0, "Sweep": {"FunctionMemoryMB": [128, "x", 128], "Typ": [1]}`,
			[]string{`.Bursts: found 0`, `.Sweep.FunctionMemoryMB[1]: found "x"`,
				`.Sweep.FunctionMemoryMB[2]: 128 is in the sweep twice`, `.Sweep.Typ: unknown key; did you mean "Type"?`}},
		"combination": {`"Bursts": 1, "StorageTransfer": true, "Sweep": {"DataTransferChainLength": [2, 1]}`,
			[]string{`.Sweep.DataTransferChainLength[1]: StorageTransfer wants a DataTransferChainLength >= 2; it is ` +
				`1`}},
		"too many": {`"Bursts": 0, "Sweep": {"FunctionMemoryMB": [` + count(101) + `], "FunctionTimeoutSeconds": [` +
			count(100) + `], "Public": ["x"]}`,
			[]string{`.Bursts: found 0`, `.Sweep: the file expands to over 10000 sub-experiments; want fewer`,
				`.Sweep.Public[0]: found "x"`}},
	} {
		t.Run(name, func(t *testing.T) {
			got := problems(t, sub(c.members))
			if len(got) != len(c.want) {
				t.Fatalf("got %q\nwant %q", got, c.want)
			}
			for i := range got {
				if !strings.Contains(got[i], "SubExperiments[0]"+c.want[i]) {
					t.Errorf("got %q\nwant %q", got[i], c.want[i])
				}
			}
		})
	}
}

// count lists the numbers 1 to n.
func count(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "%d,", i+1)
	}
	return strings.TrimSuffix(b.String(), ",")
}

func TestSweepUpToTheBound(t *testing.T) {
	l := mustParse(t,
		sub(`"Bursts": 1, "Sweep": {"FunctionMemoryMB": [`+count(100)+`], "FunctionTimeoutSeconds": [`+count(100)+`]}`))
	if len(l.Experiment.SubExperiments) != maxExpanded {
		t.Fatalf("%d sub-experiments", len(l.Experiment.SubExperiments))
	}
	seen := map[string]bool{}
	for _, title := range titles(l) {
		if seen[title] {
			t.Fatalf("%s appears twice", title)
		}
		seen[title] = true
	}
}

// TestSweptTextsMakeOneLineTitles sweeps texts that a title may not hold as they are.
func TestSweptTextsMakeOneLineTitles(t *testing.T) {
	l := mustParse(t, sub(`"Bursts": 1, "Sweep": {"Function": ["./a\nb/", "./a\tb", "./a b"]}`))
	if want := []string{"a b-0,Function=./a b/", "a b-1,Function=./a b",
		"a b-2,Function=./a b"}; !slices.Equal(titles(l), want) {
		t.Errorf("got %q", titles(l))
	}
	roundTrip(t, l)
}

// TestSweepTitlesStayDistinct sweeps values that differ only in what a title leaves out.
func TestSweepTitlesStayDistinct(t *testing.T) {
	l := mustParse(t, sub(`"Title": "x", "Bursts": 1, "Sweep": {"Handler": ["a\nb", "a\tb"]}`))
	if want := []string{"x,Handler=a b", "x,Handler=a b#2"}; !slices.Equal(titles(l), want) {
		t.Errorf("got %q", titles(l))
	}
}

func TestStorage(t *testing.T) {
	l := mustParse(t, `{"Provider": "aws", "Storage": {"Endpoint": "minio.example:9000", "Bucket": "b", "Region": ""}, "SubExperiments": [
		{"Bursts": 1, "DataTransferChainLength": 2, "StorageTransfer": true}]}`)
	if got := *l.Experiment.Storage; got != (Storage{Endpoint: "minio.example:9000", Bucket: "b"}) || len(l.Notes) > 0 {
		t.Errorf("%+v, %q", got, l.Notes)
	}
	roundTrip(t, l)
}
