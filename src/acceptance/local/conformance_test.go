package local_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/conformance"
	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// The measurement function in every language, deployed by the tool itself to the local platform as every kind of
// package, answers every check of the conformance suite. A language is a row of runtimes, a kind of package a row of
// kinds.

// baseImage is made by scripts/base-image.sh from Debian packages: a plain base with every interpreter.
const baseImage = "stellar-base:debian"

type runtimeRow struct {
	id      string // as the experiment file says
	says    string // what Instance.Runtime begins with
	base    string // image that a generated Dockerfile starts from; empty: scratch
	imageMB int    // an image size that leaves room for filler, 0: the base is as large as it is
}

func runtimes() []runtimeRow {
	return []runtimeRow{
		{"go", "go1.", "", 12},
		{"python3.13", "python3.", baseImage, 0},
		{"nodejs22.x", "node", baseImage, 0},
		{"java21", "java", baseImage, 0},
		{"ruby3.4", "ruby", baseImage, 0},
		{"rust", "rust", "", 12},
	}
}

type kindRow struct {
	name, keys     string
	contract       string // of an image
	zip, ownNumber bool   // the function numbers its requests itself
}

func kinds() []kindRow {
	return []kindRow{
		{name: "ZIP", keys: `"PackageType": "Zip"`, contract: "runtime-api", zip: true},
		{name: "image, Runtime API", keys: `"PackageType": "Image"`, contract: "runtime-api"},
		{name: "image, $PORT", keys: `"PackageType": "Image"`, contract: "http", ownNumber: true},
	}
}

const zipMB = 9

// filledMB is the size of the package with filler, in MiB; 0: none is asked for.
func filledMB(rt runtimeRow, kind kindRow) int {
	if kind.zip {
		return zipMB
	}
	return rt.imageMB
}

func TestConformance(t *testing.T) {
	t.Parallel()
	l := lab.New(t, conformanceExperiment())
	deployed := l.Deploy()
	defer l.Output("remove", deployed.Dir)
	passed := map[string]bool{}
	for r, rt := range runtimes() {
		for k, kind := range kinds() {
			f := &conformance.Target{Token: deployed.Token, Says: rt.says, Image: !kind.zip, OwnIDs: kind.ownNumber,
				Bytes: int64(filledMB(rt, kind)) << 20,
				Log:   func(function string) string { return l.Output("local", "logs", "-f", function) }}
			for v := range conformance.Variants {
				number := (r*len(kinds())+k)*conformance.Variants + v
				at := slices.IndexFunc(
					deployed.Record.Functions,
					func(f run.FunctionRecord) bool { return f.SubExperiment == number },
				)
				if at < 0 {
					t.Fatalf("%s %s was not deployed", rt.id, kind.name)
				}
				f.Functions[v] = deployed.Record.Functions[at]
			}
			cell := rt.id + "/" + kind.name
			for _, c := range conformance.Checks() {
				passed[cell+"/"+c.Name] = t.Run(cell+"/"+c.Name, func(t *testing.T) { c.Run(t, f) })
			}
		}
	}
	t.Log("\n" + conformanceTable(passed))
}

// conformanceTable is language × package kind × check; the test command prints it.
func conformanceTable(passed map[string]bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| %-11s | %-18s |", "language", "package")
	for _, c := range conformance.Checks() {
		fmt.Fprintf(&b, " %s |", c.Name)
	}
	for _, rt := range runtimes() {
		for _, k := range kinds() {
			fmt.Fprintf(&b, "\n| %-11s | %-18s |", rt.id, k.name)
			for _, c := range conformance.Checks() {
				word := "FAILS"
				if passed[rt.id+"/"+k.name+"/"+c.Name] {
					word = "pass"
				}
				fmt.Fprintf(&b, " %-*s |", len(c.Name), word)
			}
		}
	}
	return b.String()
}

func conformanceExperiment() string {
	var subs []string
	for _, rt := range runtimes() {
		for _, kind := range kinds() {
			base := ""
			if !kind.zip && rt.base != "" {
				base = fmt.Sprintf(`"BaseImage": %q, `, rt.base)
			}
			sub := func(more, platform string) string {
				return fmt.Sprintf(`{"Title": "%s %s", "Runtime": %q, %s, %s%s"Bursts": 1, "FunctionMemoryMB": 512,
				 "FunctionTimeoutSeconds": 60, "Platform": {"ImageContract": %q%s}}`,
					rt.id, kind.name, rt.id, kind.keys, base, more, kind.contract, platform)
			}
			subs = append(subs, sub("", ""), sub("", `, "Concurrency": 8, "Queueing": "shared", "MaxInstances": 1`),
				sub(fmt.Sprintf(`"FunctionImageSizeMB": %d, "FillerRead": true, `, filledMB(rt, kind)), ""))
		}
	}
	return `{"Provider": "local", "Seed": 7, "SubExperiments": [` + strings.Join(subs, ",\n") + `]}`
}
