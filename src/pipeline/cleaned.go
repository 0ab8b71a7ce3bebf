package pipeline

import (
	"fmt"
	"io"
)

// Cleaned is what `stellar clean` did.
type Cleaned struct {
	Removed []string `json:"removed"` // runs, and units that were found by their tags
	Live    []string `json:"live"`    // runs that are going on
	Kept    []string `json:"kept"`    // runs whose functions were kept on purpose
	Moved   []string `json:"moved"`   // likewise, and their folder is no longer there
	Gone    []string `json:"gone"`    // runs whose folder, and journal, is no longer there
	Foreign []string `json:"foreign"` // what is in the index of runs and is none, and why
	Unseen  []string `json:"unseen"`  // providers that were not asked for what has expired, and why

	failed bool // something could not be removed: the error says what
}

func newCleaned() *Cleaned {
	return &Cleaned{Removed: []string{}, Live: []string{}, Kept: []string{}, Moved: []string{}, Gone: []string{}, Foreign: []string{}, Unseen: []string{}}
}

// Print says it in words.
func (c *Cleaned) Print(w io.Writer) {
	for _, d := range c.Removed {
		fmt.Fprintf(w, "cleaned %s\n", d)
	}
	for _, d := range c.Live {
		fmt.Fprintf(w, "left alone, still going on: %s\n", d)
	}
	for _, d := range c.Kept {
		fmt.Fprintf(w, "left alone, kept on purpose: %s (`stellar remove %s` removes it)\n", d, d)
	}
	for _, d := range c.Moved {
		fmt.Fprintf(w, "left alone, kept on purpose, its folder was moved or deleted: %s (`stellar remove` with the folder's new place, or "+
			"with this one if it was deleted, removes it)\n", d)
	}
	for _, d := range c.Gone {
		fmt.Fprintf(w, "cleaned by its name, its folder was deleted: %s\n", d)
	}
	for _, f := range c.Foreign {
		fmt.Fprintf(w, "left alone, no run's entry: %s\n", f)
	}
	for _, p := range c.Unseen {
		fmt.Fprintf(w, "not asked for what has expired: %s\n", p)
	}
	if !c.failed && len(c.Removed)+len(c.Gone) == 0 {
		fmt.Fprintln(w, "nothing to do")
	}
}
