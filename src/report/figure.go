package report

import (
	"bytes"
	"fmt"
	"image/color"
	"io"
	"math"
	"os"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/vhive-serverless/STeLLAR/src/wholefile"
)

// figure is a plot with a head above it: title, subtitle and a legend in rows, so that the legend never hides data.
type figure struct {
	title    string
	subtitle string
	legend   []key
	plot     *plot.Plot
	sheet    *sheet // in place of plot
}

// key is one entry of the legend; one of line, box and glyph says how its sample looks.
type key struct {
	label string
	line  *draw.LineStyle
	box   color.Color
	glyph *draw.GlyphStyle
	fresh bool // starts a row where the legend needs more than one
}

const (
	titleHeight    = vg.Length(20)
	subtitleHeight = vg.Length(17)
	legendRow      = vg.Length(16)
	legendGap      = vg.Length(6) // between the legend and the plot
	sampleGap      = vg.Length(5)
	entryGap       = vg.Length(14)
)

// sampleWidth is the width of an entry's sample: a line needs more width to show its dashes.
func (k key) sampleWidth() vg.Length {
	if k.line != nil {
		return 20
	}
	return 10
}

// placed is a legend entry with its position: x from the left, row from the top.
type placed struct {
	key
	x   vg.Length
	row int
}

// layout puts legend entries into rows of the given width, in their order, and returns the number of rows. Entries that
// need more than two rows are aligned in columns.
func layout(keys []key, width vg.Length) (out []placed, rows int) {
	out, rows = flow(keys, width, 0, false)
	if rows <= 1 {
		return out, rows
	}
	if out, rows = flow(keys, width, 0, true); rows <= 2 {
		return out, rows
	}
	style := textStyle(textSize, inkColor)
	widest := vg.Length(0)
	for _, k := range out {
		widest = max(widest, k.sampleWidth()+sampleGap+style.Width(k.label)+entryGap)
	}
	columns := max(1, int((width+entryGap)/widest))
	return flow(keys, width, (width+entryGap)/vg.Length(columns), true)
}

// flow places entries one after the other, each at a multiple of column (if it is over 0); breaks says that fresh
// entries start a row.
func flow(keys []key, width, column vg.Length, breaks bool) (out []placed, rows int) {
	style := textStyle(textSize, inkColor)
	x := vg.Length(0)
	for _, k := range keys {
		k.label = fit(style, k.label, width-k.sampleWidth()-sampleGap)
		w := k.sampleWidth() + sampleGap + style.Width(k.label)
		if len(out) > 0 && (x+w > width+0.01 || breaks && k.fresh) {
			x = 0
			rows++
		}
		out = append(out, placed{key: k, x: x, row: rows})
		x += max(w+entryGap, column)
	}
	if len(out) > 0 {
		rows++
	}
	return out, rows
}

// head is the height of what stands above the plot, and the legend as it is laid out there.
func (f figure) head() (height vg.Length, legend []placed) {
	legend, rows := layout(f.legend, figureWidth-2*margin)
	return titleHeight + subtitleHeight + vg.Length(rows)*legendRow + legendGap, legend
}

// height is that of the whole figure.
func (f figure) height() vg.Length {
	head, _ := f.head()
	if f.sheet != nil {
		return head + f.sheet.height() + 2*margin
	}
	return head + plotHeight + 2*margin
}

// draw draws the figure on a canvas of its size.
func (f figure) draw(on vg.CanvasSizer) {
	width := figureWidth - 2*margin
	head, legend := f.head()
	c := draw.Crop(draw.New(on), margin, -margin, margin, -margin)
	title := textStyle(titleSize, inkColor)
	title.Font.Weight = boldWeight
	sub := textStyle(textSize, mutedColor)
	y := c.Max.Y - titleHeight/2
	c.FillText(title, vg.Point{X: c.Min.X, Y: y}, fit(title, f.title, width))
	y -= titleHeight/2 + subtitleHeight/2
	c.FillText(sub, vg.Point{X: c.Min.X, Y: y}, fit(sub, f.subtitle, width))
	y -= subtitleHeight/2 + legendRow/2
	for _, k := range legend {
		k.draw(c, vg.Point{X: c.Min.X + k.x, Y: y - vg.Length(k.row)*legendRow})
	}
	area := draw.Crop(c, 0, 0, 0, -head)
	if f.sheet != nil {
		f.sheet.draw(area)
		return
	}
	f.plot.Draw(area)
}

// png is the figure as a PNG. The same figure gives the same bytes.
func (f figure) png() ([]byte, error) {
	canvas, ok := newRaster(figureWidth, f.height())
	if !ok {
		return nil, fmt.Errorf("encoding the plot %q: it is drawn on a %T", f.title, canvas.Image())
	}
	f.draw(canvas)
	data, err := encode(canvas.img)
	if err != nil {
		return nil, fmt.Errorf("encoding the plot %q: %w", f.title, err)
	}
	return data, nil
}

// svg is the figure as an SVG, whose text stays text. The same figure gives the same bytes.
func (f figure) svg() ([]byte, error) {
	canvas := vgsvg.New(figureWidth, f.height())
	f.draw(canvas)
	var out bytes.Buffer
	if _, err := canvas.WriteTo(&out); err != nil {
		return nil, fmt.Errorf("encoding the plot %q: %w", f.title, err)
	}
	return out.Bytes(), nil
}

func (k key) draw(c draw.Canvas, at vg.Point) {
	middle := vg.Point{X: at.X + k.sampleWidth()/2, Y: at.Y}
	switch {
	case k.line != nil:
		c.StrokeLine2(*k.line, at.X, at.Y, at.X+k.sampleWidth(), at.Y)
	case k.box != nil:
		rectangle(c, k.box, middle.X-4.5, middle.X+4.5, at.Y-4.5, at.Y+4.5)
	case k.glyph != nil:
		c.DrawGlyph(*k.glyph, middle)
	}
	// Centring is on the font's whole height; digits and capitals sit in its upper part, so the text goes up a little.
	c.FillText(textStyle(textSize, inkColor), vg.Point{X: at.X + k.sampleWidth() + sampleGap, Y: at.Y + 1.2}, k.label)
}

// rectangle fills whole pixels across, so that two that touch leave no bright seam.
func rectangle(c draw.Canvas, col color.Color, left, right, bottom, top vg.Length) {
	const pixel = vg.Inch / figureDPI
	snap := func(x vg.Length) vg.Length { return vg.Length(math.Round(float64(x/pixel))) * pixel }
	left, right = snap(left), snap(right)
	c.FillPolygon(col, []vg.Point{{X: left, Y: bottom}, {X: right, Y: bottom}, {X: right, Y: top}, {X: left, Y: top}})
}

// write puts the figure into a file, whose folder it makes. After an error the file is what it was.
func (f figure) write(path string, format Format) error {
	as := f.png
	if format == SVG {
		as = f.svg
	}
	data, err := as()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("making the folder of a plot: %w", err)
	}
	if err := wholefile.Replace(path, func(w io.Writer) error { _, err := w.Write(data); return err }); err != nil {
		return fmt.Errorf("writing a plot: %w", err)
	}
	return nil
}
