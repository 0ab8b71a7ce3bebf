// Package pagetest makes pages of made-up runs, for the tests of pages.
package pagetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/report/page"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// began is when the first request of each sub-experiment is planned.
func began() time.Time { return time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC) }

// Shape is a made-up sub-experiment: warm requests near 2 ms, cold ones near 80 ms.
type Shape struct {
	Title     string
	Rows      int
	Burst     int     // requests in each; 0: a sustained load of 100 a second
	Cold      float64 // share of cold requests
	Fails     float64 // share of failed requests
	Parts     bool    // the platform reported of cold starts
	Scale     float64 // of latencies
	Instances int     // that answer; 0: rows do not name them
	Silent    bool    // functions do not report which requests are cold
}

// Summary makes the rows and summarizes them. The same index gives the same rows.
func (s Shape) Summary(index int) analyze.Summary {
	c := analyze.NewCollector(analyze.Options{Identity: analyze.Identity{Index: index, Title: s.Title,
		Provider: "local", Runtime: "go"}, Resampling: &analyze.Resampling{Seed: 1, Draws: 200}})
	rng := rand.New(rand.NewPCG(uint64(index), 2))
	row := sample.Empty()
	for i := range s.Rows {
		row = sample.Empty()
		at := time.Duration(i) * 10 * time.Millisecond
		row.Burst = i / 100
		if s.Burst > 0 {
			row.Burst, row.BurstSize, row.Slot = i/s.Burst, s.Burst, i%s.Burst
			at = time.Duration(i/s.Burst) * 200 * time.Millisecond
		}
		row.PlannedAt = began().Add(at)
		row.SentAt, row.Lateness = row.PlannedAt.Add(time.Millisecond/4), time.Millisecond/4
		ms := s.Scale * 2 * math.Exp(rng.NormFloat64()*0.25)
		row.Cold = sample.No
		if rng.Float64() < s.Cold {
			row.Cold, ms = sample.Yes, s.Scale*80*math.Exp(rng.NormFloat64()*0.1)
		}
		row.Latency = time.Duration(ms * 1e6).Round(time.Microsecond)
		if s.Parts && row.Cold == sample.Yes {
			row.Network, row.Residual, row.Start = row.Latency/10, row.Latency/2, row.Latency/5
			row.FirstRequest = row.Latency - row.Network - row.Residual - row.Start
		}
		if s.Silent {
			row.Cold = sample.Unknown
		}
		if rng.Float64() < s.Fails {
			row.Err, row.Latency, row.Cold = sample.Timeout, sample.None, sample.Unknown
		}
		if i%97 == 3 {
			row.Suspect = "scheduler"
		}
		row.ReceivedAt = row.SentAt.Add(max(row.Latency, 0))
		if s.Instances > 0 {
			row.InstanceID = fmt.Sprint("i", (i/20)%s.Instances)
		}
		c.Add(&row)
	}
	sum, err := c.Summary()
	if err != nil {
		panic(err)
	}
	return sum
}

// Hostile is a text that must reach the page as text.
const Hostile = `</script><img src=x onerror="document.title='hacked'"> & "quotes"`

// Run is a run with all that a page can show.
func Run(name string, shapes ...Shape) page.Run {
	r := page.Run{Name: name, Status: "partial", Error: "1 of 3 failed: " + Hostile,
		Facts: []page.Fact{{Name: "provider", Value: "local"}, {Name: "started", Value: "2026-01-02 15:04:05 UTC"},
			{Name: "seed", Value: "7"}},
		Warnings:   []string{"a note " + Hostile},
		Again:      []page.Command{{What: "To run it again:", Line: "stellar -c experiment.json"}},
		Experiment: "{\"Provider\": \"local\", \"Note\": \"" + Hostile + "\"}",
		Stages:     []page.Stage{{Name: "probing", Seconds: 12.3}},
		Functions: []page.Function{{Name: "f0-0", Runtime: "go", Package: "Zip", MemoryMB: 128,
			URL: "http://127.0.0.1/x"}},
		Files: []string{"statistics.csv", "run.json"}}
	var sums []analyze.Summary
	for i, s := range shapes {
		sum := s.Summary(i)
		sub := page.NewSub(sum)
		sub.Folder, sub.Files = fmt.Sprintf("%d-a:b #1", i), []string{"latencies.csv"}
		sub.Thresholds = analyze.CheckThresholds(map[string]float64{"p50_ms": 5, "errors": 0}, sum)
		r.Subs = append(r.Subs, sub)
		sums = append(sums, sum)
	}
	axis := analyze.Axis{Key: "FunctionMemoryMB", Unit: "MB"}
	for i := range shapes {
		axis.Labels = append(axis.Labels, fmt.Sprint(128<<i))
		axis.Values = append(axis.Values, float64(int(128)<<i))
	}
	if len(shapes) < 12 {
		for _, c := range analyze.Compare(sums, []analyze.Axis{axis}) {
			r.Comparisons = append(r.Comparisons, page.Comparison{Comparison: c, Sentences: []string{"no difference"}})
		}
	}
	return r
}

// Shapes are sub-experiments of every kind.
func Shapes() []Shape {
	return []Shape{
		{Title: "warm,Runtime=go " + Hostile, Rows: 600, Burst: 10, Cold: 0.02, Scale: 1, Instances: 5},
		{Title: "cold,Runtime=python3.13", Rows: 300, Burst: 10, Cold: 1, Fails: 0.02, Parts: true, Scale: 2,
			Instances: 9},
		{Title: "load", Rows: 3000, Scale: 1.5, Fails: 0.01},
	}
}
