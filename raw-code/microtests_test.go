package rawcode_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// microTests are what each language runs, in the words of its refusals.
func microTests() map[string]string {
	const all, three = "sleep_till, sleep, stat, io, net, cpu, cpuu, udp", "sleep, stat, cpu"
	return map[string]string{"go": all, "python": all, "nodejs": three, "java": three}
}

// eachMicroCell runs a test in each cell of the table that has the micro-test.
func eachMicroCell(t *testing.T, name string, test func(t *testing.T, l language,
	begin func(*testing.T, ...string) *instance)) {
	eachCell(t, func(t *testing.T, l language, begin func(*testing.T, ...string) *instance) {
		if slices.Contains(strings.Split(microTests()[l.name], ", "), name) {
			t.Parallel()
			test(t, l, begin)
		}
	})
}

// results are those of micro-tests, by their names.
type results map[string]json.RawMessage

// run asks for micro-tests.
func run(t *testing.T, in *instance, object string) (results, answer) {
	t.Helper()
	r := in.do(t, call{method: http.MethodPost, body: `{"cmds":` + object + `}`})
	var a struct{ Cmds results }
	if err := json.Unmarshal([]byte(r.body), &a); err != nil || r.status != http.StatusOK || a.Cmds == nil {
		t.Fatalf("%s: status %d, %v: %s", object, r.status, err, r.body)
	}
	return a.Cmds, decode(t, r)
}

// read takes a result.
func read[T any](t *testing.T, r results, name string) (v T) {
	t.Helper()
	if err := json.Unmarshal(r[name], &v); err != nil {
		t.Fatalf("%s: %v in %s", name, err, r[name])
	}
	return v
}

