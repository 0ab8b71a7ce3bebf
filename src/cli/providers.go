package cli

import (
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"text/tabwriter"

	"stellar/src/app"
	"stellar/src/provider"
)

// printProviders writes the table, and below it what is missing.
func printProviders(w io.Writer, all []app.ProviderStatus) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "provider\tdeploys with\tpackages\tcan also\ttools here\tcredentials\tgoes to\t")
	for _, s := range all {
		if s.Deploys == "" {
			fmt.Fprintf(tw, "%s\t–\t\t%s\t\t\t\t\n", s.Name, strings.Join(s.Can, ", "))
			continue
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t\n", s.Name, s.Deploys, strings.Join(s.Packages, ", "),
			strings.Join(s.Can, ", "), toolsText(s.Tools), credentialsText(s), whereText(s.Where))
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nlimits")
	tw = tabwriter.NewWriter(w, 2, 4, 2, ' ', 0)
	for _, s := range all {
		if len(s.Limits) > 0 {
			fmt.Fprintf(tw, "  %s\t%s\n", s.Name, strings.Join(s.Limits, "; "))
		}
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nmissing on this machine")
	for _, s := range all {
		for _, m := range slices.Concat(s.Missing, s.Unanswered) {
			fmt.Fprintf(w, "  %-11s %s\n", s.Name, strings.ReplaceAll(m.What, "\n", "\n              "))
			if m.Hint != "" {
				fmt.Fprintf(w, "  %-11s → %s\n", "", m.Hint)
			}
		}
	}
	return nil
}

func credentialsText(s app.ProviderStatus) string {
	switch {
	case s.Credentials != "":
		return s.Credentials
	case s.Local:
		return "needs none"
	}
	return "none found"
}

func toolsText(tools []provider.Tool) string {
	var out []string
	for _, t := range tools {
		switch {
		case t.Err == nil:
			out = append(out, t.Name+" "+shortVersion(t.Version))
		case t.Version != "":
			out = append(out, t.Name+" "+shortVersion(t.Version)+" (unfit)")
		default:
			out = append(out, "no "+t.Name)
		}
	}
	return strings.Join(out, ", ")
}

// shortVersion is the number in what a program says of its version.
func shortVersion(text string) string {
	fields := strings.Fields(text)
	for i := len(fields) - 1; i >= 0; i-- {
		if strings.ContainsAny(fields[i], "0123456789") {
			return fields[i]
		}
	}
	return text
}

func whereText(where map[string]string) string {
	names := make([]string, 0, len(where))
	for n := range where {
		names = append(names, n)
	}
	sort.Strings(names)
	for i, n := range names {
		names[i] = n + " " + where[n]
	}
	return strings.Join(names, ", ")
}
