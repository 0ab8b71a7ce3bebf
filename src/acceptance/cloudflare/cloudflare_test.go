package cloudflare_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/cloud"
	"github.com/vhive-serverless/STeLLAR/src/acceptance/conformance"
	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// Everything on the way to Cloudflare is real but the vendor: the tool generates, packs and deploys with the pinned
// Wrangler, which talks to an account that stands in for Cloudflare's API, and what it uploads runs in workerd.

const workersExperiment = `{"Provider": "cloudflare", "Seed": 7, "SubExperiments": [
 {"Title": "plain", "Runtime": "python3.13", "Bursts": 3, "BurstSizes": [2], "DesiredServiceTimes": ["1ms"]},
 {"Title": "filled", "Runtime": "nodejs22.x", "Bursts": 1, "FunctionImageSizeMB": 2, "FillerRead": true}]}`

// suite is a check of the conformance suite.
func suite(name string) func(*testing.T, *conformance.Target) {
	all := conformance.Checks()
	return all[slices.IndexFunc(all, func(c conformance.Check) bool { return c.Name == name })].Run
}

// workerChecks are the checks of the conformance suite that apply to a Worker, and its own in place of those that do
// not.
var workerChecks = []struct {
	name, instead string
	run           func(t *testing.T, f *conformance.Target)
}{
	{"instance", "no InitNs, StartedAt, MemoryMB, CPU: the platform does not tell them", checkWorkerInstance},
	{"spin", "no SpinNs: the clock stands still while a Worker computes", checkWorkerSpin},
	{"payload", "", suite("payload")},
	{"token", "", suite("token")},
	{"errors", "", suite("errors")},
	{"one cold", "", suite("one cold")},
	{"filler", "", suite("filler")},
	{"size", "as Wrangler counts it", checkWorkerSize},
}

func TestCloudflare(t *testing.T) {
	t.Parallel()
	a := cloud.NewCloudflare(t)
	l := lab.In(t, a, workersExperiment)
	l.Life(func(d lab.Deployed) {
		if !strings.Contains(d.Said, "Runtime python3.13: Workers run JavaScript") {
			t.Errorf("nothing said that no Python runs there:\n%s", d.Said)
		}
		t.Logf("the account: %v", a.Left())
		if stand := a.Left(); len(stand) != 2 || !slices.Contains(stand, d.Record.Service+"-f1-0") {
			t.Errorf("deployed: %v", stand)
		}
		checkDryRun(t, d.Dir)
		checkWorkersOf(t, conformance.NewPair(d.Record.Functions, d.Token, "workers",
			func() { a.Restart(t, d.Record.Service+"-f0-0") }))
	})
	checkWorkerRows(l, "out", 7)
}

func checkWorkersOf(t *testing.T, f *conformance.Target) {
	var table strings.Builder
	fmt.Fprintf(&table, "| %-8s | %-5s | what a Worker does not tell", "Worker", "")
	for _, check := range workerChecks {
		word := "FAILS"
		if t.Run(check.name, func(t *testing.T) { check.run(t, f) }) {
			word = "pass"
		}
		fmt.Fprintf(&table, "\n| %-8s | %-5s | %s", check.name, word, check.instead)
	}
	t.Logf("\n%s\n| %-8s | %-5s | the platform keeps no log that a probe could read", &table, "log", "none")
}

// checkWorkerRows demands so many rows of all runs below a folder: all answered by a Worker of ours, none with a
// service time.
func checkWorkerRows(l *lab.Lab, out string, want int) {
	l.Helper()
	rows := l.RowsOf(out, "*")
	for _, r := range rows {
		if !workerID.MatchString(r.InstanceID) || r.Service != sample.None {
			l.Errorf("row %+v", r)
		}
	}
	if len(rows) != want {
		l.Errorf("%d rows in %s, want %d", len(rows), out, want)
	}
}

var workerID = regexp.MustCompile(`^[0-9a-f]{32}$`)

