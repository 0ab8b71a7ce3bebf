package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/app"
)

// printWritten says what to type to deploy from the folder that `plan --write` made, and to remove again.
func printWritten(w io.Writer, d *app.Written) {
	if d.Instructions != "" {
		fmt.Fprint(w, d.Instructions)
		return
	}
	fmt.Fprintf(w, "%s is ready to deploy. By hand:\n", d.Dir)
	if d.Local {
		fmt.Fprintln(w, "  stellar local start")
	}
	for _, u := range d.Units {
		fmt.Fprintf(w, "  (%s)\n", strings.Join(u.Deploy, " && "))
	}
	fmt.Fprintf(w, "  curl -H \"X-Stellar-Token: $(cat %s)\" <endpoint>\nIn the end:\n", d.Token)
	for _, u := range d.Units {
		fmt.Fprintf(w, "  (%s)\n", strings.Join(u.Remove, "; "))
	}
	if d.Images != "" {
		fmt.Fprintf(w, "  stellar remove %s   # the images\n", d.Images)
	}
}
