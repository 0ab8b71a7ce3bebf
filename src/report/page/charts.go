package page

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/report"
)

// What the charts may take of a page. Together they are well under MaxBytes.
const (
	allPoints  = 20_000 // points of distribution functions
	mostPoints = 500    // of one
	allMoments = 32_000 // requests that are shown one by one
	allBins    = 8_000  // of timelines
	allBars    = 8_000  // of charts of bursts
	allLevels  = 8_000  // of instances
	mostSubs   = 400    // sub-experiments
	mostDots   = 4_000  // points of comparisons
)

// charts is what the page's script draws, in short names because they repeat.
type charts struct {
	Known       bool              `json:"known"` // functions said of requests whether they were cold
	Subs        []subCharts       `json:"subs"`
	Comparisons []comparisonChart `json:"comparisons"`
}

type subCharts struct {
	Name     string      `json:"name"`
	Curves   []curve     `json:"curves"`
	Timeline *timeline   `json:"time"`
	Bursts   [][8]number `json:"bursts"` // as columns of BurstGroup
	Levels   [][2]number `json:"levels"` // s, instances
	Parts    *parts      `json:"parts"`
}

// curve is a distribution function: n of the sample are at most x.
type curve struct {
	Part string   `json:"part"` // all, cold, warm
	X    []number `json:"x"`    // ms
	N    []int    `json:"n"`
}

type timeline struct {
	Began     string   `json:"began"`
	Span      number   `json:"span"` // s
	Sustained bool     `json:"sustained"`
	Moments   string   `json:"moments"` // see packed
	TickAt    int64    `json:"tickAt"`  // µs of a unit of a moment's instant
	TickFor   int64    `json:"tickFor"` // of its latency
	Classes   []string `json:"classes"`
	Suspects  []string `json:"suspects"`
	Bins      *bins    `json:"bins"`
}

type bins struct {
	Start number      `json:"start"` // s
	Width number      `json:"width"`
	List  [][9]number `json:"list"` // count, cold, warm, errors, suspects, min, p50, p99, max
}

type parts struct {
	Count int      `json:"count"`
	Names []string `json:"names"`
	MS    []number `json:"ms"`
}

type comparisonChart struct {
	Title   string           `json:"title"`
	Key     string           `json:"key"`
	Unit    string           `json:"unit"`
	Part    string           `json:"part"`
	Numeric bool             `json:"numeric"`
	Lines   []comparisonLine `json:"lines"`
}

type comparisonLine struct {
	Name   string  `json:"name"`
	Points []point `json:"points"`
}

func (l comparisonLine) drawn() bool { return len(l.Points) > 0 }

type point struct {
	Label string    `json:"label"`
	X     number    `json:"x"`
	N     int       `json:"n"`
	P50   [3]number `json:"p50"` // value, low, high
	P99   [3]number `json:"p99"`
}

// number is a number with at most three decimals, in JSON; not a number is null.
type number float64

// MarshalJSON writes the number.
func (n number) MarshalJSON() ([]byte, error) {
	v := float64(n)
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null"), nil
	}
	return strconv.AppendFloat(nil, math.Round(v*1000)/1000, 'f', -1, 64), nil
}

func value(v analyze.Value) number {
	if !v.OK {
		return number(math.NaN())
	}
	return number(v.V)
}

// newCharts aggregates what the charts show.
func newCharts(p Page) charts {
	out := charts{Subs: []subCharts{}, Comparisons: []comparisonChart{}} // the script wants lists, empty ones too
	var all []Sub
	for _, r := range p.Runs {
		for _, s := range r.Subs {
			all = append(all, s)
			out.Subs = append(out.Subs, subCharts{Name: nameOf(p, r, s), Curves: []curve{}})
		}
	}
	all = all[:min(len(all), mostSubs)]
	out.Subs = out.Subs[:len(all)]
	out.Known = slices.ContainsFunc(all, func(s Sub) bool { return s.Stats.Reported() })
	curves := 0
	for _, s := range all {
		curves += len(curvesOf(s.Stats))
	}
	show := newShowing(all)
	for i, s := range all {
		c := &out.Subs[i]
		for _, one := range curvesOf(s.Stats) {
			c.Curves = append(c.Curves, one.thinned(min(mostPoints, max(24, allPoints/curves))))
		}
		c.Timeline = show.timeline(i, s.Stats.Timeline)
		c.Bursts = bars(s.Bursts, max(10, allBars/len(all)))
		c.Levels = levels(s.Levels, max(10, allLevels/len(all)))
		if cold := s.Stats.ColdParts; cold.Count > 0 {
			c.Parts = &parts{Count: cold.Count}
			for _, part := range cold.Each() {
				c.Parts.Names, c.Parts.MS = append(c.Parts.Names, part.Name), append(c.Parts.MS, value(part.MS))
			}
		}
	}
	out.addComparisons(p)
	return out
}

