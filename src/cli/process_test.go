package cli

import (
	"runtime/debug"
	"testing"
)

// A binary says the version of its module where go install has built it, and its revision where a checkout was built.
func TestBuiltVersion(t *testing.T) {
	for want, info := range map[string]debug.BuildInfo{
		"v1.2.3": {Main: debug.Module{Version: "v1.2.3"}},
		"dev":    {Main: debug.Module{Version: "(devel)"}},
		"dev-0123456789ab": {Main: debug.Module{Version: "v0.0.0-20260102030405-0123456789ab+dirty"},
			Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}}},
	} {
		if got := builtVersion(&info); got != want {
			t.Errorf("%+v: %s, want %s", info, got, want)
		}
	}
}
