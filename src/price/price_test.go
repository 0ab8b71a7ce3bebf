package price

import (
	"encoding/csv"
	"errors"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func embeddedSheet(t *testing.T) *Sheet {
	t.Helper()
	s, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// record reads the cells of one line of the sheet by their columns' names.
type record struct {
	t     *testing.T
	names []string
	cells []string
}

func (r record) text(name string) string { return r.cells[slices.Index(r.names, name)] }

func (r record) number(name string) float64 {
	v, err := strconv.ParseFloat(r.text(name), 64)
	if err != nil {
		r.t.Fatalf("%s of %v: %v", name, r.cells, err)
	}
	return v
}

func (r record) duration(name string) time.Duration {
	if v := r.number(name); v >= 0 {
		return time.Duration(v) * time.Microsecond
	}
	return None
}

func (r record) function() Function {
	return Function{Provider: r.text("provider"), Region: r.text("region"), Architecture: r.text("architecture"),
		MemoryMB: int(r.number("memory_mb")), CPUs: r.number("cpus"), Entry: r.text("entry"),
		SnapStart: r.text("snapstart") == "true", Java: r.text("java") == "true",
		EphemeralMB: int(r.number("ephemeral_mb"))}
}

func (r record) usage() Usage {
	return Usage{Duration: r.duration("duration_us"), Billed: r.duration("billed_us"), Init: r.duration("init_us"),
		Restore: r.duration("restore_us"), CPU: r.duration("cpu_us"), MaxMemoryMB: int(r.number("max_memory_mb")),
		Bytes: int64(r.number("bytes"))}
}

// TestSheet prices 1000 reports of all providers. The sheet is made by sheet.py from the published rules and prices,
// with decimal arithmetic.
func TestSheet(t *testing.T) {
	f, err := os.Open("testdata/sheet.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil || len(lines) != 1001 {
		t.Fatalf("%d lines, error %v", len(lines), err)
	}
	s := embeddedSheet(t)
	seen := map[string]int{}
	for i, cells := range lines[1:] {
		r := record{t, lines[0], cells}
		tariff, err := s.Tariff(r.function())
		if err != nil {
			t.Errorf("line %d: %v", i+2, err)
			continue
		}
		got, err := tariff.Charge(r.usage())
		if want := r.number("usd"); err != nil || math.Abs(got-want) > 1e-9 || got <= 0 {
			t.Errorf("line %d: %v\n%.15f USD, error %v; want %.15f", i+2, cells, got, err, want)
		}
		seen[r.text("provider")]++
	}
	for _, provider := range []string{"aws", "gcr", "google", "azure", "cloudflare", "aliyun"} {
		if seen[provider] < 50 {
			t.Errorf("%d reports of %s", seen[provider], provider)
		}
	}
}

func TestMissingPricesAreNotZero(t *testing.T) {
	s := embeddedSheet(t)
	for _, c := range []struct {
		f    Function
		want string
	}{
		{Function{Provider: "local"}, "there are no prices for provider local"},
		{Function{Provider: "vhive"}, "there are no prices for provider vhive"},
		{Function{Provider: "aws", Architecture: "amd64"}, `depend on the region: name it with "Region"`},
		{Function{Provider: "aws", Region: "mars-1", Architecture: "amd64"},
			"there is no price for request (amd64) in mars-1 of aws: --prices FILE"},
		{Function{Provider: "aws", Region: "eu-central-1"},
			"no price for duration in eu-central-1 of aws: the function's architecture is not known"},
		{Function{Provider: "aws", Region: "eu-north-1", Architecture: "amd64", Entry: EntryHTTPAPI},
			"no price for http-api (amd64) in eu-north-1"},
		{Function{Provider: "aws", Region: "eu-west-1", Architecture: "arm64", SnapStart: true}, "snapstart-cache"},
		{Function{Provider: "azure", Region: "westeurope", Architecture: "amd64"}, "no price for request"},
	} {
		_, err := s.Tariff(c.f)
		var missing *MissingError
		if !errors.As(err, &missing) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: error %v; want %q", c.f, err, c.want)
		}
	}
}

func TestUnknownUsageIsNotZero(t *testing.T) {
	s := embeddedSheet(t)
	aws := Function{Provider: "aws", Region: "us-east-1", Architecture: "amd64", MemoryMB: 128}
	run := Function{Provider: "gcr", Region: "us-central1", Architecture: "amd64", MemoryMB: 512, CPUs: 1}
	shared, noCPU, noMemory := run, run, aws
	shared.Concurrency, noCPU.CPUs, noMemory.MemoryMB = 80, 0, 0
	known := Idle()
	known.Duration = time.Second
	for _, c := range []struct {
		f    Function
		u    Usage
		want string
	}{
		{aws, Idle(), "the duration"},
		{noMemory, known, "the function's memory"},
		{run, Idle(), "the duration"},
		{shared, known, "share its instance"},
		{noCPU, known, "vCPUs"},
		{Function{Provider: "azure", Region: "eastus"}, known, "the memory in use"},
		{Function{Provider: "cloudflare"}, known, "processor time"},
		{Function{Provider: "aliyun", MemoryMB: 512}, known, "vCPUs"},
	} {
		tariff, err := s.Tariff(c.f)
		if err != nil {
			t.Fatal(err)
		}
		usd, err := tariff.Charge(c.u)
		var unknown *UnknownError
		if !math.IsNaN(usd) || !errors.As(err, &unknown) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v USD, error %v; want %q", c.f, usd, err, c.want)
		}
	}
}