// fileOf reads a file of a running function in /proc.
func fileOf(t *testing.T, in *instance, name string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", in.process.Pid, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// ticks is the processor time of a running function in 10 ms (proc(5), utime and stime).
func ticks(t *testing.T, in *instance) (sum int) {
	t.Helper()
	stat := fileOf(t, in, "stat")
	for _, field := range strings.Fields(stat[strings.LastIndexByte(stat, ')')+2:])[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// onProcessor is for how long the threads of a running function had a processor or waited for one that others had
// (Documentation/scheduler/sched-stats.rst: the first two numbers of a thread's schedstat, in ns). A thread that sleeps
// does neither. Where the kernel does not tell it, it is the processor time, and known is false.
func onProcessor(t *testing.T, in *instance) (sum time.Duration, known bool) {
	t.Helper()
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", in.process.Pid))
	for _, file := range files {
		text, _ := os.ReadFile(file) // of a thread that may have ended
		if had := strings.Fields(string(text)); len(had) > 1 {
			for _, field := range had[:2] {
				n, err := strconv.ParseInt(field, 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				sum += time.Duration(n)
			}
		}
	}
	if sum == 0 {
		return time.Duration(ticks(t, in)) * 10 * time.Millisecond, false
	}
	return sum, true
}

// TestSleep: it waits, on the processor, and so long; sleep_till comes before it, and the clock agrees.
func TestSleep(t *testing.T) {
	eachMicroCell(t, "sleep", func(t *testing.T, l language, begin func(*testing.T, ...string) *instance) {
		in := begin(t)
		in.do(t, get())
		var r results
		for attempt := 1; ; attempt++ { // the machine may stand still meanwhile
			before, known := onProcessor(t, in)
			r, _ = run(t, in, `{"sleep":120.5}`)
			after, _ := onProcessor(t, in)
			least := 100 * time.Millisecond
			if !known { // others may have the processor
				least = 30 * time.Millisecond
			}
			if after-before >= least {
				break
			}
			if attempt == 50 {
				t.Fatalf("waiting 120 ms takes %v on a processor or waiting for one, want %v", after-before, least)
			}
		}
		took, elapsed := read[float64](t, r, "sleep"), read[float64](t, r, "elapsed_time")
		start, end := read[float64](t, r, "start_time"), read[float64](t, r, "end_time")
		if took < 120.5 || elapsed < took || math.Abs(end-start-elapsed) > 0.01 {
			t.Errorf("sleep took %g ms of %g ms, from %.3f to %.3f", took, elapsed, start, end)
		}
		if now := float64(time.Now().UnixNano()) / 1e6; start > now || start < now-patience.Seconds()*1e3 {
			t.Errorf("it began at %.3f, it is %.3f", start, now)
		}
		if r, _ = run(t, in, `{"sleep":0}`); read[float64](t, r, "sleep") > elapsed {
			t.Errorf("no sleep took %s ms", r["sleep"])
		}
		if !strings.Contains(microTests()[l.name], "sleep_till") {
			return
		}
		until := time.Now().Add(150 * time.Millisecond)
		r, _ = run(t, in, fmt.Sprintf(`{"sleep":50,"sleep_till":%.3f}`, float64(until.UnixNano())/1e6))
		if late := time.Since(until); late < 50*time.Millisecond {
			t.Errorf("both ended %v after the instant, want 50 ms: %s, %s", late, r["sleep_till"], r["sleep"])
		}
		if r, _ = run(t, in, `{"sleep_till":1000}`); read[float64](t, r, "sleep_till") > elapsed {
			t.Errorf("an instant of the past took %s ms", r["sleep_till"])
		}
	})
}

// status is what stat tells.
type status struct {
	ExistID    string   `json:"exist_id"`
	NewID      string   `json:"new_id"`
	VMID       string   `json:"vm_id"`
	InstID     string   `json:"inst_id"`
	VMPrivIP   string   `json:"vm_priv_ip"`
	VMPubIP    string   `json:"vm_pub_ip"`
	InstPrivIP string   `json:"inst_priv_ip"`
	Uptime     *float64 `json:"uptime"`
	CPUInfo    string   `json:"cpu_info"`
}

// TestStat compares stat with the machine.
func TestStat(t *testing.T) {
	public := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, "203.0.113.7")
	}))
	t.Cleanup(public.Close)
	eachMicroCell(t, "stat", func(t *testing.T, _ language, begin func(*testing.T, ...string) *instance) {
		tmp := t.TempDir()
		in := begin(t, "TMPDIR="+tmp)
		before := uptime(t)
		r, a := run(t, in, `{"stat":{"argv":1}}`)
		first := read[status](t, r, "stat")
		if len(first.NewID) != 36 || first.ExistID != first.NewID || first.CPUInfo != a.Instance.CPU ||
			first.VMPubIP != "" {
			t.Errorf("%+v; the answer's CPU is %q", first, a.Instance.CPU)
		}
		if first.Uptime == nil || *first.Uptime < before || *first.Uptime > uptime(t) {
			t.Errorf("uptime is %v, /proc/uptime said %g before", first.Uptime, before)
		}
		if vm, instance := cgroupOf(fileOf(t, in, "cgroup")); first.VMID != vm || first.InstID != instance {
			t.Errorf("ids %q and %q, /proc has %q and %q", first.VMID, first.InstID, vm, instance)
		}
		if first.InstPrivIP != ownAddress(t) {
			t.Errorf("address %q, want %q", first.InstPrivIP, ownAddress(t))
		}
		if first.VMPrivIP != "" && net.ParseIP(first.VMPrivIP) == nil {
			t.Errorf("address of the host's name %q", first.VMPrivIP)
		}
		r, _ = run(t, in, `{"stat":{}}`)
		second := read[status](t, r, "stat")
		if second.ExistID != first.ExistID || second.NewID == first.NewID {
			t.Errorf("the second time the ids are %q and %q, the first id was %q", second.ExistID, second.NewID,
				first.NewID)
		}
		if text, err := os.ReadFile(filepath.Join(tmp, "inst_id.txt")); err != nil || string(text) != first.NewID {
			t.Errorf("the file has %q, %v", text, err)
		}
		r, _ = run(t, begin(t, "TMPDIR="+tmp, "STELLAR_PUBLIC_IP_URL="+public.URL), `{"stat":{"argv":1}}`)
		if other := read[status](t, r, "stat"); other.VMPubIP != "203.0.113.7" || other.ExistID != first.ExistID {
			t.Errorf("with a service to ask, and the file of before: %+v", other)
		}
	})
}

