package page_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"stellar/src/analyze"
	"stellar/src/report/page"
	"stellar/src/sample"
)

var began = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)

// shape is a made-up sub-experiment: warm requests near 2 ms, cold ones near 80 ms.
type shape struct {
	title     string
	rows      int
	burst     int     // requests in each; 0: a sustained load of 100 a second
	cold      float64 // share of cold requests
	fails     float64
	parts     bool // the platform reported of cold starts
	scale     float64
	instances int
}

// summary makes the rows and summarizes them.
func (s shape) summary(index int) analyze.Summary {
	c := analyze.NewCollector(analyze.Options{Identity: analyze.Identity{Index: index, Title: s.title,
		Provider: "local", Runtime: "go"}, Resampling: &analyze.Resampling{Seed: 1, Draws: 200}})
	rng := rand.New(rand.NewPCG(uint64(index), 2))
	row := sample.Empty()
	for i := range s.rows {
		row = sample.Empty()
		at := time.Duration(i) * 10 * time.Millisecond
		row.Burst = i / 100
		if s.burst > 0 {
			row.Burst, row.BurstSize, row.Slot = i/s.burst, s.burst, i%s.burst
			at = time.Duration(i/s.burst) * 200 * time.Millisecond
		}
		row.PlannedAt = began.Add(at)
		row.SentAt, row.Lateness = row.PlannedAt.Add(time.Millisecond/4), time.Millisecond/4
		ms := s.scale * 2 * math.Exp(rng.NormFloat64()*0.25)
		row.Cold = sample.No
		if rng.Float64() < s.cold {
			row.Cold, ms = sample.Yes, s.scale*80*math.Exp(rng.NormFloat64()*0.1)
		}
		row.Latency = time.Duration(ms * 1e6).Round(time.Microsecond)
		if s.parts && row.Cold == sample.Yes {
			row.Network, row.Residual, row.Start = row.Latency/10, row.Latency/2, row.Latency/5
			row.FirstRequest = row.Latency - row.Network - row.Residual - row.Start
		}
		if rng.Float64() < s.fails {
			row.Err, row.Latency, row.Cold = sample.Timeout, sample.None, sample.Unknown
		}
		if i%97 == 3 {
			row.Suspect = "scheduler"
		}
		row.ReceivedAt = row.SentAt.Add(max(row.Latency, 0))
		if s.instances > 0 {
			row.InstanceID = fmt.Sprint("i", (i/20)%s.instances)
		}
		c.Add(&row)
	}
	sum, err := c.Summary()
	if err != nil {
		panic(err)
	}
	return sum
}

// hostile is a text that must reach the page as text.
const hostile = `</script><img src=x onerror="document.title='hacked'"> & "quotes"`

// sampleRun is a run with all that a page can show.
func sampleRun(name string, shapes ...shape) page.Run {
	r := page.Run{Name: name, Status: "partial", Error: "1 of 3 failed: " + hostile,
		Facts: []page.Fact{{Name: "provider", Value: "local"}, {Name: "started", Value: "2026-01-02 15:04:05 UTC"},
			{Name: "seed", Value: "7"}},
		Warnings:   []string{"a note " + hostile},
		Again:      []page.Command{{What: "To run it again:", Line: "stellar -c experiment.json"}},
		Experiment: "{\"Provider\": \"local\", \"Note\": \"" + hostile + "\"}",
		Stages:     []page.Stage{{Name: "probing", Seconds: 12.3}},
		Functions: []page.Function{{Name: "f0-0", Runtime: "go", Package: "Zip", MemoryMB: 128,
			URL: "http://127.0.0.1/x"}},
		Files: []string{"statistics.csv", "run.json"}}
	var sums []analyze.Summary
	for i, s := range shapes {
		sum := s.summary(i)
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

// shapesOfAll are sub-experiments of every kind.
func shapesOfAll() []shape {
	return []shape{
		{title: "warm,Runtime=go " + hostile, rows: 600, burst: 10, cold: 0.02, scale: 1, instances: 5},
		{title: "cold,Runtime=python3.13", rows: 300, burst: 10, cold: 1, fails: 0.02, parts: true, scale: 2,
			instances: 9},
		{title: "load", rows: 3000, scale: 1.5, fails: 0.01},
	}
}
