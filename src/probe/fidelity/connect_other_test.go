//go:build !linux

package fidelity

// systemPhaseScenes: how to make the opening of a connection take long is known for Linux only.
func systemPhaseScenes() []scene { return nil }
