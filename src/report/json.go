package report

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// SummaryJSON is the summary for scripts. A value that does not exist is null; the names are those of thresholds.
type SummaryJSON struct {
	SubExperiments []SubExperimentJSON `json:"sub_experiments"`
}

// SubExperimentJSON is one sub-experiment; times are in ms.
type SubExperimentJSON struct {
	analyze.Identity
	Count        int              `json:"count"`
	Mean         analyze.Value    `json:"mean_ms"`
	SD           analyze.Value    `json:"sd_ms"`
	Min          analyze.Value    `json:"min_ms"`
	P25          analyze.Value    `json:"p25_ms"`
	P50          analyze.Value    `json:"p50_ms"`
	P75          analyze.Value    `json:"p75_ms"`
	P90          analyze.Value    `json:"p90_ms"`
	P95          analyze.Value    `json:"p95_ms"`
	P99          analyze.Value    `json:"p99_ms"`
	P999         analyze.Value    `json:"p999_ms"`
	Max          analyze.Value    `json:"max_ms"`
	TMR          analyze.Value    `json:"tmr"`
	MR           analyze.Value    `json:"mr"`
	TR           analyze.Value    `json:"tr"`
	Errors       int              `json:"errors"`
	ErrorRatio   analyze.Value    `json:"error_ratio"`
	ErrorClasses map[string]int   `json:"error_classes,omitempty"`
	Warmup       int              `json:"warmup"`
	ColdCount    analyze.Value    `json:"cold_count"`
	ColdP50      analyze.Value    `json:"cold_p50_ms"`
	ColdP99      analyze.Value    `json:"cold_p99_ms"`
	WarmCount    analyze.Value    `json:"warm_count"`
	WarmP50      analyze.Value    `json:"warm_p50_ms"`
	WarmP99      analyze.Value    `json:"warm_p99_ms"`
	CI50         analyze.Interval `json:"p50_ci"`
	CI99         analyze.Interval `json:"p99_ci"`
	CI999        analyze.Interval `json:"p999_ci"`
	Spread50     analyze.Value    `json:"spread_p50_ms"` // of bursts of two requests or more
	SpreadMax    analyze.Value    `json:"spread_max_ms"`
	Lateness99   analyze.Value    `json:"lateness_p99_ms"`
	LatenessMax  analyze.Value    `json:"lateness_max_ms"`
	Late         analyze.Value    `json:"late_count"`
	Suspects     analyze.Value    `json:"suspect_count"`
	SuspectWords map[string]int   `json:"suspect_reasons,omitempty"`
	Unsent       analyze.Value    `json:"unsent"`
	CostPerMill  analyze.Value    `json:"cost_per_million_usd,omitzero"` // only where requests have a cost
	Standing     analyze.Value    `json:"standing_cost_usd,omitzero"`    // of functions while deployed, beside requests
	NewConns     analyze.Value    `json:"new_connections,omitzero"`      // only where kept connections were asked for
	KeptResets   int              `json:"kept_connection_resets,omitempty"`
	// the shortest idle time after which the server closed a connection
	IdleClose analyze.Value    `json:"idle_close_ms,omitzero"`
	Advice    []string         `json:"advice,omitempty"`
	Findings  []string         `json:"findings,omitempty"`
	Missed    []analyze.Missed `json:"missed,omitempty"`
	Note      string           `json:"note,omitempty"`
	Dir       string           `json:"dir,omitempty"`
}

func subExperimentJSON(r Row) SubExperimentJSON {
	s := r.Stats
	return SubExperimentJSON{
		Identity: s.Identity,
		Count:    s.Count, Mean: s.Mean, SD: s.SD, Min: s.Min, P25: s.P25, P50: s.P50, P75: s.P75, P90: s.P90,
		P95: s.P95,
		P99: s.P99, P999: s.P999, Max: s.Max, TMR: s.TMR, MR: s.MR, TR: s.TR,
		Errors: s.Errors, ErrorRatio: s.ErrorRatio, ErrorClasses: s.ErrorClasses, Warmup: s.Warmup,
		ColdCount: s.ColdCount(), ColdP50: s.Cold.P50, ColdP99: s.Cold.P99,
		WarmCount: s.WarmCount(), WarmP50: s.Warm.P50, WarmP99: s.Warm.P99,
		CI50: s.CI50, CI99: s.CI99, CI999: s.CI999,
		Spread50: s.Client.Spread50, SpreadMax: s.Client.SpreadMax, Lateness99: s.Client.Lateness99,
		LatenessMax: s.Client.LatenessMax,
		Late:        s.Client.Measured(s.Client.Late), Suspects: s.Client.Measured(s.Client.Suspects),
		SuspectWords: s.Client.SuspectWords, Unsent: s.Client.Measured(s.Client.Unsent),
		CostPerMill: s.CostPerMillion, Standing: s.Standing,
		NewConns: s.Client.NewConns, KeptResets: s.Client.KeptResets, IdleClose: idleClose(s.Client),
		Advice: analyze.Advice(s), Findings: s.Findings, Missed: r.Missed, Note: r.Note, Dir: r.Dir,
	}
}

// idleClose is in ms; it does not exist if the server closed no idle connection.
func idleClose(c analyze.Client) analyze.Value {
	if c.IdleClose <= 0 {
		return analyze.Value{}
	}
	return analyze.Of(float64(c.IdleClose.Microseconds()) / 1000)
}

func writeJSON(w io.Writer, rows []Row) error {
	out := SummaryJSON{SubExperiments: []SubExperimentJSON{}} // never null
	for _, r := range rows {
		out.SubExperiments = append(out.SubExperiments, subExperimentJSON(r))
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(out); err != nil {
		return fmt.Errorf("writing the summary: %w", err)
	}
	return nil
}
