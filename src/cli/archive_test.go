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
	off := 12.0
	turn := app.RerunSchedule{What: "bursts", Now: 3, SameSizes: true, OffMs: &off, InTurn: true}
	const want = "the same 3 bursts; pauses, which have the others' rounds in them, differ by up to 12 ms"
	if got := scheduleWords(turn); got != want {
		t.Errorf("in turn: %q", got)
	}
	for want, r := range map[string]app.Rerun{"seed        7 in both\n": {Seed: 7, SeedThen: 7},
		"seed        8 then, 7 now: so the schedules differ\n": {Seed: 7, SeedThen: 8}} {
		out.Reset()
		if printRerun(&out, &r); !strings.HasSuffix(out.String(), want) {
			t.Errorf("%q, want %q", out.String(), want)
		}
	}
}
