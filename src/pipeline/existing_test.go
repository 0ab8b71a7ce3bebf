package pipeline

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// shop stands in for the account of functions that exist. What it is asked is written down.
type shop struct {
	provider.Existing
	t     *testing.T
	r     *run.Run
	asked []string
}

func (s *shop) Original(_ context.Context, e provider.Endpoint, run string) (map[string]string, error) {
	s.asked = append(s.asked, "original "+e.Detail[provider.DetailName])
	return map[string]string{"by": run}, nil
}

func (s *shop) Change(_ context.Context, e provider.Endpoint, was map[string]string, want provider.Wanted) error {
	if was["by"] != s.r.ID || len(configured(s.t, s.r)) == 0 {
		s.t.Errorf("a change before the journal has %v: %v", was, configured(s.t, s.r))
	}
	s.asked = append(s.asked, fmt.Sprint(e.Detail[provider.DetailName], " ", want.MemoryMB, want.Env))
	return nil
}

const shopFile = `{"Provider": "aws", "SubExperiments": [
	{"Title": "a", "Bursts": 1, "Function": "arn:aws:lambda:r:1:function:search"},
	{"Title": "b", "Bursts": 1, "Runtime": "go"},
	{"Title": "c", "Bursts": 1, "Function": "stack:shop/Search", "FunctionMemoryMB": 512,
		"Environment": {"KEY": "${env:HOME}"}},
	{"Title": "d", "Bursts": 1, "Function": "stack:shop/Search", "FunctionMemoryMB": 512,
		"Environment": {"KEY": "${env:HOME}"}, "ColdStart": "force"},
	{"Title": "e", "Bursts": 1, "Function": "arn:aws:lambda:r:1:function:search"},
	{"Title": "f", "Bursts": 1, "Function": "arn:aws:lambda:r:1:function:pay"}]}`

// shopRun is a run of shopFile whose existing functions were looked up.
func shopRun(t *testing.T, file string) (*Job, *run.Run) {
	t.Helper()
	j, r := testJob(t, file)
	for _, f := range r.Functions {
		name := "search"
		if strings.HasSuffix(f.Existing, ":pay") {
			name = "pay"
		}
		if f.Existing == "" {
			continue
		}
		provider.Found{Endpoint: provider.Endpoint{URL: "https://h/" + name, MemoryMB: 128,
			Detail: map[string]string{provider.DetailName: name, provider.DetailRegion: "r",
				provider.DetailExisting: f.Existing}}}.Apply(f)
	}
	return j, r
}

// TestExistingInTheJournalFirst: the configuration of a function is in the journal once, before its first change; each
// sub-experiment gets the configuration that it wants, and a function that nobody changes is left alone.
func TestExistingInTheJournalFirst(t *testing.T) {
	j, r := shopRun(t, shopFile)
	s := &shop{t: t, r: r}
	x := &existingFunctions{job: j, conn: s, at: map[string]*existingFunction{}}
	for sub := range r.Experiment.SubExperiments {
		if err := x.configure(t.Context(), r, sub); err != nil {
			t.Fatal(err)
		}
	}
	home := j.Getenv("HOME")
	want := "original search|search 512 map[KEY:" + home + "]|search 0 map[]"
	if got := strings.Join(s.asked, "|"); got != want {
		t.Errorf("asked %s, want %s", got, want)
	}
	all := configured(t, r)
	if len(all) != 1 || strings.Contains(all[0], home) {
		t.Fatalf("the journal has %q", all)
	}
	res := r.Journal.Pending()[0]
	if own, err := ownConfiguration(r, res); err != nil || own.Name != "search" {
		t.Errorf("%+v: %v", own, err)
	}
	for what, change := range map[string]func(*run.Resource){
		"another run":      func(res *run.Resource) { res.Attrs[attrRun] = "20261128T090000Z-aws-efgh" },
		"another provider": func(res *run.Resource) { res.Attrs["provider"] = "azure" },
		"another name":     func(res *run.Resource) { res.Name = "pay" },
	} {
		other := run.Resource{Name: res.Name, Attrs: map[string]string{}}
		for key, value := range res.Attrs {
			other.Attrs[key] = value
		}
		if change(&other); other.Attrs["provider"] == "" {
			t.Fatal("the journal names no provider")
		}
		if _, err := ownConfiguration(r, other); err == nil {
			t.Errorf("%s: its entry is taken for the run's", what)
		}
	}
}

// TestExistingInTurn: sub-experiments of one function are measured one after the other, all others side by side.
func TestExistingInTurn(t *testing.T) {
	for sequential, want := range map[string]string{"false": "[[0 2 3 4] [1] [5]]",
		"true": "[[0] [1] [2] [3] [4] [5]]"} {
		file := strings.Replace(shopFile, `{"Provider"`, `{"Sequential": `+sequential+`, "Provider"`, 1)
		_, r := shopRun(t, file)
		if got := fmt.Sprint(groups(r, []int{0, 1, 2, 3, 4, 5})); got != want {
			t.Errorf("sequential %s: %s, want %s", sequential, got, want)
		}
		if n := len(r.Making().Functions); n != 1 || len(r.Unplaced()) != 1 {
			t.Errorf("%d functions are made, %d deployed", n, len(r.Unplaced()))
		}
	}
}
