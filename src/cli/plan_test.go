package cli

import (
	"strings"
	"testing"

	"stellar/src/app"
)

// TestPlanPrintsEachStopWithItsHint holds that a plan prints every reason why a run would stop, each followed by what
// to do, with the lines of a long one indented.
func TestPlanPrintsEachStopWithItsHint(t *testing.T) {
	p := &app.Plan{Provider: "azure", Stops: []app.Missing{{What: "one\ntwo", Hint: "first"}, {What: "three"},
		{What: "four", Hint: "second\nthird"}}}
	var out strings.Builder
	if err := printPlan(&out, p); err != nil {
		t.Fatal(err)
	}
	want := "a run would stop before it builds anything: one\n  two\n    → first\n" +
		"  and: three\n  and: four\n    → second\n      third\n"
	if !strings.HasSuffix(out.String(), want) {
		t.Errorf("printed\n%s\nwant at its end\n%s", out.String(), want)
	}
}
