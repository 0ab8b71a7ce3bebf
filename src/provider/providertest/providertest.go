// Package providertest is what tests of vendors' packages share.
package providertest

import (
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Zip is a function in a ZIP package.
func Zip(name string, sub, memoryMB int) *run.Function {
	return &run.Function{Name: name, Sub: sub, MemoryMB: memoryMB, PackageType: "Zip"}
}

// Packaged is a function in a ZIP package of 3 MiB that was built.
func Packaged(name string) *run.Function {
	f := Zip(name, 0, 128)
	f.Package = &run.Package{Path: "/none", Bytes: 3 << 20}
	return f
}

// Said joins what was refused.
func Said(no []provider.Refusal, between string) string {
	var all []string
	for _, r := range no {
		all = append(all, r.String())
	}
	return strings.Join(all, between)
}

// Silent is a logger that keeps nothing.
type Silent struct{}

var _ run.Logger = Silent{}

// Debugf does nothing.
func (Silent) Debugf(string, ...any) {}

// Infof does nothing.
func (Silent) Infof(string, ...any) {}

// Warnf does nothing.
func (Silent) Warnf(string, ...any) {}
