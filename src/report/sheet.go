package report

import (
	"fmt"
	"iter"
	"math"
	"path/filepath"
	"slices"
	"strconv"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// A sheet has the histograms of many bursts: small ones, all on the same axes, so that they can be compared.
const (
	sheetColumns = 6
	sheetRows    = 8
	sheetBins    = 40
	cellHeight   = vg.Length(64)
	cellGap      = vg.Length(8)  // between two histograms
	cellHead     = vg.Length(10) // text above a histogram
	cellText     = 7
	sheetFoot    = vg.Length(14) // labels of the axis below the last row
)

// sheet is a page of histograms.
type sheet struct {
	axis  axisRange
	cells []cell
}

// cell is the histogram of one burst.
type cell struct {
	burst    int
	counts   []int // of each of the axis's sheetBins bins
	n        int
	errors   int
	p50, p99 float64 // ms, where n is not 0
}

// histograms draws the latencies of each burst, in sheets.
func (d *Drawing) histograms(dir string, s analyze.Summary) {
	for sh, err := range sheets(s) {
		name := "histograms"
		if err == nil {
			name = sh.file()
		}
		d.add(dir, name+".png", sh.figure(s), err)
		if d.failed != nil {
			return
		}
	}
}

// sheets gives one sheet after the other, or why there is none.
func sheets(s analyze.Summary) iter.Seq2[*sheet, error] {
	return func(yield func(*sheet, error) bool) {
		if s.Count == 0 {
			yield(&sheet{}, fail.Skip{Reason: noData(s)})
			return
		}
		axis := latencyRange(extent{s.Min.V, s.P50.V, s.Max.V})
		page := &sheet{axis: axis}
		for b := range s.Bursts.All() {
			page.cells = append(page.cells, axis.cell(b))
			if len(page.cells) == sheetColumns*sheetRows {
				if !yield(page, nil) {
					return
				}
				page = &sheet{axis: axis}
			}
		}
		if len(page.cells) > 0 {
			yield(page, nil)
		}
	}
}

// cell puts a burst's latencies into the bins of the axis.
func (r axisRange) cell(b analyze.Burst) cell {
	c := cell{burst: b.Number, n: len(b.Latencies), errors: b.Errors, counts: make([]int, sheetBins)}
	for _, ms := range b.Latencies {
		c.counts[min(sheetBins-1, max(0, int(r.at(ms)*sheetBins)))]++
	}
	if c.n > 0 {
		sorted := slices.Sorted(slices.Values(b.Latencies))
		c.p50, c.p99 = analyze.Median.Of(sorted).V, analyze.P99.Of(sorted).V
	}
	return c
}

// file is the name of the sheet's file without its ending, by the bursts that it has.
func (s *sheet) file() string {
	first, last := s.cells[0].burst, s.cells[len(s.cells)-1].burst
	name := "burst" + strconv.Itoa(first)
	if last != first {
		name += "-" + strconv.Itoa(last)
	}
	return filepath.Join("histograms", name)
}

// most is the largest count of a bin of the sheet.
func (s *sheet) most() int {
	most := 1
	for _, c := range s.cells {
		most = max(most, slices.Max(c.counts))
	}
	return most
}

func (s *sheet) rows() int { return (len(s.cells) + sheetColumns - 1) / sheetColumns }

func (s *sheet) height() vg.Length { return vg.Length(s.rows())*cellHeight + sheetFoot }

// figure is the sheet with its head.
func (s *sheet) figure(of analyze.Summary) figure {
	if len(s.cells) == 0 {
		return figure{}
	}
	median, tail := medianLine(), tailLine()
	title := fmt.Sprintf("Burst %d of %s", s.cells[0].burst, plotTitle(of))
	if last := s.cells[len(s.cells)-1].burst; last != s.cells[0].burst {
		title = fmt.Sprintf("Bursts %d to %d of %s", s.cells[0].burst, last, plotTitle(of))
	}
	scale := ""
	if s.axis.log {
		scale = ", log scale"
	}
	return figure{
		title: title,
		subtitle: fmt.Sprintf("client latency from %s to %s in each%s; the tallest bar is %s",
			axisEnd(s.axis.low), axisEnd(s.axis.high), scale, counted(s.most(), "request")),
		sheet: s,
		legend: []key{
			{label: fmt.Sprintf("requests (%d bins)", sheetBins), box: coldColor},
			{label: "median", line: &median},
			{label: "p99", line: &tail},
		},
	}
}

// axisEnd is the label of an end of the axis, in ms.
func axisEnd(ms float64) string {
	if ms == 0 {
		return "0"
	}
	return duration(analyze.Of(ms))
}

func medianLine() draw.LineStyle { return draw.LineStyle{Color: inkColor, Width: 0.8} }

func tailLine() draw.LineStyle {
	return draw.LineStyle{Color: inkColor, Width: 0.8, Dashes: []vg.Length{2.5, 1.5}}
}

// draw draws the histograms row by row, and the axis's ends below the last one of each column.
func (s *sheet) draw(c draw.Canvas) {
	width := (c.Max.X - c.Min.X + cellGap) / sheetColumns
	most := float64(s.most())
	text := textStyle(cellText, mutedColor)
	for i, one := range s.cells {
		left := c.Min.X + vg.Length(i%sheetColumns)*width
		top := c.Max.Y - vg.Length(i/sheetColumns)*cellHeight
		area := vg.Rectangle{
			Min: vg.Point{X: left, Y: top - cellHeight + cellGap},
			Max: vg.Point{X: left + width - cellGap, Y: top - cellHead},
		}
		c.FillText(text, vg.Point{X: left, Y: top - cellHead/2}, fit(text, one.label(), area.Size().X))
		s.bars(c, one, area, most)
		if i+sheetColumns >= len(s.cells) {
			below := area.Min.Y - sheetFoot/2
			c.FillText(text, vg.Point{X: area.Min.X, Y: below}, axisEnd(s.axis.low))
			right := text
			right.XAlign = draw.XRight
			c.FillText(right, vg.Point{X: area.Max.X, Y: below}, axisEnd(s.axis.high))
		}
	}
}

// label is the text above a histogram.
func (c cell) label() string {
	switch {
	case c.n == 0:
		return fmt.Sprintf("%d: %d failed", c.burst, c.errors)
	case c.errors > 0:
		return fmt.Sprintf("%d: n = %d, %d failed, p50 %s", c.burst, c.n, c.errors, duration(analyze.Of(c.p50)))
	}
	return fmt.Sprintf("%d: n = %d, p50 %s", c.burst, c.n, duration(analyze.Of(c.p50)))
}

// bars draws one histogram with its axis, median and p99.
func (s *sheet) bars(c draw.Canvas, one cell, area vg.Rectangle, most float64) {
	size := area.Size()
	at := func(part float64) vg.Length { return area.Min.X + size.X*vg.Length(part) }
	for bin, n := range one.counts {
		if n > 0 {
			top := area.Min.Y + size.Y*vg.Length(float64(n)/most)
			rectangle(c, coldColor, at(float64(bin)/sheetBins), at(float64(bin+1)/sheetBins), area.Min.Y, top)
		}
	}
	c.StrokeLine2(draw.LineStyle{Color: mutedColor, Width: 0.5}, area.Min.X, area.Min.Y, area.Max.X, area.Min.Y)
	if one.n == 0 {
		return
	}
	for _, mark := range []struct {
		ms    float64
		style draw.LineStyle
	}{{one.p50, medianLine()}, {one.p99, tailLine()}} {
		x := at(math.Min(1, math.Max(0, s.axis.at(mark.ms))))
		c.StrokeLine2(mark.style, x, area.Min.Y, x, area.Max.Y)
	}
}
