package cloudflare

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

const (
	// compatibilityDate fixes the behaviour of the runtime
	// (developers.cloudflare.com/workers/configuration/compatibility-dates); it is not later than the pinned workerd.
	compatibilityDate = "2026-04-01"
	// publicFetch lets a Worker ask another one of its account at its address; without it the answer is error 1042
	// (developers.cloudflare.com/workers/configuration/compatibility-flags).
	publicFetch = "global_fetch_strictly_public"
	// usualCPU is what a request may compute where nothing else is said, on the paid plan. The free one takes no
	// setting, so there is one only where it is needed.
	usualCPU = 30 * time.Second
)

// wranglerFile is the configuration of one Worker, as far as it is used:
// developers.cloudflare.com/workers/wrangler/configuration.
type wranglerFile struct {
	Name              string            `json:"name"`
	Main              string            `json:"main"`
	CompatibilityDate string            `json:"compatibility_date"`
	Flags             []string          `json:"compatibility_flags,omitempty"`
	NoBundle          bool              `json:"no_bundle"`
	WorkersDev        bool              `json:"workers_dev"`
	PreviewURLs       bool              `json:"preview_urls"`
	SendMetrics       bool              `json:"send_metrics"`
	Limits            *wranglerLimits   `json:"limits,omitempty"`
	Rules             []wranglerRule    `json:"rules"`
	Vars              map[string]string `json:"vars"`
	Observability     *observability    `json:"observability,omitempty"`
}

// observability switches Workers Logs on, which have the processor time of each request.
type observability struct {
	Enabled      bool    `json:"enabled"`
	SamplingRate float64 `json:"head_sampling_rate"` // share of requests
}

type wranglerLimits struct {
	CPUMs int64 `json:"cpu_ms"`
}

type wranglerRule struct {
	Type        string   `json:"type"`
	Globs       []string `json:"globs"`
	Fallthrough bool     `json:"fallthrough"` // Wrangler's own rules hold beside this one
}

// workerName is what a label of a workers.dev address takes.
var workerName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Files is the configuration of a Worker.
func (c *connection) Files(r *run.Run, u provider.Unit, _ map[string]string) ([]provider.File, error) {
	fn := u.Functions[0]                                      // a Worker is one function
	if fn.Package != nil && !workerName.MatchString(u.Name) { // a draft has no name yet
		return nil, fail.Input("Worker name %q: lower case letters, digits and hyphens, at most 63", u.Name)
	}
	file := wranglerFile{
		Name:              u.Name,
		Main:              mainModule(r, u, fn),
		CompatibilityDate: compatibilityDate,
		NoBundle:          true, // what is uploaded is what was packed, to the byte
		WorkersDev:        true,
		Limits:            cpuLimit(r, fn),
		Rules: []wranglerRule{
			{Type: "ESModule", Globs: []string{"**/*.mjs", "**/*.js"}, Fallthrough: true},
			{Type: "CommonJS", Globs: []string{"**/*.cjs"}, Fallthrough: true},
		},
		Vars: variables(r, fn),
	}
	if r.Experiment.SubExperiments[fn.Sub].DataTransferChainLength > 1 {
		file.Flags = []string{publicFetch}
	}
	if r.Experiment.SubExperiments[fn.Sub].ProviderReport {
		file.Observability = &observability{Enabled: true, SamplingRate: 1}
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "// Written by stellar for run %s. By hand, in this folder:\n//   wrangler deploy | wrangler "+
		"delete\n", r.ID)
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(file); err != nil {
		return nil, fmt.Errorf("writing %s: %w", wranglerConfig, err)
	}
	return []provider.File{{Name: wranglerConfig, Text: out.Bytes()}}, nil
}

// mainModule names the Worker's main module as seen from its unit's folder. The folder that it lies in is the package.
func mainModule(r *run.Run, u provider.Unit, fn *run.Function) string {
	if fn.Package == nil {
		return fn.Handler // when only checking
	}
	return path.Join(provider.PackagePath(r, u, fn), fn.Handler)
}

// cpuLimit raises what a request may compute where a service time would not fit into Cloudflare's own limit.
func cpuLimit(r *run.Run, fn *run.Function) *wranglerLimits {
	const room = 5 * time.Second // calibration is by a table, and a shared processor slower than it says
	s := &r.Experiment.SubExperiments[fn.Sub]
	var longest time.Duration
	for round := range s.DesiredServiceTimes {
		longest = max(longest, s.ServiceTime(round))
	}
	if longest+room <= usualCPU {
		return nil
	}
	return &wranglerLimits{CPUMs: min(max(2*longest, usualCPU), longestCPU).Milliseconds()}
}

// variables are the function's environment, and the tags: Workers have none that Wrangler could set.
func variables(r *run.Run, fn *run.Function) map[string]string {
	vars := map[string]string{}
	for name, value := range fn.Env {
		vars[name] = value
	}
	for tag, name := range map[string]string{provider.TagRun: runVariable, provider.TagExpires: expiresVariable,
		provider.TagOwner: ownerVariable} {
		if value := r.Tags[tag]; value != "" {
			vars[name] = value
		}
	}
	return vars
}
