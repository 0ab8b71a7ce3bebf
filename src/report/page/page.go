// Package page writes report.html: one file with everything that a run showed, which opens without a network.
//
// The page takes plain data. It carries its style, its script and its numbers, and a content security policy that
// forbids every request. Charts are drawn in the browser as SVG; what they draw is aggregated here, so that the file
// stays under MaxBytes however many requests were measured.
package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// File is the name of the page in a run's folder.
const File = "report.html"

// MaxBytes is the size that a page stays under.
const MaxBytes = 2_000_000

// Page is one or several runs.
type Page struct {
	Version string // of stellar, which writes the page
	Runs    []Run
}

// Run is what is known of one run. Only Name and Subs must be there: files of the original STeLLAR have nothing else.
type Run struct {
	Name       string // its id
	Status     string
	StatusText string // what is shown of it; empty: Status
	Error      string // what ended it or kept it from a full success
	Folder     string // from the page's folder to the run's, with slashes; empty: the page lies in it
	Facts      []Fact // what was asked, and with what
	Warnings   []string
	Again      []Command
	// the experiment as it was run, as JSON
	Experiment  string
	Stages      []Stage
	Functions   []Function
	Files       []string // names of files in Folder that are worth a link
	Subs        []Sub
	Comparisons []Comparison
}

// Fact is a line of what was asked.
type Fact struct{ Name, Value string }

// Command is a command line, and what it does.
type Command struct{ What, Line string }

// Stage is a part of a run.
type Stage struct {
	Name    string
	Seconds float64
	Note    string // why it was skipped, or how it failed
}

// Function is a function as deployed.
type Function struct {
	Name, Runtime, Package string
	MemoryMB               int
	PackageBytes           int64
	URL                    string
}

// Comparison is a comparison and what it says in sentences.
type Comparison struct {
	analyze.Comparison
	Sentences []string
}

// Sub is one sub-experiment.
type Sub struct {
	Stats      analyze.Summary
	Folder     string // of its files, within the run's; empty: unknown
	Files      []string
	Thresholds []analyze.Checked
	Warnings   []string
	Bursts     []analyze.BurstGroup
	Levels     []analyze.Level
}

const (
	mostBursts = 200 // bars of a chart
	mostLevels = 300 // parts of the time that instances are counted over
)

// NewSub takes from a summary what its light form (analyze.Summary.Light) lets go of.
func NewSub(s analyze.Summary) Sub {
	sub := Sub{Stats: s.Light(), Levels: analyze.Levels(s.Instances.Lives, mostLevels), Warnings: analyze.Advice(s)}
	if s.Timeline == nil || !s.Timeline.Sustained {
		sub.Bursts = s.Bursts.Grouped(mostBursts)
	}
	return sub
}

var (
	//go:embed assets/page.html
	pageHTML string
	//go:embed assets/page.css
	pageCSS string
	//go:embed assets/chart.js
	chartJS string
	//go:embed assets/kinds.js
	kindsJS string
	//go:embed assets/time.js
	timeJS string
	//go:embed assets/page.js
	pageJS string
)

// Write writes the page. The error is the writer's.
func (p Page) Write(w io.Writer) error {
	charts, err := json.Marshal(newCharts(p)) // escapes <, > and &
	if err != nil {
		return fmt.Errorf("the page's charts: %w", err)
	}
	script := `(() => {"use strict";` + "\n" + chartJS + kindsJS + timeJS + pageJS + "})();\n"
	view := newView(p)
	view.Style, view.Script, view.Charts = template.CSS(pageCSS), template.JS(script), template.JS(charts)
	view.Policy = policy(pageCSS, script)
	shown, err := template.New(File).Funcs(template.FuncMap{"lines": lines}).Parse(pageHTML)
	if err != nil {
		return fmt.Errorf("the page's template: %w", err)
	}
	var out bytes.Buffer
	if err := shown.Execute(&out, view); err != nil {
		return fmt.Errorf("the page: %w", err)
	}
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// policy is the content security policy: the page's own style and script run, by their hashes, and nothing is fetched
// (https://www.w3.org/TR/CSP3/).
func policy(style, script string) string {
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src " + hash(style) +
		"; script-src " + hash(script)
}

func lines(text string) []string { return strings.Split(text, "\n") }
