package build

import (
	"context"

	"stellar/src/fail"
	"stellar/src/run"
)

// Rust is to come.
type Rust struct{ Options }

var _ Builder = Rust{}

func (Rust) Language() string { return "rust" }

func (Rust) Check(context.Context) error { return fail.Unsupported("building rust functions") }

func (Rust) Version(context.Context) (string, error) {
	return "", fail.Unsupported("building rust functions")
}

func (Rust) Inputs(context.Context, *run.Source) (Inputs, error) {
	return Inputs{}, fail.Unsupported("building rust functions")
}

func (Rust) Build(context.Context, *run.Source, string) error {
	return fail.Unsupported("building rust functions")
}
