package main

import (
	"math/big"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestSpeedsOfDD: sizes are read and speeds written as the dd of this machine does.
func TestSpeedsOfDD(t *testing.T) {
	said := regexp.MustCompile(`(\d+) bytes.* copied, ([^ ]+) s, (.*)`)
	for _, block := range []string{"1", "1c", "3w", "7b", "1kB", "5K", "9KiB", "1MB", "2M"} {
		cmd := exec.CommandContext(t.Context(), "dd", "if=/dev/zero", "of=/dev/null", "count=3", "bs="+block)
		cmd.Env = []string{"LC_ALL=C"}
		out, err := cmd.CombinedOutput()
		m := said.FindStringSubmatch(string(out))
		if err != nil || m == nil {
			t.Fatalf("dd: %v: %s", err, out)
		}
		size, ok := ddSize(block)
		if !ok || strconv.FormatInt(3*size, 10) != m[1] {
			t.Errorf("%s is %d, %v; dd wrote %s", block, size, ok, m[1])
		}
		s, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			t.Fatal(err)
		}
		got := ddSpeed(float64(3*size), time.Duration(s*1e9))
		if got != m[3] && !nearly(got, m[3]) {
			t.Errorf("%s: dd says %q, the function %q", m[0], m[3], got)
		}
	}
	if got := ddSpeed(3, 3218450*time.Nanosecond); got != "0.9 kB/s" {
		t.Errorf("3 bytes in 0.00321845 s: %q, dd says 0.9 kB/s", got)
	}
	for text, want := range map[string]string{"999 1": "999 B/s", "999.6 1": "1.0 kB/s", "9940 1": "9.9 kB/s",
		"9960 1": "10 kB/s", "245180 1": "245 kB/s", "1000 1": "1.0 kB/s", "0.2 1": "0 B/s", "999600 1": "1.0 MB/s"} {
		bytes, err := strconv.ParseFloat(strings.Fields(text)[0], 64)
		if got := ddSpeed(bytes, time.Second); err != nil || got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{"", "kB", "1 kB", "-1", "1.5K", "1XB", "99999999999"} {
		if n, ok := ddSize(text); ok {
			t.Errorf("%q is read as %d", text, n)
		}
	}
}

// nearly says whether two speeds differ by the rounding of a time that dd tells with six digits.
func nearly(a, b string) bool {
	x, unit, _ := strings.Cut(a, " ")
	y, other, _ := strings.Cut(b, " ")
	p, err := strconv.ParseFloat(x, 64)
	q, fault := strconv.ParseFloat(y, 64)
	return err == nil && fault == nil && unit == other && p-q <= 1.0001 && q-p <= 1.0001
}

func TestOrderOfCommands(t *testing.T) {
	steps, err := readCmds([]byte(`{"cpu":{"n":1},"sleep":0,"stat":{},"sleep_till":0}`))
	var names []string
	for _, s := range steps {
		names = append(names, s.name)
	}
	if want := []string{"sleep_till", "sleep", "cpu", "stat"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("%v, %v; want %v", names, err, want)
	}
}

func TestCgroups(t *testing.T) {
	for text, want := range map[string][2]string{
		"9:memory:/sandbox-root-1f/sandbox-5e\n8:cpu:/\n": {"sandbox-root-1f", "sandbox-5e"},
		"0::/": {}, "": {}, "0::/one": {"", "one"},
		"3:cpu,cpuacct:/kubepods/besteffort/pod7/c0ffee": {"pod7", "c0ffee"},
		"1:name=systemd:/a:b/c":                          {"a:b", "c"},
	} {
		if vm, instance := cgroupIDs(text); vm != want[0] || instance != want[1] {
			t.Errorf("%q: %q and %q", text, vm, instance)
		}
	}
}

func TestStamps(t *testing.T) {
	seen := []float64{1, 1, 1.1, 1.4, 1.6, 1.7, 2.3, 2.35, 40, 40.1, 40.1}
	every, some := stamps{all: true}, stamps{}
	for _, at := range seen {
		every.add(at)
		some.add(at)
	}
	if got, want := every.end(), []float64{1, 1.1, 1.4, 1.6, 1.7, 2.3, 2.35, 40, 40.1}; !slices.Equal(got, want) {
		t.Errorf("all: %v", got)
	}
	if got, want := some.end(), []float64{1, 1.6, 1.7, 2.3, 2.35, 40, 40.1}; !slices.Equal(got, want) {
		t.Errorf("both ends of each gap: %v", got)
	}
}

func TestFactorial(t *testing.T) {
	const n = 1009
	if got, want := factorial(n, time.Now().Add(time.Minute)), new(big.Int).MulRange(1, n); got.Cmp(want) != 0 {
		t.Errorf("%d! is %s", n, got)
	}
	out, err := exec.CommandContext(t.Context(), "python3", "-c", "import math;print(math.factorial(1009))").Output()
	if got := factorial(n, time.Now().Add(time.Minute)).String(); err != nil || strings.TrimSpace(string(out)) != got {
		t.Errorf("Python: %v", err)
	}
	if factorial(n, time.Now()) != nil {
		t.Error("it does not end with the timeout")
	}
}

func TestReportsOfIperf(t *testing.T) {
	for text, want := range map[string]string{
		"": "unexpected end", "{": "unexpected", "{}": "no stream", `{"error":"no route"}`: "iperf3: no route",
	} {
		if r, err := readIperf([]byte(text), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", text, r, err)
		}
	}
}
