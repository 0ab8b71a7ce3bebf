package build

import (
	"context"

	"stellar/src/fail"
	"stellar/src/run"
)

// Node is to come.
type Node struct{ Options }

var _ Builder = Node{}

func (Node) Language() string { return "nodejs" }

func (Node) Check(context.Context) error { return fail.Unsupported("building nodejs functions") }

func (Node) Version(context.Context) (string, error) {
	return "", fail.Unsupported("building nodejs functions")
}

func (Node) Inputs(context.Context, *run.Source) (Inputs, error) {
	return Inputs{}, fail.Unsupported("building nodejs functions")
}

func (Node) Build(context.Context, *run.Source, string) error {
	return fail.Unsupported("building nodejs functions")
}
