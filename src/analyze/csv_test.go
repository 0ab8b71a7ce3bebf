package analyze

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"math"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/goldentest"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

func TestHeader(t *testing.T) {
	const want = "Sub-experiment,Title,Provider,Runtime,Function,Package Type,Memory (MB),Image Size (MiB),IAT " +
		"(s),Burst Sizes,Service Times,Payload (bytes)," +
		"Count,Mean,Standard Deviation,Min,25%ile,50%ile,75%ile,95%ile,Max," +
		"99%ile,99.9%ile,TMR,MR,TR,Errors,Cold Count,Cold 50%ile,Cold 99%ile,Warm 50%ile,Warm 99%ile,50%ile CI " +
		"Low,50%ile CI High,99%ile CI Low,99%ile CI High," +
		"Spread 50%ile (ms),Spread Max (ms),Lateness 99%ile (ms),Lateness Max (ms),Suspect Count,Late Count,Unsent," +
		"Instances,Requests per Instance,Instance Lifetime 50%ile (s),Cost per Million (USD),Joined Reports,Standing " +
		"Cost (USD)," +
		"Mean (ms),Standard Deviation (ms),Min (ms),25%ile (ms),50%ile (ms),75%ile (ms),95%ile (ms),99%ile (ms)," +
		"99.9%ile (ms),Max (ms)," +
		"Warm Count,Cold 50%ile CI Low,Cold 50%ile CI High,Cold 99%ile CI Low,Cold 99%ile CI High," +
		"Warm 50%ile CI Low,Warm 50%ile CI High,Warm 99%ile CI Low,Warm 99%ile CI High"
	if got := strings.Join(Header(), ","); got != want {
		t.Errorf("header\n%s\nwant\n%s", got, want)
	}
}

func TestWriteCSV(t *testing.T) {
	id := Identity{Index: 0, Title: "cold, \"quoted\"", Provider: "local", Runtime: "python3.13", Function: "measure",
		PackageType: "Zip",
		MemoryMB:    128, ImageSizeMB: 10.5, IATSeconds: Of(0.25), BurstSizes: "1 10", ServiceTimes: "0ms 100ms",
		PayloadBytes: Of(1024)}
	all := []Summary{
		summarize(t, mixed(60, 1), id),
		summarize(t, mixed(400, 2), Identity{Index: 1, Title: "long"}),
		summarize(t, nil, Identity{Index: 2, Title: "empty"}),
		summarize(t, []sample.Sample{row(0, 2.5, sample.Unknown)}, Identity{Index: 3, Title: "one", Provider: "url",
			IATSeconds: Of(0), PayloadBytes: Of(0)}),
		summarize(t, []sample.Sample{failed(0, sample.DNS), failed(0, sample.DNS)},
			Identity{Index: 4, Title: "failed"}),
	}
	Relate(all)
	var out bytes.Buffer
	if err := WriteCSV(&out, all); err != nil {
		t.Fatal(err)
	}
	if s := strings.ToLower(out.String()); strings.Contains(s, "nan") || strings.Contains(s, "inf,") {
		t.Error("a cell holds NaN or an infinity")
	}
	goldentest.Check(t, out.String())
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestWriteCSVSaysWhatFailed(t *testing.T) {
	if err := WriteCSV(brokenWriter{}, nil); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("error %v", err)
	}
}

// TestAgainstPython has the standard library of another language compute the same statistics from the same file.
func TestAgainstPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Fatalf("this test needs python3: %v", err)
	}
	sizes, dir := []int{0, 11, 13, 15, 16, 30, 150, 330, 420, 1500}, t.TempDir()
	args := []string{filepath.Join("testdata", "check.py")}
	for _, n := range sizes {
		path := filepath.Join(dir, strconv.Itoa(n)+".csv")
		w, err := sample.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range mixed(n, uint64(n)) {
			w.AppendRow(&s)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	out, err := exec.Command(python, args...).Output()
	if err != nil {
		t.Fatalf("check.py: %v", err)
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n")) // one of each file
	if len(lines) != len(sizes) {
		t.Fatalf("check.py computed %d files of %d", len(lines), len(sizes))
	}
	for i, n := range sizes {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			rows, _, err := sample.ReadFile(args[1+i])
			if err != nil {
				t.Fatal(err)
			}
			var want map[string]any
			if err := json.Unmarshal(lines[i], &want); err != nil {
				t.Fatal(err)
			}
			compareWithPython(t, summarize(t, rows, Identity{}), want)
			// Rows that never went through the file give the same.
			compareWithPython(t, summarize(t, mixed(n, uint64(n)), Identity{}), want)
		})
	}
}

func compareWithPython(t *testing.T, s Summary, want map[string]any) {
	t.Helper()
	var out bytes.Buffer
	if err := WriteCSV(&out, []Summary{s}); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&out).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for i, name := range lines[0] {
		got[name] = lines[1][i]
	}
	if len(want) != 22 {
		t.Fatalf("check.py computed %d values", len(want))
	}
	for name, w := range want {
		switch w := w.(type) {
		case nil:
			if got[name] != "" {
				t.Errorf("%s: %s, python has none", name, got[name])
			}
		case string:
			if got[name] != w {
				t.Errorf("%s: %s, python says %s", name, got[name], w)
			}
		case float64:
			f, err := strconv.ParseFloat(got[name], 64)
			tolerance := 0.0
			if name == "Mean" || name == "Standard Deviation" || name == "TMR" {
				tolerance = 6e-7 // the six decimals of the cell
			}
			if err != nil || math.Abs(f-w) > tolerance {
				t.Errorf("%s: %s, python says %v", name, got[name], w)
			}
		}
	}
}
