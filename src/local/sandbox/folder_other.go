//go:build !linux

package sandbox

import "time"

// stamps are not needed here, because no cell has mounts of its own.
type stamps struct{}

func stampsOf(string) stamps { return stamps{} }

func clockStep() time.Duration { return time.Hour }

func (s stamps) known() bool { return false }

func (s stamps) changed() time.Time { return time.Time{} }
