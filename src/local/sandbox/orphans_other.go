//go:build !linux

package local

import (
	"context"
	"time"
)

// Without /proc and subreapers, the process groups that the watcher knows are all that can be ended.

func adoptOrphans() {}

func endDescendants(time.Duration) []int { return nil }

func reapOrphans(context.Context) {}

func endStrays(context.Context, string) []int { return nil }
