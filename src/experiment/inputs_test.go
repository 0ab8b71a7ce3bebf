package experiment

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
)

// What a sub-experiment names is listed, and has other names in a moved experiment; the first one stays as it is.
func TestInputsAndMoved(t *testing.T) {
	list := `[{"weight":5,"body":"@/b/one"},{"weight":0.5,"body":{"a":"@no"}},{"weight":1,"body":"@@text"}]`
	e := &Experiment{SubExperiments: []SubExperiment{
		{Title: "a", Function: "fn"}, {Title: "b", Function: "measure"}}}
	e.SubExperiments[0].Arrivals, e.SubExperiments[0].Body = "/t/x.csv#f", RawObject(list)
	e.SubExperiments[1].Body = RawObject(`"@/b/two"`)
	moved, err := e.Moved(func(in Input) string { return in.Key + "!" + in.Name })
	if err != nil {
		t.Fatal(err)
	}
	got, err := moved.SubExperiments[0].Inputs()
	more, err2 := moved.SubExperiments[1].Inputs()
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	want := []Input{{InputFunction, "Function!fn"}, {InputTrace, "Arrivals!/t/x.csv"}, {InputBody, "Body!/b/one"},
		{InputFunction, "Function!measure"}, {InputBody, "Body!/b/two"}}
	if !slices.Equal(slices.Concat(got, more), want) {
		t.Errorf("moved to %v %v, want %v", got, more, want)
	}
	if a := moved.SubExperiments[0].Arrivals; a != "Arrivals!/t/x.csv#f" {
		t.Errorf("trace %q", a)
	}
	var bodies []map[string]any
	if err := json.Unmarshal(moved.SubExperiments[0].Body, &bodies); err != nil || len(bodies) != 3 {
		t.Fatal(err, bodies)
	}
	if fmt.Sprintf("%v %v %v", bodies[1]["body"], bodies[2]["body"], bodies[0]["weight"]) != "map[a:@no] @@text 5" {
		t.Errorf("other bodies %v", bodies)
	}
	if string(e.SubExperiments[0].Body) != list || e.SubExperiments[0].Function != "fn" {
		t.Error("the experiment itself was changed")
	}
}
