package extension_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
)

// toyProvider is a provider: its package, its row in the list.
func toyProvider() addition {
	return addition{
		files: map[string]string{"src/provider/toy/toy.go": "provider/toy.go"},
		edits: []edit{
			{"src/provider/vendors/vendors.go", "\t\"github.com/vhive-serverless/STeLLAR/src/provider/local\"\n",
				"\t\"github.com/vhive-serverless/STeLLAR/src/provider/toy\"\n"},
			{"src/provider/vendors/vendors.go", "\t\tknative.Provider(),\n", "\t\ttoy.Provider(),\n"},
		},
	}
}

// TestAddingAProvider holds that a provider is added in two places, and is listed with its limits, its program and what
// is missing of it, like the others. An experiment file may name it: the file is checked against its limits, and
// planned with its commands.
func TestAddingAProvider(t *testing.T) {
	toy := toyProvider()
	if n := len(toy.packages()); n > 2 {
		t.Errorf("the provider touches %d packages: %v", n, toy.packages())
	}
	l := lab.New(t, "{}")
	l.Bin = toy.build(t)

	text := l.Output("providers")
	for _, want := range []string{"toyctl deploy", "nothing else", "no toyctl", "toyctl is not on the PATH",
		"→ buy a toy",
		"memory 64 to 256 MB; timeout 60 s"} {
		if !strings.Contains(text, want) {
			t.Errorf("providers says nothing of %q:\n%s", want, text)
		}
	}
	l.Write("large.json", `{"Provider": "toy", "SubExperiments": [{"Bursts": 1, "FunctionMemoryMB": 512}]}`)
	if _, stderr := l.Stellar(2, "validate", "-c", "large.json"); !strings.Contains(stderr,
		"SubExperiments[0].FunctionMemoryMB: toy: FunctionMemoryMB 512, from 64 to 256") {
		t.Errorf("validate says\n%s", stderr)
	}
	l.Write("small.json", `{"Provider": "toy", "Seed": 1, "SubExperiments": [{"Bursts": 1}]}`)
	if plan := l.Output("plan", "-c", "small.json"); !strings.Contains(plan, "provider toy: toyctl deploy") ||
		!strings.Contains(plan, "toyctl delete stellar-") {
		t.Errorf("the plan says\n%s", plan)
	}
	if schema := l.Output("schema"); !strings.Contains(schema, `"toy"`) {
		t.Errorf("the schema does not have the provider:\n%s", schema)
	}
	bin := filepath.Join(l.Dir, "toys")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "toyctl"), []byte("#!/bin/sh\necho toyctl 1.2.3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	type row struct {
		Name    string
		Tools   []struct{ Name, Version string }
		Missing []struct{ What string }
	}
	var all []row
	if err := json.Unmarshal([]byte(l.Output("providers", "--json")), &all); err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(r row) bool { return r.Name == "toy" })
	if i < 0 || len(all[i].Tools) != 1 || all[i].Tools[0].Version != "1.2.3" || len(all[i].Missing) != 0 {
		t.Errorf("with toyctl: %+v", all)
	}
}
