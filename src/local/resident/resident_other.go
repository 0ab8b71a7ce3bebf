//go:build !linux

// Package resident measures the memory that the processes of an instance have resident.
package resident

// Meter knows nothing here: this system does not tell.
type Meter struct{}

// Tree measures a process and its descendants.
func Tree(int) *Meter { return &Meter{} }

// Group measures the processes of a control group.
func Group(string) *Meter { return &Meter{} }

// Peak is 0: it is not known.
func (m *Meter) Peak() int64 { return 0 }

// Close does nothing.
func (m *Meter) Close() {}
