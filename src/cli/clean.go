package cli

import (
	"fmt"
	"io"

	"github.com/vhive-serverless/STeLLAR/src/app"
)

// printCleaned says what was done.
func printCleaned(w io.Writer, c *app.Cleaned) {
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
		fmt.Fprintf(w, "left alone, kept on purpose, its folder was moved or deleted: %s (`stellar remove` with the "+
			"folder's new place, or with this one if it was deleted, removes it)\n", d)
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
	if !c.Failed && len(c.Removed)+len(c.Gone) == 0 {
		fmt.Fprintln(w, "nothing to do")
	}
}
