package cli

import (
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/app"
)

// Texts of an archive, which may be anybody's, give the terminal no commands.
func TestPrintRerunEscapes(t *testing.T) {
	const evil = "\x1b]0;x\x07\n"
	var out strings.Builder
	printRerun(&out, &app.Rerun{Of: evil, Packages: []app.RerunPackage{{Function: evil, Then: evil, Why: evil}},
		Schedules: []app.RerunSchedule{{Title: evil}}})
	if got := out.String(); strings.ContainsAny(got, "\x1b\x07") || strings.Count(got, "\n") != 6 {
		t.Errorf("%q", got)
	}
}
