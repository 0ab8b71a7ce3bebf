package build

import (
	"context"

	"stellar/src/fail"
	"stellar/src/run"
)

// Java is to come.
type Java struct{ Options }

var _ Builder = Java{}

func (Java) Language() string { return "java" }

func (Java) Check(context.Context) error { return fail.Unsupported("building java functions") }

func (Java) Version(context.Context) (string, error) {
	return "", fail.Unsupported("building java functions")
}

func (Java) Inputs(context.Context, *run.Source) (Inputs, error) {
	return Inputs{}, fail.Unsupported("building java functions")
}

func (Java) Build(context.Context, *run.Source, string) error {
	return fail.Unsupported("building java functions")
}
