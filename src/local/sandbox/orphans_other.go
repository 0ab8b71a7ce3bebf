//go:build !linux

package sandbox

import (
	"context"
	"time"
)

// Without /proc and subreapers, the process groups that the watcher knows are all that can be ended.

// AdoptOrphans does nothing here.
func AdoptOrphans() {}

// EndDescendants finds nothing here.
func EndDescendants(time.Duration) []int { return nil }

// ReapOrphans does nothing here.
func ReapOrphans(context.Context) {}

// EndStrays finds nothing here.
func EndStrays(context.Context, string) []int { return nil }