func checkWorkerInstance(t *testing.T, f *conformance.Target) {
	first, second := f.Work(t, conformance.Plain, ""), f.Work(t, conformance.Plain, "")
	i, again := first.Instance, second.Instance
	if i.Cold == nil || !*i.Cold || i.Invocation != 1 || i.Runtime != "workers" || !workerID.MatchString(i.ID) {
		t.Errorf("first request: %+v", i)
	}
	if again.Cold == nil || *again.Cold || again.Invocation != 2 || again.ID != i.ID {
		t.Errorf("second request: %+v, the first was %+v", again, i)
	}
	if first.RequestID == "" || first.RequestID == second.RequestID || len(first.TimestampChain) != 1 {
		t.Errorf("ids %q and %q, chain %v", first.RequestID, second.RequestID, first.TimestampChain)
	}
	if conformance.Stamp(t, first.TimestampChain[0]).Before(conformance.Stamp(t, first.ReceivedAt)) {
		t.Errorf("received %s, stamped %s", first.ReceivedAt, first.TimestampChain)
	}
	_, instance := f.Raw(t, conformance.Plain)
	for _, name := range []string{"InitNs", "StartedAt", "MemoryMB", "CPU"} {
		if told, ok := instance[name]; ok {
			t.Errorf("%s is told as %s, which a Worker cannot know", name, told)
		}
	}
}

func checkWorkerSpin(t *testing.T, f *conformance.Target) {
	for _, n := range []int{0, 1, 7, 123_457} {
		all, _ := f.Raw(t, conformance.Plain, "IncrementLimit", strconv.Itoa(n))
		want := fmt.Sprint(conformance.Sink(n))
		if _, ok := all["SpinNs"]; ok || string(all["Sink"]) != want || string(all["Increments"]) != strconv.Itoa(n) {
			t.Errorf("%d increments: %s, want sink %s and no SpinNs", n, all, want)
		}
	}
}

// checkWorkerSize compares the record with the size that Wrangler printed, in KiB to two digits: the bytes of all
// modules.
func checkWorkerSize(t *testing.T, f *conformance.Target) {
	for variant, target := range map[int]int64{conformance.Plain: 0, conformance.Filled: 2 << 20} {
		fn := f.Functions[variant]
		if told := fmt.Sprintf("%.2f", float64(fn.PackageBytes)/1024); told != fn.Endpoint.Detail["uploadKiB"] {
			t.Errorf("%s KiB were packed, Wrangler uploaded %s", told, fn.Endpoint.Detail["uploadKiB"])
		}
		if target > 0 && int64(fn.PackageBytes) != target {
			t.Errorf("%d bytes were packed, %d were asked for", fn.PackageBytes, target)
		}
	}
}

// TestCloudflareWhole runs the published experiment from its file to its end, and one of URL kind against a Worker
// that stands.
func TestCloudflareWhole(t *testing.T) {
	t.Parallel()
	a := cloud.NewCloudflare(t)
	l := lab.In(
		t,
		a,
		`{"Provider": "cloudflare", "SubExperiments": [{"Title": "open to all", "Public": true, "Bursts": 1},
	 {"Title": "one's own", "Function": "./mine", "Handler": "dist/main.js", "FunctionImageSizeMB": 1, "Bursts": 1}]}`,
	)
	published := filepath.Join(
		lab.Repo(),
		"src",
		"experiment",
		"testdata",
		"published",
		"tests__cloudflare__hellopy.json",
	)
	a.Refuse(cloud.Fault{Code: "971"}) // Cloudflare throttles the first call: Wrangler fails, and is run again
	_, said := l.Stellar(0, "-c", published, "-o", "whole", "--yes", "-l", "debug")
	if stand := a.Left(); len(stand) > 0 {
		t.Errorf("after the run there is still %v", stand)
	}
	if !strings.Contains(said, "wrangler: ") || !strings.Contains(said, "[code: 971]") {
		t.Errorf("no word of the throttling:\n%s", said)
	}
	checkWorkerRows(l, "whole", 16)

	ownWorker(l)
	d := l.Deploy()
	open, own := d.Record.Functions[0], d.Record.Functions[1]
	l.Write("url.json", fmt.Sprintf(`{"Provider": %q, "SubExperiments": [
	 {"Title": "a Worker by its URL", "Bursts": 4, "BurstSizes": [3]}]}`, open.Endpoint.URL))
	l.Output("-c", "url.json", "-o", "byurl")
	checkWorkerRows(l, "byurl", 12)
	f := &conformance.Target{Functions: [conformance.Variants]run.FunctionRecord{own}}
	if r, err := f.Ask(t.Context(), conformance.Plain, "", url.Values{}, ""); err != nil || r.Body != "own, noted" {
		t.Errorf("a Worker of one's own: %+v, %v", r, err)
	}
	if own.PackageBytes != 1<<20 || own.Endpoint.Detail["uploadKiB"] != "1024.00" {
		t.Errorf(
			"a Worker of one's own: %d bytes, uploaded %s KiB",
			own.PackageBytes,
			own.Endpoint.Detail["uploadKiB"],
		)
	}
	checkCloudflareClean(l, a, d.Dir)
	if stand := a.Left(); len(stand) > 0 {
		t.Errorf("after the removal there is still %v", stand)
	}
}