// TestWorkersReport: what Workers report as billed is their processor time.
func TestWorkersReport(t *testing.T) {
	tariff, err := embeddedSheet(t).Tariff(Function{Provider: "cloudflare"})
	if err != nil {
		t.Fatal(err)
	}
	u := Idle()
	u.Duration, u.Billed = time.Second, 7*time.Millisecond
	if got, err := tariff.Charge(u); err != nil || math.Abs(got-(0.3+7*0.02)/1e6) > 1e-15 {
		t.Errorf("%v USD, error %v", got, err)
	}
}

// TestStanding: a snapshot costs from its first moment on, three hours at least.
func TestStanding(t *testing.T) {
	s := embeddedSheet(t)
	f := Function{Provider: "aws", Region: "us-east-1", Architecture: "amd64", MemoryMB: 1024, SnapStart: true}
	java, plain := f, f
	java.Java, plain.SnapStart = true, false
	for _, c := range []struct {
		f    Function
		for_ time.Duration
		want float64
	}{
		{f, time.Minute, 10_800 * 0.0000015046}, {f, 4 * time.Hour, 14_400 * 0.0000015046},
		{java, time.Hour, 0}, {plain, time.Hour, 0}, {Function{Provider: "cloudflare"}, time.Hour, 0},
	} {
		tariff, err := s.Tariff(c.f)
		if err != nil {
			t.Fatal(err)
		}
		if got := tariff.Standing(c.for_); math.Abs(got-c.want) > 1e-12 {
			t.Errorf("%+v for %v: %v; want %v", c.f, c.for_, got, c.want)
		}
	}
}

const header = "provider,region,architecture,item,unit,usd,source,date\n"

func TestBadFiles(t *testing.T) {
	good := "aws,r,*,request,1M requests,0.2,https://example.com,2026-01-02\n"
	for text, want := range map[string]string{
		"":                               "p.csv:1: there is no price in it",
		"a,b\n":                          `p.csv:1: the columns are "a,b"`,
		header:                           "p.csv:1: there is no price in it",
		header + good + "aws,r\n":        "p.csv:3: found 2 cells; want 8",
		"# note\n" + header + "x" + good: `p.csv:3: provider "xaws" has no rule of billing; those with one are ali`,
		header + strings.Replace(good, "request,", "rent,", 1):   `p.csv:2: aws does not bill "rent"`,
		header + strings.Replace(good, "1M ", "", 1):             `p.csv:2: the unit of request is "requests"`,
		header + strings.Replace(good, "0.2", "-1", 1):           `p.csv:2: usd "-1" is no amount`,
		header + strings.Replace(good, "0.2", "NaN", 1):          `p.csv:2: usd "NaN" is no amount`,
		header + strings.Replace(good, "0.2", "", 1):             "p.csv:2: usd is empty",
		header + strings.Replace(good, "2026-01-02", "today", 1): `p.csv:2: date "today"; want yyyy-mm-dd`,
		header + strings.Replace(good, "*", "mips", 1):           `p.csv:2: architecture "mips"`,
		header + good + "\n" + good:                              "p.csv:4: request of aws in r has a price already",
		header + "\"aws\n":                                       "p.csv:2: extraneous or missing",
	} {
		if _, err := Read(strings.NewReader(text), "p.csv"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v; want %q", text, err, want)
		}
	}
	if _, err := ReadFile("testdata/none.csv"); err == nil || !strings.Contains(err.Error(), "none.csv") {
		t.Errorf("error %v", err)
	}
}

// TestWrite: what is written reads back to the same prices, so that a run's folder keeps them.
func TestWrite(t *testing.T) {
	var text strings.Builder
	all := embeddedSheet(t)
	if err := all.For("gcr").Write(&text); err != nil {
		t.Fatal(err)
	}
	again, err := Read(strings.NewReader(text.String()), "again")
	if err != nil || again.Len() != 5 || all.Len() <= 5 {
		t.Fatalf("%d of %d prices, error %v:\n%s", again.Len(), all.Len(), err, text.String())
	}
	tariff, err := again.Tariff(Function{Provider: "gcr", Region: "us-west2", Architecture: "arm64"})
	if err != nil || tariff.usd[itemVCPU] != 0.0000336 || math.Abs(tariff.usd[itemRequest]-0.0000004) > 1e-18 ||
		tariff.Dates() != "2026-11-28" {
		t.Errorf("tariff %+v, error %v", tariff, err)
	}
}

// TestOwnPrice: the price of a region comes before that of all.
func TestOwnPrice(t *testing.T) {
	s, err := Read(strings.NewReader(header+
		"local,*,*,request,1M requests,1,https://example.com,2026-01-02\n"+
		"local,here,*,request,1M requests,2,https://example.com,2026-01-03\n"+
		"local,*,*,duration,GB-s,3,https://example.com,2026-01-02\n"+
		"local,*,arm64,duration,GB-s,4,https://example.com,2026-01-02\n"), "p.csv")
	if err != nil {
		t.Fatal(err)
	}
	u := Idle()
	u.Billed = time.Second
	for f, want := range map[Function]float64{
		{Provider: "local", Architecture: "amd64", MemoryMB: 1024}:                 3.000001,
		{Provider: "local", Architecture: "arm64", MemoryMB: 1024, Region: "here"}: 4.000002,
	} {
		tariff, err := s.Tariff(f)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := tariff.Charge(u); err != nil || math.Abs(got-want) > 1e-12 {
			t.Errorf("%+v: %v, error %v; want %v", f, got, err, want)
		}
	}
}