// nameOf is a sub-experiment's name on the page: with that of its run where there are several.
func nameOf(p Page, r Run, s Sub) string {
	name := s.Stats.Title
	if name == "" {
		name = "sub-experiment " + strconv.Itoa(s.Stats.Index)
	}
	if len(p.Runs) > 1 {
		name = r.Name + ": " + name
	}
	return name
}

// whole is a distribution function before it is thinned out.
type whole struct {
	part string
	cdf  analyze.CDF
}

// curvesOf are the distribution functions that are drawn of a sub-experiment: those of a few requests say nothing.
func curvesOf(s analyze.Summary) []whole {
	return slices.DeleteFunc(partsOf(s), whole.few)
}

func (w whole) few() bool { return w.cdf.Len() < analyze.MinSamples(analyze.Median) }

// partsOf are the distribution functions of a sub-experiment: of cold and of warm requests each its own, because one of
// both says nothing about either.
func partsOf(s analyze.Summary) (out []whole) {
	unknown := s.Count - s.Cold.Count - s.Warm.Count
	if unknown > 0 {
		out = append(out, whole{"all", s.CDF})
	}
	if s.Cold.Count > 0 {
		out = append(out, whole{"cold", s.Cold.CDF})
	}
	if s.Warm.Count > 0 {
		out = append(out, whole{"warm", s.Warm.CDF})
	}
	return out
}

// thinned keeps about so many of a curve's corners, close together where few requests are: in the tail. Those that are
// kept are exact.
func (w whole) thinned(most int) curve {
	c := curve{Part: w.part}
	n := float64(w.cdf.Len())
	last := -1
	for i, x := range w.cdf.X {
		rank := float64(w.cdf.N[i])
		tail := math.Log((n+1)/(n+1-rank)) / math.Log(n+1) // 0 … 1, by the requests that are above
		cell := int((0.7*rank/n + 0.3*tail) * float64(most-2))
		if cell == last && i < len(w.cdf.X)-1 && len(w.cdf.X) > most {
			continue
		}
		last = cell
		c.X, c.N = append(c.X, number(x)), append(c.N, w.cdf.N[i])
	}
	return c
}

// showing divides what there is room for among timelines.
type showing struct {
	single []bool // requests are shown one by one
	fine   bool   // bins are those of Timeline.Fine
	none   bool   // there is no room even for Timeline.Coarse
}

func newShowing(all []Sub) showing {
	show := showing{single: make([]bool, len(all))}
	order := make([]int, len(all))
	for i := range order {
		order[i] = i
	}
	rows := func(i int) int {
		if t := all[i].Stats.Timeline; t != nil {
			return len(t.Moments)
		}
		return 0
	}
	slices.SortStableFunc(order, func(a, b int) int { return rows(a) - rows(b) })
	left, fine, coarse := allMoments, 0, 0
	for _, i := range order {
		t := all[i].Stats.Timeline
		if t == nil {
			continue
		}
		if n := rows(i); n > 0 && n <= left {
			show.single[i] = true
			left -= n
		}
		if !show.single[i] || t.Sustained {
			fine, coarse = fine+len(t.Fine.List), coarse+len(t.Coarse.List)
		}
	}
	show.fine, show.none = fine <= allBins, coarse > allBins
	return show
}

func (show showing) timeline(i int, t *analyze.Timeline) *timeline {
	if t == nil {
		return nil
	}
	out := &timeline{Began: t.Began.UTC().Format(time.RFC3339Nano), Span: number(t.Span.Seconds()),
		Sustained: t.Sustained, Classes: t.Classes, Suspects: t.Suspects}
	if show.single[i] {
		out.pack(t)
	}
	if (!show.single[i] || t.Sustained) && !show.none {
		of := t.Coarse
		if show.fine && !show.single[i] { // bins of few requests would show their own noise
			of = t.Fine
		}
		out.Bins = &bins{Start: number(of.Start.Seconds()), Width: number(of.Width.Seconds()), List: [][9]number{}}
		for _, b := range of.List {
			out.Bins.List = append(out.Bins.List, [9]number{number(b.Count), number(b.Cold), number(b.Warm),
				number(b.Errors), number(b.Suspects), value(b.Min), value(b.P50), value(b.P99), value(b.Max)})
		}
	}
	return out
}