// ownWorker writes a Worker as a user has one: a main module in a folder, modules of other kinds beside it, and what
// is none.
func ownWorker(l *lab.Lab) {
	for name, text := range map[string]string{
		"dist/main.js": "import word from './lib/word.cjs';\nimport note from './note.txt';\n" +
			"export default { fetch: () => new Response(`${word}, ${note}`) };\n",
		"dist/lib/word.cjs": "module.exports = 'own';\n", "dist/note.txt": "noted", "dist/main.js.map": "{}",
		"src/main.ts":  "export {};\n",
		"package.json": "{}",
	} {
		l.Write("mine/"+name, text)
	}
}

// checkCloudflareClean: a run whose folder was deleted keeps its functions until `remove` names it; they are then found
// by their variables, and nothing else is touched.
func checkCloudflareClean(l *lab.Lab, a *cloud.Cloudflare, dir string) {
	l.Helper()
	a.Put("stellar-of-somebody", "")
	a.Put("shop", "another-run")
	if err := os.RemoveAll(dir); err != nil {
		l.Fatal(err)
	}
	l.Output("clean")
	if stand := a.Left(); len(stand) != 4 {
		l.Errorf("clean removed functions that are kept, there is %v", stand)
	}
	l.Output("remove", dir)
	if stand := a.Left(); !slices.Equal(stand, []string{"shop", "stellar-of-somebody"}) {
		l.Errorf("after remove there is %v", stand)
	}
	a.Drop("shop", "stellar-of-somebody")
}

// checkDryRun has the pinned Wrangler read the generated folders, without an account and without a network: it takes
// them without a warning, and what it would upload is the package, file by file.
func checkDryRun(t *testing.T, run string) {
	t.Helper()
	folders, _ := filepath.Glob(filepath.Join(run, "serverless", "f*"))
	if len(folders) != 2 {
		t.Fatalf("folders %v", folders)
	}
	for _, dir := range folders {
		out := filepath.Join(t.TempDir(), "upload")
		c := exec.Command(
			filepath.Join(lab.Module("wrangler"), "wrangler"),
			"deploy",
			"--dry-run",
			"--outdir",
			out,
			"--config",
			"wrangler.jsonc",
		)
		c.Dir, c.Env = dir, append(
			os.Environ(),
			"HOME="+t.TempDir(),
			"CI=1",
			"WRANGLER_SEND_METRICS=false",
			"WRANGLER_HIDE_BANNER=true",
			"FORCE_COLOR=0",
		)
		said, err := c.CombinedOutput()
		if err != nil || strings.Contains(string(said), "WARNING") {
			t.Errorf("%s: %v\n%s", dir, err, said)
		}
		var config struct{ Main string }
		text, err := os.ReadFile(filepath.Join(dir, "wrangler.jsonc"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(regexp.MustCompile(`(?m)^//.*$`).ReplaceAllString(string(text), "")),
			&config); err != nil {
			t.Fatal(err)
		}
		packed, _ := filepath.Glob(filepath.Join(dir, filepath.Dir(config.Main), "*"))
		for _, file := range packed {
			have, err := os.ReadFile(filepath.Join(out, filepath.Base(file)))
			want, _ := os.ReadFile(file)
			if err != nil || string(have) != string(want) {
				t.Errorf("%s of %s is not uploaded as it was packed: %v", filepath.Base(file), dir, err)
			}
		}
		if have, _ := filepath.Glob(filepath.Join(out, "*")); len(have) != len(packed)+1 { // and a README.md
			t.Errorf("%s: uploaded %v, packed %v", dir, have, packed)
		}
	}
}
