package local_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/reportline"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

const thousand = `{"Provider": "local", "Seed": 3, "SubExperiments": [
 {"Title": "cold", "Runtime": "go", "Bursts": 100, "BurstSizes": [1, 9], "IATSeconds": 0.06,
  "IATType": "deterministic", "FunctionMemoryMB": 1769, "Platform": {"KeepAliveSeconds": 0.02},
  "ProviderReport": true},
 {"Title": "warm", "Runtime": "go", "Bursts": 100, "BurstSizes": [5], "IATSeconds": 0.02,
  "FunctionMemoryMB": 1769, "Connections": "new", "ProviderReport": true,
  "DesiredServiceTimes": ["0ms", "3ms"]}]}`

// TestProbeAgreesWithThePlatform: on every row of a run of 1000 requests, part of it with a keep-alive shorter than the
// IAT, the probe's Cold, instance, init and service time agree with the platform's own log.
func TestProbeAgreesWithThePlatform(t *testing.T) {
	l := lab.New(t, thousand)
	deployed := l.Deploy()
	defer l.Output("remove", deployed.Dir)
	l.Output("probe", "-o", "probes", deployed.Dir)
	var rows []witnessed
	for i, name := range []string{"f0-0", "f1-0"} {
		truth := map[string]reportline.Report{}
		for line := range strings.Lines(l.Output("local", "logs", "-f", name)) {
			if rep, ok := reportline.Parse(strings.TrimSpace(line)); ok {
				truth[rep.RequestID] = rep
			}
		}
		files, _ := filepath.Glob(filepath.Join(l.Dir, "probes", "2*", fmt.Sprintf("%d-*", i), "latencies.csv"))
		if len(files) != 1 {
			t.Fatalf("sub-experiment %d has %d files of rows", i, len(files))
		}
		all, _, err := sample.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range all {
			rep, ok := truth[s.RequestID]
			if !ok {
				t.Fatalf("row %+v is not in the platform's log", s)
			}
			rows = append(rows, witnessed{s, rep})
		}
	}
	for _, w := range disagreements(rows) {
		t.Error(w)
	}
	colds := 0
	for _, w := range rows {
		if w.log.Cold {
			colds++
		}
	}
	if len(rows) != 1000 || colds < 100 || colds > 700 {
		t.Errorf("%d rows, %d of them cold; want 1000, those after a pause cold", len(rows), colds)
	}
	checkJoined(t, rows)
	t.Log("\n" + platformTable(rows, !t.Failed()))
}

// checkJoined demands that at least 99 % of the rows have the platform's report, that each has its own, and that the
// parts of a cold latency sum up to it.
func checkJoined(t *testing.T, rows []witnessed) {
	t.Helper()
	joined, divided := 0, 0
	for _, w := range rows {
		s, r := &w.row, &w.log
		if s.Residual >= 0 {
			divided++
			if sum := s.Network + s.Residual + s.Start + s.FirstRequest; (sum - s.Latency).Abs() > time.Microsecond {
				t.Errorf("row %s: its parts sum up to %v, its latency is %v", s.RequestID, sum, s.Latency)
			}
		}
		if s.ProviderDuration < 0 {
			continue
		}
		joined++
		if s.ProviderDuration != r.Duration || s.Billed != r.Billed || s.MemorySizeMB != r.MemoryMB ||
			s.MaxMemoryMB != r.MaxMemory || (s.ProviderInit >= 0) != r.Cold || r.Cold && s.ProviderInit != r.Init {
			t.Errorf("row %+v has not the report %s", *s, r)
		}
	}
	if joined*100 < len(rows)*99 || divided == 0 {
		t.Errorf("%d of %d rows have their report, %d cold ones are divided into parts", joined, len(rows), divided)
	}
}

const seeded = `{"Provider": "local", "Seed": 99, "SubExperiments": [
 {"Runtime": "go", "Bursts": 12, "IATSeconds": 0.05, "IATJitterSeconds": 0.02, "Schedule": "open",
  "FunctionImageSizeMB": 5},
 {"Runtime": "python3.13", "Bursts": 1, "FunctionImageSizeMB": 1.5, "FillerPlacement": "spread"}]}`

// TestSameSeedSameRun: two runs with one seed have the same packages, byte for byte, and the same planned instants.
func TestSameSeedSameRun(t *testing.T) {
	t.Parallel()
	var hashes [2][]string
	var gaps [2][]time.Duration
	for i := range 2 {
		l := lab.New(t, seeded).OwnCache()
		l.Output("-c", "exp.json", "-o", "out")
		dir, _ := l.Journal()
		rec, err := run.ReadRecord(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range rec.Functions {
			hashes[i] = append(hashes[i], fmt.Sprintf("%s %d", f.PackageSHA256, f.PackageBytes))
		}
		files, _ := filepath.Glob(filepath.Join(dir, "0-*", "latencies.csv"))
		rows, _, err := sample.ReadFile(files[0])
		if err != nil || len(rows) != 12 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		// In an open schedule a burst that ends first is written first.
		slices.SortFunc(rows, func(a, b sample.Sample) int { return a.PlannedAt.Compare(b.PlannedAt) })
		for k := 1; k < len(rows); k++ {
			gaps[i] = append(gaps[i], rows[k].PlannedAt.Sub(rows[k-1].PlannedAt))
		}
	}
	if fmt.Sprint(hashes[0]) != fmt.Sprint(hashes[1]) || len(hashes[0]) != 2 || hashes[0][0] == hashes[0][1] {
		t.Errorf("packages of two runs with one seed:\n%v\n%v", hashes[0], hashes[1])
	}
	// The machine's wall clock may be slewed by its keeper while the run counts on the monotonic one.
	const slew = 100 * time.Microsecond
	same := gaps[0][0] != gaps[0][1]
	for k := range gaps[0] {
		same = same && (gaps[0][k]-gaps[1][k]).Abs() < slew
	}
	if !same {
		t.Errorf("schedules of two runs with one seed:\n%v\n%v", gaps[0], gaps[1])
	}
}