// bytesOfMoment: instant and latency in ticks (0xffffffff: none) and the burst as uint32, little-endian; cold (0
// unknown, 1 warm, 2 cold) + 4 for warm-up; the indexes of class and of suspect.
const bytesOfMoment = 15

// pack packs the requests in base64: a number each takes a fraction of what it takes as text.
func (t *timeline) pack(of *analyze.Timeline) {
	var longest time.Duration
	for _, m := range of.Moments {
		longest = max(longest, m.Latency)
	}
	tick := func(longest time.Duration) int64 { return longest.Microseconds()/(math.MaxUint32-1) + 1 }
	t.TickAt, t.TickFor = tick(of.Span), tick(longest)
	packed := make([]byte, 0, bytesOfMoment*len(of.Moments))
	for _, m := range of.Moments {
		latency := uint32(math.MaxUint32)
		if m.Latency >= 0 {
			latency = uint32(m.Latency.Round(time.Microsecond).Microseconds() / t.TickFor)
		}
		packed = binary.LittleEndian.AppendUint32(packed, uint32(m.At.Microseconds()/t.TickAt))
		packed = binary.LittleEndian.AppendUint32(packed, latency)
		packed = binary.LittleEndian.AppendUint32(packed, uint32(m.Burst))
		kind := byte(m.Cold)
		if m.Warmup {
			kind += 4
		}
		packed = append(packed, kind, m.Class, m.Suspect)
	}
	t.Moments = base64.StdEncoding.EncodeToString(packed)
}

// bars joins neighbours until there are at most so many.
func bars(groups []analyze.BurstGroup, most int) [][8]number {
	each := (len(groups) + most - 1) / most
	var out [][8]number
	for i := 0; i < len(groups); i += each {
		g := groups[i]
		for _, next := range groups[i+1 : min(i+each, len(groups))] {
			g.Last, g.Cold, g.Warm, g.Unknown = next.Last, g.Cold+next.Cold, g.Warm+next.Warm, g.Unknown+next.Unknown
			g.Errors += next.Errors
			g.Median = analyze.Value{} // of both it is not known
			if next.Max.OK && (!g.Max.OK || next.Max.V > g.Max.V) {
				g.Max = next.Max
			}
		}
		out = append(out, [8]number{number(g.First), number(g.Last), number(g.Cold), number(g.Warm),
			number(g.Unknown), number(g.Errors), value(g.Median), value(g.Max)})
	}
	return out
}

// levels keeps the highest of neighbours where there are too many.
func levels(all []analyze.Level, most int) [][2]number {
	each := (len(all) + most - 1) / most
	var out [][2]number
	for i := 0; i < len(all); i += each {
		l := all[i]
		for _, next := range all[i:min(i+each, len(all))] {
			l.Alive = max(l.Alive, next.Alive)
		}
		if i+each >= len(all) {
			l.Alive = all[len(all)-1].Alive
		}
		out = append(out, [2]number{number(l.At.Seconds()), number(l.Alive)})
	}
	if len(all) > 0 {
		last := all[len(all)-1]
		out = append(out, [2]number{number(last.At.Seconds()), number(last.Alive)})
	}
	return out
}

func (c *charts) addComparisons(p Page) {
	left := mostDots
	for _, r := range p.Runs {
		for _, of := range r.Comparisons {
			chart := comparisonChart{Title: comparisonTitle(p, r, of), Key: of.Axis.Key, Unit: of.Axis.Unit,
				Part: of.Part, Numeric: of.Axis.Values != nil, Lines: []comparisonLine{}}
			for _, l := range of.Lines {
				line := comparisonLine{Name: l.Name, Points: []point{}}
				for _, pt := range l.Points {
					if pt.Enough {
						line.Points = append(line.Points, point{pt.Label, number(pt.X), pt.N, estimate(pt.MainP50),
							estimate(pt.MainP99)})
					}
				}
				left -= len(line.Points)
				chart.Lines = append(chart.Lines, line)
			}
			if left < 0 {
				return
			}
			c.Comparisons = append(c.Comparisons, chart)
		}
	}
}

func comparisonTitle(p Page, r Run, of Comparison) string {
	title := report.ComparisonTitle(of.Comparison)
	if len(p.Runs) > 1 {
		title = r.Name + ": " + title
	}
	return title
}

func estimate(e analyze.Estimate) [3]number {
	return [3]number{value(e.Value), value(e.Low), value(e.High)}
}
