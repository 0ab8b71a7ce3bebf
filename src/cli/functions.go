package cli

import (
	"fmt"
	"io"

	"github.com/vhive-serverless/STeLLAR/src/app"
)

// printFunctions writes the list as lines.
func printFunctions(w io.Writer, list []app.ExistingFunction) {
	if len(list) == 0 {
		fmt.Fprintln(w, "no functions are deployed")
	}
	for _, f := range list {
		from := f.Run
		if from == "" {
			from = "service " + f.Service
		}
		if f.Moved {
			from += ", which was moved or deleted"
		}
		fmt.Fprintf(w, "%-8s %-12s %5d MB  %-8s %s  (%s)\n", f.Function, f.Runtime, f.MemoryMB, f.Status, f.URL, from)
	}
}
