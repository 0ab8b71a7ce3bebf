package study

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

func TestColdOfAStudy(t *testing.T) {
	env := Env{Endpoints: []Endpoint{{Function: "a"}, {Function: "b"}, {Function: "c"}}}
	chain := func(target int) []Endpoint { return env.Endpoints[target : target+2] }
	if cold, err := env.Cold(chain); cold != nil || err != nil {
		t.Errorf("idle: %v, %v", cold, err)
	}
	env.Sub.ColdStart, env.Sub.MaxRetries = experiment.ColdForce, 4
	if _, err := env.Cold(chain); !errors.Is(err, fail.ErrUnsupported) {
		t.Errorf("nobody can make them cold: error %v", err)
	}
	var made []string
	env.MakeCold = func(_ context.Context, at ...Endpoint) error {
		for _, e := range at {
			made = append(made, e.Function)
		}
		return nil
	}
	cold, err := env.Cold(chain)
	if err != nil {
		t.Fatal(err)
	}
	if err := cold.Make(t.Context(), []int{0, 1}); err != nil || cold.Retries != 4 ||
		!slices.Equal(made, []string{"a", "b", "b", "c"}) {
		t.Errorf("made %q, %d retries, %v", made, cold.Retries, err)
	}
	for force, want := range map[string]int{experiment.ColdForce: 1, experiment.ColdIdle: 0} {
		if needs := ColdStart(&experiment.SubExperiment{ColdStart: force}); len(needs) != want {
			t.Errorf("%s needs %+v", force, needs)
		}
	}
}
