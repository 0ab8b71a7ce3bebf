package build

import (
	"context"

	"stellar/src/fail"
	"stellar/src/run"
)

// Ruby is to come.
type Ruby struct{ Options }

var _ Builder = Ruby{}

func (Ruby) Language() string { return "ruby" }

func (Ruby) Check(context.Context) error { return fail.Unsupported("building ruby functions") }

func (Ruby) Version(context.Context) (string, error) {
	return "", fail.Unsupported("building ruby functions")
}

func (Ruby) Inputs(context.Context, *run.Source) (Inputs, error) {
	return Inputs{}, fail.Unsupported("building ruby functions")
}

func (Ruby) Build(context.Context, *run.Source, string) error {
	return fail.Unsupported("building ruby functions")
}
