package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"stellar/src/run"
)

// The Cloudflare path with nothing left out but the company: the tool generates, packs and deploys with the pinned Wrangler,
// which talks to an account that stands in for Cloudflare's API, and what it uploads runs in workerd.

// shim is a Wrangler before the pinned one. An account on this machine has no workers.dev addresses: the shim puts in the
// place of each the one at which the Worker really answers. The rest is as Wrangler says it.
const shim = `#!/usr/bin/env node
const { spawnSync } = require('child_process');
const fs = require('fs');
const { status } = spawnSync(%q, process.argv.slice(2), { stdio: 'inherit' });
process.exitCode = status ?? 1;
const file = process.env.WRANGLER_OUTPUT_FILE_PATH;
if (file && fs.existsSync(file)) {
  (async () => {
    const lines = [];
    for (const line of fs.readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
      const one = JSON.parse(line);
      if (one.type === 'deploy') one.targets = [await (await fetch(%q + one.worker_name)).text()];
      lines.push(JSON.stringify(one));
    }
    fs.writeFileSync(file, lines.join('\n') + '\n');
  })();
}
`

// cloudflareLab is a lab whose Wrangler deploys into an account of its own.
type cloudflareLab struct {
	*lab
	*account
}

func newCloudflareLab(t *testing.T, experiment string) *cloudflareLab {
	t.Helper()
	l := &cloudflareLab{newLab(t, buildBinary(t), experiment), newAccount(t)}
	bin := filepath.Join(l.lab.dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(shim, filepath.Join(wranglerModules(t), ".bin", "wrangler"), l.server.URL+"/where/")
	if err := os.WriteFile(filepath.Join(bin, "wrangler"), []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	return l
}

// stellar runs the tool against the account and gives what it printed on standard output.
func (l *cloudflareLab) stellar(code int, args ...string) (stdout, stderr string) {
	l.lab.Helper()
	c := l.command(args...)
	var out, errs strings.Builder
	c.Stdout, c.Stderr = &out, &errs
	c.Env = append(slices.DeleteFunc(c.Env, func(v string) bool { return strings.HasPrefix(v, "CLOUDFLARE_") }),
		"PATH="+filepath.Join(l.lab.dir, "bin")+string(os.PathListSeparator)+os.Getenv("PATH"),
		"CLOUDFLARE_API_TOKEN="+cloudflareToken, "CLOUDFLARE_ACCOUNT_ID="+cloudflareAccount, "CLOUDFLARE_API_BASE_URL="+l.server.URL+"/client/v4")
	_ = c.Run()
	if got := c.ProcessState.ExitCode(); got != code {
		l.lab.Fatalf("stellar %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, &out, &errs)
	}
	if text := out.String() + errs.String(); strings.Contains(text, cloudflareToken) {
		l.lab.Errorf("stellar %s shows the token:\n%s", strings.Join(args, " "), text)
	}
	return out.String(), errs.String()
}

const workersExperiment = `{"Provider": "cloudflare", "Seed": 7, "SubExperiments": [
 {"Title": "plain", "Runtime": "python3.13", "Bursts": 3, "BurstSizes": [2], "DesiredServiceTimes": ["1ms"]},
 {"Title": "shared", "Runtime": "nodejs22.x", "Bursts": 1},
 {"Title": "filled", "Runtime": "nodejs22.x", "Bursts": 1, "FunctionImageSizeMB": 2, "FillerRead": true}]}`

// workerChecks are the checks of the conformance suite that apply to a Worker, and its own in place of those that do not.
var workerChecks = []struct {
	name, instead string
	run           func(t *testing.T, c *cell)
}{
	{"instance", "no InitNs, StartedAt, MemoryMB, CPU: the platform does not tell them", checkWorkerInstance},
	{"spin", "no SpinNs: the clock stands still while a Worker computes", checkWorkerSpin},
	{"payload", "", checkPayload},
	{"token", "", checkToken},
	{"errors", "", checkErrors},
	{"one cold", "", checkOneCold},
	{"filler", "", checkFiller},
	{"size", "as Wrangler counts it", checkWorkerSize},
}

func TestCloudflare(t *testing.T) {
	l := newCloudflareLab(t, workersExperiment)
	if stand := l.names(); len(stand) > 0 {
		t.Fatalf("before: %v", stand)
	}
	text, said := l.stellar(0, "deploy", "-c", "exp.json", "-o", "out", "--yes", "--json")
	var deployed struct{ Dir string }
	if err := json.Unmarshal([]byte(text), &deployed); err != nil {
		t.Fatalf("deploy --json: %v\n%s", err, text)
	}
	if !strings.Contains(said, "Runtime python3.13: Workers run JavaScript") {
		t.Errorf("nothing said that no Python runs there:\n%s", said)
	}
	record, err := run.ReadRecord(deployed.Dir)
	if err != nil {
		t.Fatal(err)
	}
	token, err := run.ReadToken(deployed.Dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the account: %v", l.names())
	if stand := l.names(); len(stand) != 3 || !slices.ContainsFunc(stand, func(n string) bool { return n == record.Service+"-f2-0" }) {
		t.Errorf("deployed: %v", stand)
	}
	checkDryRun(t, deployed.Dir)
	checkWorkersOf(t, &cell{lab: l.lab, functions: [variants]run.FunctionRecord(record.Functions), token: token})

	// What was deployed is probed, and removed from another process.
	l.stellar(0, "probe", "-o", "out", deployed.Dir)
	if stand := l.names(); len(stand) != 3 {
		t.Errorf("probed: %v", stand)
	}
	checkWorkerRows(t, filepath.Join(l.lab.dir, "out"), 8)
	l.stellar(0, "remove", deployed.Dir)
	if stand := l.names(); len(stand) > 0 {
		t.Errorf("after: %v", stand)
	}
	l.stellar(0, "remove", deployed.Dir) // twice is no error
}

func checkWorkersOf(t *testing.T, c *cell) {
	var table strings.Builder
	fmt.Fprintf(&table, "| %-8s | %-5s | what a Worker does not tell", "Worker", "")
	for _, check := range workerChecks {
		word := "FAILS"
		if t.Run(check.name, func(t *testing.T) { check.run(t, c) }) {
			word = "pass"
		}
		fmt.Fprintf(&table, "\n| %-8s | %-5s | %s", check.name, word, check.instead)
	}
	t.Logf("\n%s\n| %-8s | %-5s | the platform keeps no log that a probe could read", &table, "log", "none")
}

// checkWorkerRows reads the rows of all runs below a folder: so many, all answered by a Worker of ours, none with a service time.
func checkWorkerRows(t *testing.T, dir string, want int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*", "*", "latencies.csv"))
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		head := strings.Split(strings.TrimSpace(lines[0]), ",")
		for _, line := range lines[1:] {
			rows++
			row := map[string]string{}
			for i, cell := range strings.Split(strings.TrimSpace(line), ",") {
				row[head[i]] = cell
			}
			if row["Status"] != "200" || !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(row["Instance ID"]) || row["Service Time (ms)"] != "" {
				t.Errorf("row %v", row)
			}
		}
	}
	if rows != want {
		t.Errorf("%d rows in %v, want %d", rows, files, want)
	}
}

// raw reads an answer's members as they were sent.
func (c *cell) raw(t *testing.T, variant int, pairs ...string) (all, instance map[string]json.RawMessage) {
	t.Helper()
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		q.Add(pairs[i], pairs[i+1])
	}
	r, err := c.ask(t.Context(), variant, c.token, q, "")
	if err != nil || r.status != http.StatusOK || json.Unmarshal([]byte(r.body), &all) != nil || json.Unmarshal(all["Instance"], &instance) != nil {
		t.Fatalf("%v, %+v", err, r)
	}
	return all, instance
}

func checkWorkerInstance(t *testing.T, c *cell) {
	first, second := c.work(t, plain, ""), c.work(t, plain, "")
	i, again := first.Instance, second.Instance
	if i.Cold == nil || !*i.Cold || i.Invocation != 1 || i.Runtime != "workers" || !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(i.ID) {
		t.Errorf("first request: %+v", i)
	}
	if again.Cold == nil || *again.Cold || again.Invocation != 2 || again.ID != i.ID {
		t.Errorf("second request: %+v, the first was %+v", again, i)
	}
	if first.RequestID == "" || first.RequestID == second.RequestID || len(first.TimestampChain) != 1 {
		t.Errorf("ids %q and %q, chain %v", first.RequestID, second.RequestID, first.TimestampChain)
	}
	if stamp(t, first.TimestampChain[0]).Before(stamp(t, first.ReceivedAt)) {
		t.Errorf("received %s, stamped %s", first.ReceivedAt, first.TimestampChain)
	}
	_, instance := c.raw(t, plain)
	for _, name := range []string{"InitNs", "StartedAt", "MemoryMB", "CPU"} {
		if told, ok := instance[name]; ok {
			t.Errorf("%s is told as %s, which a Worker cannot know", name, told)
		}
	}
}

func checkWorkerSpin(t *testing.T, c *cell) {
	for _, n := range []int{0, 1, 7, 123_457} {
		x := uint64(88172645463325252)
		for range n {
			x ^= x << 13
			x ^= x >> 7
			x ^= x << 17
		}
		all, _ := c.raw(t, plain, "IncrementLimit", strconv.Itoa(n))
		if _, ok := all["SpinNs"]; ok || string(all["Sink"]) != fmt.Sprint(x>>11) || string(all["Increments"]) != strconv.Itoa(n) {
			t.Errorf("%d increments: %s, want sink %d and no SpinNs", n, all, x>>11)
		}
	}
}

// checkWorkerSize compares the record with the size that Wrangler printed, in KiB to two digits: the bytes of all modules.
func checkWorkerSize(t *testing.T, c *cell) {
	for variant, target := range map[int]int64{plain: 0, filled: 2 << 20} {
		f := c.functions[variant]
		if told := fmt.Sprintf("%.2f", float64(f.PackageBytes)/1024); told != f.Endpoint.Detail["uploadKiB"] {
			t.Errorf("%s KiB were packed, Wrangler uploaded %s", told, f.Endpoint.Detail["uploadKiB"])
		}
		if target > 0 && f.PackageBytes != target {
			t.Errorf("%d bytes were packed, %d were asked for", f.PackageBytes, target)
		}
	}
}

// TestCloudflareWhole runs the published experiment from its file to its end, and one of URL kind against a Worker that stands.
func TestCloudflareWhole(t *testing.T) {
	l := newCloudflareLab(t, workersExperiment)
	published, err := filepath.Abs(filepath.Join("experiment", "testdata", "published", "tests__cloudflare__hellopy.json"))
	if err != nil {
		t.Fatal(err)
	}
	l.mu.Lock()
	l.busy = 1 // Cloudflare throttles the first call: Wrangler fails, and is run again
	l.mu.Unlock()
	_, said := l.stellar(0, "-c", published, "-o", "out", "--yes", "-l", "debug")
	if stand := l.names(); len(stand) > 0 {
		t.Errorf("after the run there is still %v", stand)
	}
	if !strings.Contains(said, "wrangler: ") || !strings.Contains(said, "[code: 971]") {
		t.Errorf("no word of the throttling:\n%s", said)
	}
	checkWorkerRows(t, filepath.Join(l.lab.dir, "out"), 16)

	const open = `{"Provider": "cloudflare", "SubExperiments": [{"Title": "open to all", "Public": true, "Bursts": 1},
	 {"Title": "one's own", "Function": "./mine", "Handler": "dist/main.js", "FunctionImageSizeMB": 1, "Bursts": 1}]}`
	ownWorker(t, filepath.Join(l.lab.dir, "mine"))
	if err := os.WriteFile(filepath.Join(l.lab.dir, "exp.json"), []byte(open), 0o644); err != nil {
		t.Fatal(err)
	}
	l.stellar(0, "deploy", "-c", "exp.json", "-o", "stands", "--yes")
	dirs, _ := filepath.Glob(filepath.Join(l.lab.dir, "stands", "*", run.RecordFile))
	if len(dirs) != 1 {
		t.Fatalf("runs %v", dirs)
	}
	record, err := run.ReadRecord(filepath.Dir(dirs[0]))
	if err != nil {
		t.Fatal(err)
	}
	byURL := fmt.Sprintf(`{"Provider": %q, "SubExperiments": [{"Title": "a Worker by its URL", "Bursts": 4, "BurstSizes": [3]}]}`, record.Functions[0].Endpoint.URL)
	if err := os.WriteFile(filepath.Join(l.lab.dir, "url.json"), []byte(byURL), 0o644); err != nil {
		t.Fatal(err)
	}
	l.stellar(0, "-c", "url.json", "-o", "byurl")
	checkWorkerRows(t, filepath.Join(l.lab.dir, "byurl"), 12)
	if r, err := (&cell{functions: [variants]run.FunctionRecord{record.Functions[1]}}).ask(t.Context(), plain, "", url.Values{}, ""); err != nil || r.body != "own, noted" {
		t.Errorf("a Worker of one's own: %+v, %v", r, err)
	}
	if f := record.Functions[1]; f.PackageBytes != 1<<20 || f.Endpoint.Detail["uploadKiB"] != "1024.00" {
		t.Errorf("a Worker of one's own: %d bytes, uploaded %s KiB", f.PackageBytes, f.Endpoint.Detail["uploadKiB"])
	}
	checkCloudflareClean(t, l, filepath.Dir(dirs[0]))
	if stand := l.names(); len(stand) > 0 {
		t.Errorf("after the removal there is still %v", stand)
	}
}

// ownWorker writes a Worker as a user has one: a main module in a folder, modules of other kinds beside it, and what is none.
func ownWorker(t *testing.T, dir string) {
	t.Helper()
	for name, text := range map[string]string{
		"dist/main.js":      "import word from './lib/word.cjs';\nimport note from './note.txt';\nexport default { fetch: () => new Response(`${word}, ${note}`) };\n",
		"dist/lib/word.cjs": "module.exports = 'own';\n", "dist/note.txt": "noted", "dist/main.js.map": "{}", "src/main.ts": "export {};\n", "package.json": "{}",
	} {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// checkCloudflareClean: a run whose folder was deleted keeps its functions until `remove` names it; they are then found by
// their variables, and nothing else is touched.
func checkCloudflareClean(t *testing.T, l *cloudflareLab, dir string) {
	t.Helper()
	l.mu.Lock()
	for name, vars := range map[string]string{"stellar-of-somebody": "", "shop": "another-run"} {
		var other upload
		other.metadata.Bindings = []struct{ Name, Type, Text string }{{"STELLAR_RUN", "plain_text", vars}}
		l.workers[name] = &hosted{upload: other}
	}
	l.mu.Unlock()
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	l.stellar(0, "clean")
	if stand := l.names(); len(stand) != 4 {
		t.Errorf("clean removed functions that are kept, there is %v", stand)
	}
	l.stellar(0, "remove", dir)
	if stand := l.names(); !slices.Equal(stand, []string{"shop", "stellar-of-somebody"}) {
		t.Errorf("after remove there is %v", stand)
	}
	l.mu.Lock()
	delete(l.workers, "shop")
	delete(l.workers, "stellar-of-somebody")
	l.mu.Unlock()
}

// checkDryRun has the pinned Wrangler read the generated folders, without an account and without a network: it takes them without a
// warning, and what it would upload is the package, file by file.
func checkDryRun(t *testing.T, run string) {
	t.Helper()
	folders, _ := filepath.Glob(filepath.Join(run, "serverless", "f*"))
	if len(folders) != variants {
		t.Fatalf("folders %v", folders)
	}
	for _, dir := range folders {
		out := filepath.Join(t.TempDir(), "upload")
		c := exec.Command(filepath.Join(wranglerModules(t), ".bin", "wrangler"), "deploy", "--dry-run", "--outdir", out, "--config", "wrangler.jsonc")
		c.Dir, c.Env = dir, append(os.Environ(), "HOME="+t.TempDir(), "CI=1", "WRANGLER_SEND_METRICS=false", "WRANGLER_HIDE_BANNER=true", "FORCE_COLOR=0")
		said, err := c.CombinedOutput()
		if err != nil || strings.Contains(string(said), "WARNING") {
			t.Errorf("%s: %v\n%s", dir, err, said)
		}
		var config struct{ Main string }
		text, err := os.ReadFile(filepath.Join(dir, "wrangler.jsonc"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(regexp.MustCompile(`(?m)^//.*$`).ReplaceAllString(string(text), "")), &config); err != nil {
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
