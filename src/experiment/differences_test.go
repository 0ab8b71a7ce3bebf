package experiment

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

// keysOf are the keys of an experiment file's sub-experiments, and its own.
func keysOf(t *testing.T, text string) (Keys, []Keys) {
	t.Helper()
	loaded, err := Parse("x.json", []byte(text), testProviders())
	if err != nil {
		t.Fatal(err)
	}
	own, subs, err := loaded.Experiment.Keys()
	if err != nil {
		t.Fatal(err)
	}
	return own, subs
}

// told are the differences of two experiments' keys, by name.
func told(a, b Keys) map[string][2]string { return maps.Collect(a.Differences(b)) }

// TestDifferences tells each key that differs, in an object too, and no seed.
func TestDifferences(t *testing.T) {
	ownA, a := keysOf(t, `{"Provider":"local","Seed":1,"SubExperiments":[{"Title":"x","Bursts":3,`+
		`"Platform":{"KeepAliveSeconds":10}}]}`)
	ownB, b := keysOf(t, `{"Provider":"aws","Seed":2,"SubExperiments":[{"Title":"x","Bursts":4,`+
		`"Thresholds":{"p50_ms":5}}]}`)
	if got := fmt.Sprint(told(ownA, ownB)); got != "map[Provider:[local aws]]" {
		t.Errorf("of the experiments: %s", got)
	}
	older := Experiment{Provider: "local", Sequential: true} // of a version without Order and Repeat
	newer := Experiment{Provider: "local", Sequential: true, Order: OrderSequential, Repeat: 1}
	oldKeys, _, errA := older.Keys()
	newKeys, _, errB := newer.Keys()
	if d := told(oldKeys, newKeys); errA != nil || errB != nil || len(d) > 0 {
		t.Errorf("an older version's run in sequence differs: %v, %v, %v", d, errA, errB)
	}
	got := told(a[0], b[0])
	for key, want := range map[string][2]string{"Bursts": {"3", "4"}, "Thresholds.p50_ms": {"not set", "5"},
		"Platform.KeepAliveSeconds": {"10", "600"}} {
		if got[key] != want {
			t.Errorf("%s: %+v, want %+v", key, got[key], want)
		}
	}
	if _, is := got["Title"]; is {
		t.Error("equal titles are told as a difference")
	}
	without := maps.Clone(a[0])
	delete(without, "BurstSizes")
	delete(without, "PayloadLengthBytes")
	if d, back := told(a[0], without), told(without, a[0]); len(d)+len(back) > 0 {
		t.Errorf("keys that an older version does not write are told: %v, %v", d, back)
	}
	if d := told(a[0], a[0]); len(d) > 0 {
		t.Errorf("an experiment differs from itself: %v", d)
	}
}

// TestMatchSubs matches by title, then by all other keys, then the only ones.
func TestMatchSubs(t *testing.T) {
	sub := func(title, bursts string) Keys { return Keys{"Title": `"` + title + `"`, "Bursts": bursts} }
	for _, c := range []struct {
		name         string
		a, b         []Keys
		pairs        [][2]int
		onlyA, onlyB []int
	}{
		{"by title, in another order", []Keys{sub("x", "1"), sub("y", "2")}, []Keys{sub("y", "2"), sub("x", "3")},
			[][2]int{{0, 1}, {1, 0}}, nil, nil},
		{"by the other keys", []Keys{sub("x", "1"), sub("y", "2")}, []Keys{sub("new", "2"), sub("x", "1")},
			[][2]int{{0, 1}, {1, 0}}, nil, nil},
		{"without a partner", []Keys{sub("x", "1"), sub("y", "2")}, []Keys{sub("x", "1"), sub("z", "3")},
			[][2]int{{0, 0}}, []int{1}, []int{1}},
		{"the only ones", []Keys{sub("x", "1")}, []Keys{sub("z", "3")}, [][2]int{{0, 0}}, nil, nil},
		{"titles that repeat", []Keys{sub("x", "1"), sub("x", "2")}, []Keys{sub("x", "2"), sub("x", "1")},
			[][2]int{{0, 1}, {1, 0}}, nil, nil},
		{"of another tool", []Keys{sub("x", "1"), sub("y", "2")}, []Keys{Titled("y"), Titled("q")},
			[][2]int{{1, 0}}, []int{0}, []int{1}},
	} {
		pairs, onlyA, onlyB := MatchSubs(c.a, c.b)
		if !slices.Equal(pairs, c.pairs) || !slices.Equal(onlyA, c.onlyA) || !slices.Equal(onlyB, c.onlyB) {
			t.Errorf("%s: %v, %v, %v", c.name, pairs, onlyA, onlyB)
		}
	}
}
