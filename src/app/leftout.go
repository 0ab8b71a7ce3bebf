package app

import (
	"fmt"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// LeftOut is something in a history's folder that is not in the history.
type LeftOut struct {
	Path string `json:"path"` // in the folder
	Kind string `json:"kind"` // of another experiment, not readable, …: what several have in common
	Why  string `json:"why"`
	// what differs from the others of its kind, in a few words; empty: nothing
	Short string `json:"-"`
}

// Kinds of what is left out, as they follow a number.
const (
	leftOther    = "of another experiment"
	leftUnread   = "not readable"
	leftEmpty    = "without an experiment or a start in its record"
	leftRunning  = "still running"
	leftDeployed = "only deployed"
	leftTwice    = "here twice"
)

// otherExperiment says why a run is not of the experiment of another one.
func otherExperiment(p, of past) LeftOut {
	const most = 3
	unlike := p.essence.Unlike(of.essence)
	short := unlike[0]
	if n := len(unlike) - 1; n > 0 {
		short += fmt.Sprintf("; and %d more", n)
	}
	if n := len(unlike) - most; n > 1 {
		unlike = append(unlike[:most:most], fmt.Sprintf("and %d more", n))
	}
	return LeftOut{Path: p.path, Kind: leftOther, Short: short,
		Why: "another experiment than that of " + of.ID + ": " + strings.Join(unlike, "; ")}
}

// noRuns is the error of a folder without a run that can be followed. It says why those are left out that are there.
func noRuns(dir string, leftOut []LeftOut) error {
	if len(leftOut) == 0 {
		return fail.Input("%s has no runs in it", dir).
			WithHint("name the folder that runs' folders are in, such as latency-samples")
	}
	const most = 10
	text := dir + " has no run that can be followed:"
	for _, l := range leftOut[:min(most, len(leftOut))] {
		text += fmt.Sprintf("\n%s: %s", l.Path, l.Why)
	}
	if n := len(leftOut) - most; n > 0 {
		text += fmt.Sprintf("\nand %d more", n)
	}
	return fail.Input("%s", text)
}
