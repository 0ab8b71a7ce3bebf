// Package page writes report.html: one file with everything that a run showed, which opens without a network.
//
// The page takes plain data. It carries its style, its script and its numbers, and a content security policy that
// forbids every request. Charts are drawn in the browser as SVG; what they draw is aggregated here, so that the file
// stays under MaxBytes however many requests were measured.
package page

import (
	"io"

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

// Write writes the page. The error is the writer's.
func (p Page) Write(w io.Writer) error {
	view := newView(p)
	return write(w, pageHTML, []string{chartJS, kindsJS, timeJS, pageJS}, newCharts(p), &view.frame, &view)
}
