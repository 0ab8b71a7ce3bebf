package app

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/archive"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// citationFile is the name that the Citation File Format prescribes.
const citationFile = "CITATION.cff"

// citation is a file of the Citation File Format 1.2.0 (citation-file-format.github.io) for a run as a data set. Every
// string is in quotation marks of JSON, which YAML reads, too.
func citation(rec *run.Record, authors []string) []byte {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	q := strconv.QuoteToASCII
	line("cff-version: 1.2.0")
	line("type: dataset")
	line(`message: "If you use these measurements, please cite them and the tool that made them."`)
	line("title: %s", q(fmt.Sprintf("Measurements of %s with stellar, run %s", rec.Experiment.Provider, rec.ID)))
	line("authors:")
	for _, a := range authors {
		at := strings.LastIndexByte(a, ' ')
		if at < 0 {
			line("  - name: %s", q(a))
			continue
		}
		line("  - given-names: %s\n    family-names: %s", q(strings.TrimSpace(a[:at])), q(a[at+1:]))
	}
	if len(authors) == 0 {
		line("  - name: %s", q("The author of run "+rec.ID))
	}
	line("date-released: %s", rec.Started.UTC().Format("2006-01-02"))
	line("version: %s", q(rec.ID))
	line("keywords:\n  - serverless\n  - benchmark\n  - latency")
	line("references:")
	line("  - type: software\n    title: stellar\n    version: %s", q(rec.Version))
	line("    authors:\n      - name: The STeLLAR authors")
	line("    repository-code: https://github.com/vhive-serverless/STeLLAR")
	return []byte(b.String())
}

// readme says what is in an archive.
func readme(rec *run.Record) []byte {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("Run %s of stellar %s, seed %d.", rec.ID, rec.Version, rec.Seed)
	line("")
	line("%-12s the run's folder: rows, statistics, plots, report.html, run.json", archive.RunDir+"/")
	line("%-12s %s and the files that it names: what the run needs to be run again", archive.InputDir+"/",
		archive.Experiment)
	line("%-12s how to cite it", citationFile)
	line("%-12s checksums of all files: sha256sum -c %s", archive.SumsFile, archive.SumsFile)
	line("")
	line("stellar report FILE%s     its page and tables", archive.Extension)
	line("stellar -c FILE%s         runs it again, and compares both runs", archive.Extension)
	names := map[string]bool{}
	for i := range rec.Experiment.SubExperiments {
		s := &rec.Experiment.SubExperiments[i]
		for _, v := range append(s.RequestVariables(), s.EnvironmentVariables()...) {
			if !names[v.Name] {
				line("It needs the environment variable %s, whose value is not in this archive.", v.Name)
			}
			names[v.Name] = true
		}
	}
	return []byte(b.String())
}
