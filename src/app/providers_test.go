package app

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// TestProvidersAskEachQuestionOnce holds that two providers of one vendor do not run its program twice for the same
// answer.
func TestProvidersAskEachQuestionOnce(t *testing.T) {
	var mu sync.Mutex
	asked := map[string]int{}
	a := App{Config: pipeline.Config{
		Deps: run.Deps{Getenv: func(string) string { return "" }, Log: silent{}},
		Runner: func(_ context.Context, c shell.Command) (shell.Result, error) {
			mu.Lock()
			defer mu.Unlock()
			asked[c.Name+" "+strings.Join(c.Args, " ")]++
			return shell.Result{}, errors.New("no answer")
		},
	}}
	if all := a.Providers(t.Context()); len(all) == 0 {
		t.Fatal("there are no providers")
	}
	if len(asked) == 0 {
		t.Fatal("no program was asked")
	}
	for command, n := range asked {
		if n != 1 {
			t.Errorf("%s: run %d times", command, n)
		}
	}
}

// silent is a log that nobody reads.
type silent struct{}

func (silent) Debugf(string, ...any) {}
func (silent) Infof(string, ...any)  {}
func (silent) Warnf(string, ...any)  {}
