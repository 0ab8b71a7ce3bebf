package rawcode_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestIO: as much is written as was asked for, the speeds are those of the times, in dd's words, and no file stays.
func TestIO(t *testing.T) {
	eachMicroCell(t, "io", func(t *testing.T, _ language, begin func(*testing.T, ...string) *instance) {
		const rounds, count, block = 3, 10, 1000
		tmp := t.TempDir()
		in := begin(t, "TMPDIR="+tmp)
		in.do(t, get())
		before := written(t, in)
		r, _ := run(t, in, fmt.Sprintf(`{"io":{"rd":%d,"size":"1kB","cnt":%d}}`, rounds, count))
		if got := written(t, in) - before; got < rounds*count*block {
			t.Errorf("%d bytes were written", got)
		}
		all := read[[]struct{ Time, Speed string }](t, r, "io")
		if len(all) != rounds {
			t.Fatalf("%d rounds: %s", len(all), r["io"])
		}
		for _, round := range all {
			s, err := strconv.ParseFloat(round.Time, 64)
			if err != nil || s <= 0 {
				t.Errorf("time %q", round.Time)
			}
			checkSpeed(t, round.Speed, count*block/s)
		}
		if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
			t.Errorf("files that stay: %v, %v", left, err)
		}
		in = begin(t, "TMPDIR="+filepath.Join(tmp, "missing"))
		if r, _ = run(t, in, `{"io":{"rd":1,"size":"512","cnt":1},"cpu":{"n":3}}`); r["cpu"][0] == '{' {
			t.Errorf("cpu does not run beside io: %s", r["cpu"])
		}
	})
}

// written are the bytes that a running function has given to the kernel (proc(5), wchar).
func written(t *testing.T, in *instance) (n int) {
	t.Helper()
	_, text, _ := strings.Cut(fileOf(t, in, "io"), "wchar: ")
	if _, err := fmt.Sscan(text, &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// checkSpeed compares a speed with a number of bytes a second, as far as dd rounds it.
func checkSpeed(t *testing.T, text string, want float64) {
	t.Helper()
	number, unit, _ := strings.Cut(text, " ")
	power := strings.Index(" kMG", strings.TrimSuffix(unit, "B/s"))
	if unit == "B/s" {
		power = 0
	}
	n, err := strconv.ParseFloat(number, 64)
	digit := 0.5
	if strings.Contains(number, ".") {
		digit = 0.05
	}
	scale := math.Pow(1000, float64(power))
	if err != nil || power < 0 || math.Abs(n*scale-want) > digit*scale+want/1e5 || n >= 1000 {
		t.Errorf("speed %q, want %g bytes a second", text, want)
	}
}

// TestNet runs iperf3, or a program in its place that answers as it does.
func TestNet(t *testing.T) {
	report, err := filepath.Abs("testdata/iperf3.json")
	if err != nil {
		t.Fatal(err)
	}
	bin := t.TempDir()
	script := "#!/bin/sh\nif [ \"$2\" = 10.0.0.1 ]; then echo '{\"error\":\"no route\"}'; exit 1; fi\n" +
		"echo \"$@\" > " + bin + "/$$\nmv " + bin + "/$$ " + bin + "/asked-$2\nexec cat " + report + "\n"
	if err := os.WriteFile(filepath.Join(bin, "iperf3"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	eachMicroCell(t, "net", func(t *testing.T, l language, begin func(*testing.T, ...string) *instance) {
		in := begin(t, "PATH="+bin+":"+os.Getenv("PATH"))
		r, _ := run(t, in, `{"net":{"server_ip":"192.0.2.9","port":5999}}`)
		got := read[map[string]float64](t, r, "net")
		want := map[string]float64{"bps": 4708464104.152022, "meanr": 259, "minr": 259, "maxr": 259}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v, want %v", got, want)
		}
		if asked, err := os.ReadFile(bin + "/asked-192.0.2.9"); err != nil ||
			strings.TrimSpace(string(asked)) != "-c 192.0.2.9 -p 5999 -t 1 -J" {
			t.Errorf("iperf3 got %q, %v", asked, err)
		}
		r, _ = run(t, in, `{"net":{"server_ip":"10.0.0.1"},"cpu":{"n":3}}`)
		if why := read[map[string]string](t, r, "net")["error"]; why != "iperf3: no route" || r["cpu"][0] == '{' {
			t.Errorf("a server that does not answer: %s, cpu %s", r["net"], r["cpu"])
		}
		if l.name != "python" { // the compiled program runs with an empty PATH
			r, _ = run(t, begin(t, "PATH=/nowhere"), `{"net":{"server_ip":"10.0.0.1"}}`)
			if why := read[map[string]string](t, r, "net")["error"]; !strings.HasPrefix(why, "there is no iperf3") {
				t.Errorf("without iperf3: %s", r["net"])
			}
		}
	})
}
