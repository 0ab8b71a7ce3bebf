// Package report draws the plots of a run and prints its summary.
package report

import (
	"image/color"
	"strings"

	xfont "golang.org/x/image/font"
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

const (
	figureWidth = 8 * vg.Inch
	plotHeight  = 4.1 * vg.Inch // axes and data, under the head
	figureDPI   = 192           // twice a screen's, so that a plot stays sharp in print
	margin      = vg.Length(14)

	titleSize  = 14
	textSize   = 10
	labelSize  = 11
	boldWeight = xfont.WeightBold
)

// rgb is an opaque colour, 0xRRGGBB.
type rgb uint32

// RGBA makes rgb a color.Color.
func (c rgb) RGBA() (r, g, b, a uint32) {
	return uint32(c>>16&0xff) * 0x101, uint32(c>>8&0xff) * 0x101, uint32(c&0xff) * 0x101, 0xffff
}

// Colours by role, from Okabe and Ito's palette, which colour-blind readers tell apart.
const (
	inkColor     rgb = 0x262626
	mutedColor   rgb = 0x595959
	gridColor    rgb = 0xe3e3e3
	coldColor    rgb = 0x0072b2 // blue
	warmColor    rgb = 0xe69f00 // orange
	failedColor  rgb = 0x262626
	unknownColor rgb = 0xb5b5b5
)

// seriesColor and seriesDashes together distinguish 28 sub-experiments. Yellow is left out, because it is hardly
// visible on white. In order: blue, vermilion, bluish green, reddish purple, orange, sky blue, black.
func seriesColor(i int) color.Color {
	palette := []rgb{0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0xe69f00, 0x56b4e9, 0x000000}
	return palette[i%len(palette)]
}

func seriesDashes(i int) []vg.Length {
	dashes := [][]vg.Length{nil, {6, 3}, {2, 2}, {8, 3, 2, 3}}
	return dashes[i/7%len(dashes)]
}

func textStyle(size vg.Length, c color.Color) text.Style {
	return text.Style{
		Color:   c,
		Font:    font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, size),
		Handler: plot.DefaultTextHandler,
		XAlign:  draw.XLeft,
		YAlign:  draw.YCenter,
	}
}

// newPlot returns an empty plot in the common style: no box, a light grid, sans-serif.
func newPlot(xLabel, yLabel string, g grid) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	for _, a := range []*plot.Axis{&p.X, &p.Y} {
		a.Color = mutedColor
		a.Padding = 0
		a.Label.TextStyle.Font = textStyle(labelSize, inkColor).Font
		a.Label.TextStyle.Color = inkColor
		a.Label.Padding = 6
		a.Tick.Label.Font = textStyle(textSize, inkColor).Font
		a.Tick.Label.Color = inkColor
		a.Tick.Color = mutedColor
		a.Tick.Length = 5
	}
	p.X.Label.Text, p.Y.Label.Text = xLabel, yLabel
	p.Add(g)
	return p
}

// grid draws a light line at each labelled tick of the axes, behind the data: across only, where bars hide the others.
type grid struct{ horizontal bool }

// Plot draws the lines.
func (g grid) Plot(c draw.Canvas, p *plot.Plot) {
	style := draw.LineStyle{Color: gridColor, Width: 0.6}
	for _, t := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
		if x := p.X.Norm(t.Value); !g.horizontal && !t.IsMinor() && x > 0 && x <= 1 {
			c.StrokeLine2(style, c.X(x), c.Min.Y, c.X(x), c.Max.Y)
		}
	}
	for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
		if y := p.Y.Norm(t.Value); !t.IsMinor() && y > 0 && y <= 1 {
			c.StrokeLine2(style, c.Min.X, c.Y(y), c.Max.X, c.Y(y))
		}
	}
}

// fit shortens text with an ellipsis until it is no wider than the given length. Control characters, which a title
// could contain, become spaces.
func fit(s text.Style, txt string, width vg.Length) string {
	txt = printable(txt)
	if s.Width(txt) <= width {
		return txt
	}
	runes := []rune(txt)
	for len(runes) > 0 {
		runes = runes[:len(runes)-1]
		if short := strings.TrimRight(string(runes), " ") + "…"; s.Width(short) <= width {
			return short
		}
	}
	return ""
}
