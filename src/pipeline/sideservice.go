package pipeline

import (
	"context"
	"fmt"

	"github.com/vhive-serverless/STeLLAR/src/run"
)

// SideService is a service that a run needs beside its functions: the local platform, an object store, a listener. It
// may end before its run does, and another process may have to remove it.
type SideService interface {
	fmt.Stringer // "the local platform"

	// Unneeded says why a run does without the service; empty where it is needed.
	Unneeded(r *run.Run) string

	// Start starts the service. It writes the undo to the journal first.
	Start(ctx context.Context, r *run.Run) error

	// Died says why the service has ended without a request to end; nil while it runs and where it was not started.
	Died() error

	// Removals are how what Start enters in the journal is removed, by kind, in this process and in a later one alike.
	Removals() map[string]Removal
}

// startStage starts a side service.
type startStage struct{ service SideService }

var (
	_ Stage   = startStage{}
	_ Skipper = startStage{}
	_ Checker = startStage{}
)

func (s startStage) String() string { return "starting " + s.service.String() }

// Skip says why the service is not needed.
func (s startStage) Skip(r *run.Run) string { return s.service.Unneeded(r) }

// Check says what is missing for the service, where it can tell.
func (s startStage) Check(ctx context.Context, r *run.Run) error {
	if c, ok := s.service.(Checker); ok {
		return c.Check(ctx, r)
	}
	return nil
}

// Run starts the service.
func (s startStage) Run(ctx context.Context, r *run.Run) error { return s.service.Start(ctx, r) }
