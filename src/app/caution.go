package app

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
)

// caution is something that a file asks for and that its provider will not do as its author may expect. Nothing is
// refused for it.
type caution struct {
	sub       int
	key, text string
}

// Cautions are the warnings about settings that the provider ignores, and about pauses that are too short for cold
// starts there, each once and with its place in the file.
func (a App) Cautions(loaded *experiment.Loaded) (all []string) {
	for _, c := range a.cautions(loaded.Experiment) {
		all = append(all, fmt.Sprintf("%s: %s", loaded.Position(c.sub, c.key), c.text))
	}
	return all
}

func (a App) cautions(exp *experiment.Experiment) (all []caution) {
	row, err := vendors.Find(exp.ProviderKind())
	if err != nil || row.Local {
		return nil // that it is unknown is said elsewhere
	}
	add := func(sub int, key, format string, args ...any) {
		c := caution{sub, key, fmt.Sprintf(format, args...)}
		if !slices.ContainsFunc(all, func(b caution) bool { return b.key == key && b.text == c.text }) {
			all = append(all, c)
		}
	}
	for _, i := range a.Subs(exp) {
		s := &exp.SubExperiments[i]
		for _, key := range s.PlatformSet() {
			if key = "Platform." + key; row.Ignored(key) {
				add(i, key, "changes nothing on %s, which has no such setting", exp.ProviderKind())
			}
		}
		if pause := longestPause(s); a.Deploys(exp) && wantsCold(row, s) && pause < row.KeepAlive {
			add(i, "IATSeconds", "a pause of %s is under the usual keep-alive of %s, about %g min, so most requests "+
				`will be warm; want IATSeconds %s with Parallelism for more samples, or "ColdStart": "force"`,
				pause, exp.ProviderKind(), row.KeepAlive.Minutes(),
				strconv.FormatFloat(row.KeepAlive.Seconds(), 'f', -1, 64))
		}
	}
	return all
}

// wantsCold reports whether a sub-experiment waits for its instances to end: it is called cold, or asks for a shorter
// keep-alive than its pauses, or for a setting that is about cold starts alone.
func wantsCold(row provider.Provider, s *experiment.SubExperiment) bool {
	if !s.Pauses() || s.ColdStart == experiment.ColdForce {
		return false
	}
	ended := slices.Contains(s.PlatformSet(), "KeepAliveSeconds") && row.Ignored("Platform.KeepAliveSeconds") &&
		s.Platform.KeepAliveSeconds < s.IATSeconds
	return s.NamedCold() || ended || s.SnapStartEnabled || s.CPUBoostEnabled
}

// longestPause is the mean of the longest pauses between two bursts to an endpoint.
func longestPause(s *experiment.SubExperiment) time.Duration { return s.MeanIAT(max(s.Rounds()-2, 0)) }
