package cli

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/vhive-serverless/STeLLAR/src/app"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/report"
)

// printProviders writes the table, and below it limits and what is missing. On a terminal that is too narrow for the
// table, each provider has a block of lines.
func printProviders(w io.Writer, all []app.ProviderStatus, look report.SummaryOptions) error {
	var table bytes.Buffer
	if err := providerTable(&table, all); err != nil {
		return err
	}
	if look.Width > 0 && widest(table.String()) > look.Width {
		table.Reset()
		if err := providerBlocks(&table, all, look); err != nil {
			return err
		}
	}
	if _, err := table.WriteTo(w); err != nil {
		return err
	}
	fmt.Fprintln(w, "\nlimits")
	for _, s := range all {
		if len(s.Limits) > 0 {
			text := fmt.Sprintf("  %-11s %s", s.Name, strings.Join(s.Limits, "; "))
			if err := report.Words(w, text, look, wordsIndent); err != nil {
				return err
			}
		}
	}
	fmt.Fprintln(w, "\nmissing on this machine")
	for _, s := range all {
		for _, m := range slices.Concat(s.Missing, s.Unanswered) {
			fmt.Fprintf(w, "  %-11s %s\n", s.Name, strings.ReplaceAll(m.What, "\n", "\n              "))
			printOutput(w, "              ", m.Output)
			if m.Hint != "" {
				fmt.Fprintf(w, "  %-11s → %s\n", "", m.Hint)
			}
		}
	}
	return nil
}

// providerHead are the columns of the table of providers.
func providerHead() []string {
	return []string{"provider", "deploys with", "packages", "can also", "tools here", "credentials", "goes to"}
}

// providerCells are a provider's cells. What nothing is deployed to has no tools.
func providerCells(s app.ProviderStatus) []string {
	if s.Deploys == "" {
		return []string{s.Name, "–", "", strings.Join(s.Can, ", "), "", "", ""}
	}
	return []string{s.Name, s.Deploys, strings.Join(s.Packages, ", "), strings.Join(s.Can, ", "),
		toolsText(s.Tools), credentialsText(s), whereText(s.Where)}
}

// providerTable writes a row for each provider.
func providerTable(w io.Writer, all []app.ProviderStatus) error {
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(tw, "%s\t\n", strings.Join(providerHead(), "\t"))
	for _, s := range all {
		fmt.Fprintf(tw, "%s\t\n", strings.Join(providerCells(s), "\t"))
	}
	return tw.Flush()
}

// wordsIndent is where the words of a provider's block begin.
const wordsIndent = 16

// providerBlocks writes a block of lines for each provider.
func providerBlocks(w io.Writer, all []app.ProviderStatus, look report.SummaryOptions) error {
	head := providerHead()
	for _, s := range all {
		cells := providerCells(s)
		fmt.Fprintln(w, cells[0])
		for i, cell := range cells[1:] {
			if cell == "" || cell == "–" {
				continue
			}
			text := fmt.Sprintf("  %-*s%s", wordsIndent-2, head[i+1], cell)
			if err := report.Words(w, text, look, wordsIndent); err != nil {
				return err
			}
		}
	}
	return nil
}

// widest is the number of characters of the longest line, spaces at its end left out.
func widest(text string) (n int) {
	for line := range strings.Lines(text) {
		n = max(n, utf8.RuneCountInString(strings.TrimRight(line, " \n")))
	}
	return n
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