func uptime(t *testing.T) float64 {
	t.Helper()
	text, err := os.ReadFile("/proc/uptime")
	if err != nil {
		t.Fatal(err)
	}
	s, err := strconv.ParseFloat(strings.Fields(string(text))[0], 64)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// cgroupOf gives the last two names of the longest path, the first such.
func cgroupOf(text string) (parent, last string) {
	longest := 0
	for line := range strings.Lines(text) {
		_, path, _ := strings.Cut(strings.TrimSpace(line), "/")
		names := strings.Split(path, "/")
		if path == "" || len(names) <= longest {
			continue
		}
		longest, last, parent = len(names), names[len(names)-1], ""
		if len(names) > 1 {
			parent = names[len(names)-2]
		}
	}
	return parent, last
}

// ownAddress is the source address that the kernel chooses; empty without a route.
func ownAddress(t *testing.T) string {
	t.Helper()
	conn, err := net.Dial("udp4", "192.0.2.200:80")
	if err != nil {
		return ""
	}
	defer func() { _ = conn.Close() }()
	return conn.LocalAddr().(*net.UDPAddr).IP.String()
}

// TestCPU: n! takes longer for a larger n, and is right.
func TestCPU(t *testing.T) {
	eachMicroCell(t, "cpu", func(t *testing.T, _ language, begin func(*testing.T, ...string) *instance) {
		in := begin(t)
		r, _ := run(t, in, `{"cpu":{"n":1}}`)
		small := read[float64](t, r, "cpu")
		r, _ = run(t, in, `{"cpu":{"n":9000}}`)
		large := read[float64](t, r, "cpu")
		if small < 0 || large < 2*small || large < 2 {
			t.Errorf("1! took %g ms, 9000! %g ms", small, large)
		}
	})
}

// TestFactorials compares the factorial of each language with that of Python's library.
func TestFactorials(t *testing.T) {
	const n = "1009"
	want := output(t, ".", "python3", "-c", "import math;print(math.factorial("+n+"))")
	java := t.TempDir()
	write(t, filepath.Join(java, "Try.java"), []byte("package stellar;\nclass Try { public static void main(String[] a) {"+
		"System.out.println(Cmds.factorial("+n+", System.nanoTime() + 60_000_000_000L)); } }\n"))
	classes := built(t, javaClasses)
	output(t, java, "javac", "-cp", classes, "-d", java, "Try.java")
	for language, got := range map[string]string{
		"python": output(t, "measure/python", "python3", "-B", "-c",
			"import microtests,time;print(microtests.factorial("+n+",time.monotonic()+60))"),
		"nodejs": output(t, "measure/nodejs", "node", "-e",
			"console.log(String(require('./cmds.cjs').factorial("+n+",Infinity)))"),
		"java": output(t, java, "java", "-cp", classes+":"+java, "stellar.Try"),
	} {
		if got != want {
			t.Errorf("%s: %s! is %s", language, n, got)
		}
	}
}

func output(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return strings.TrimSpace(string(out))
}

// TestCPUU: timestamps are sorted and distinct, in the time of the test; of a long loop one is kept each half ms.
func TestCPUU(t *testing.T) {
	eachMicroCell(t, "cpuu", func(t *testing.T, _ language, begin func(*testing.T, ...string) *instance) {
		in := begin(t)
		for n, most := range map[int]int{0: 0, 1: 1, 1000: 1000, 400_000: 10_000} {
			r, _ := run(t, in, fmt.Sprintf(`{"cpuu":{"n":%d}}`, n))
			all := read[[]float64](t, r, "cpuu")
			start, end := read[float64](t, r, "start_time"), read[float64](t, r, "end_time")
			if len(all) > most || n > 0 && len(all) == 0 {
				t.Fatalf("n = %d: %d timestamps", n, len(all))
			}
			for i, at := range all {
				if at < start-0.01 || at > end+0.01 || i > 0 && at <= all[i-1] {
					t.Fatalf("n = %d: timestamp %d is %f, from %f to %f", n, i, at, start, end)
				}
				if n > 10_000 && i > 1 && i < len(all)-1 && at-all[i-2] < 0.499 {
					t.Errorf("n = %d: three timestamps within %g ms", n, at-all[i-2])
				}
			}
		}
	})
}

// TestMalformedCommands: each is refused with what is known, in each language.
func TestMalformedCommands(t *testing.T) {
	eachMicroCell(t, "sleep", func(t *testing.T, l language, begin func(*testing.T, ...string) *instance) {
		in := begin(t)
		bad := map[string]string{
			`{"dance":1}`:        `"dance" is not a micro-test of this function; it knows ` + microTests()[l.name],
			`{"toString":1}`:     "not a micro-test",
			`[]`:                 "cmds is not a JSON object",
			`"x"`:                "cmds is not a JSON object",
			`{"sleep":"5"}`:      `cmds: sleep: the argument is "5"; want a number of ms from 0 to 3600000`,
			`{"sleep":-1}`:       "the argument is -1; want a number",
			`{"sleep":null}`:     "the argument is null; want a number",
			`{"sleep":4e6}`:      "want a number of ms from 0 to 3600000",
			`{"stat":5}`:         `cmds: stat: the argument is 5; want an object with "argv"`,
			`{"stat":{"arg":1}}`: `want an object with "argv"`,
			`{"cpu":5}`:          `cmds: cpu: the argument is 5; want an object with "n"`,
			`{"cpu":{}}`:         `cmds: cpu: the argument is {}; "n" must be a whole number from 0 to 1000000000`,
			`{"cpu":{"n":-1}}`:   `"n" must be a whole number from 0`,
			`{"cpu":{"n":1e10}}`: "from 0 to 1000000000",
		}
		if strings.Contains(microTests()[l.name], "io") {
			bad[`{"sleep_till":"x"}`] = `the argument is "x"; want a Unix time in ms from 0 to 9000000000000`
			bad[`{"io":{"rd":3,"size":"1 kB","cnt":10}}`] = `cmds: io: size is "1 kB", it must be 1 byte to 64M as dd`
			bad[`{"io":{"rd":0,"size":"1kB","cnt":10}}`] = "rd is 0, it must be 1 to 10000"
			bad[`{"io":{"rd":1,"size":"1kB","cnt":0}}`] = "cnt is 0, it must be 1 to 1000000"
			bad[`{"io":{"rd":1,"size":"65M","cnt":1}}`] = `size is "65M"`
			bad[`{"io":{"rd":1,"size":"64M","cnt":100}}`] = "100 blocks of 64M are over 1 GiB a round"
			bad[`{"net":{"server_ip":"-x"}}`] = `server_ip is "-x", it must be an IP address or a host name`
			bad[`{"net":{"server_ip":"a;b"}}`] = "it must be an IP address"
			bad[`{"net":{"server_ip":"a","port":0}}`] = "port is 0, it must be 1 to 65535"
			bad[`{"cpuu":{"n":"x"}}`] = `"n"`
		}
		for object, want := range bad {
			status, why := refused(t, in.do(t, call{method: http.MethodPost, body: `{"cmds":` + object + `}`}))
			if status != http.StatusBadRequest || !strings.Contains(why, want) {
				t.Errorf("%s: status %d, %q; want %q", object, status, why, want)
			}
		}
		// The function's timeout is 60 s in both kinds of platform.
		r, _ := run(t, in, `{"sleep":3600000,"cpu":{"n":3}}`)
		if why := read[map[string]string](t, r, "sleep")["error"]; r["cpu"][0] == '{' ||
			!strings.HasSuffix(why, "s after the function's timeout") {
			t.Errorf("a sleep that outlasts the function: %s, cpu %s", r["sleep"], r["cpu"])
		}
	})
}
