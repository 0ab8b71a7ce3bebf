package report

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// TuningPlot is the name of the plot of a recommended memory size, in the run's folder; n counts recommendations.
func TuningPlot(n int) string {
	if n == 0 {
		return "memory_tuning.png"
	}
	return fmt.Sprintf("memory_tuning-%d.png", n)
}

// Tunings draws time and cost against memory for each recommendation, into the run's folder.
func (d *Drawing) Tunings(dir string, all []analyze.Tuning) {
	for n, t := range all {
		f, err := tuningFigure(t)
		d.add(dir, TuningPlot(n), f, err)
	}
}

// Tunings writes for each recommendation a table of the sizes, and what is recommended. The error is the writer's.
func Tunings(w io.Writer, all []analyze.Tuning, o SummaryOptions) error {
	out := bufio.NewWriter(w)
	for _, t := range all {
		fmt.Fprintln(out)
		o.sentence(out, fmt.Sprintf("memory size by %s%s, %s, 95 %% intervals over whole bursts", strategyWords(t),
			lineWords(t), timeWords(t)))
		tuningTable(t).write(out, o)
		o.sentence(out, recommendation(t))
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing the memory sizes: %w", err)
	}
	return nil
}

// tuningTable has a row for each memory size.
func tuningTable(t analyze.Tuning) Table {
	size, n, time, around := Column{Name: "MB"}, Column{Name: "n"}, Column{Name: "time"},
		Column{Name: "95 %"}
	cost, aroundCost := Column{Name: "USD per million"}, Column{Name: "95 %", Drop: 1}
	for _, p := range t.Points {
		size.Cells, n.Cells = append(size.Cells, strconv.Itoa(p.MemoryMB)), append(n.Cells, strconv.Itoa(p.Count))
		time.Cells, around.Cells = append(time.Cells, duration(p.Time.Value)), append(around.Cells, bounds(p.Time))
		cost.Cells = append(cost.Cells, money(p.Cost.Value))
		aroundCost.Cells = append(aroundCost.Cells, bounds(p.Cost))
	}
	return Table{Columns: []Column{size, n, time, around, cost, aroundCost}, Title: -1}
}

func strategyWords(t analyze.Tuning) string {
	if t.Strategy == analyze.Balanced {
		return fmt.Sprintf("balance (%s of the weight on cost)", trimmed(t.Weight))
	}
	return t.Strategy
}

func lineWords(t analyze.Tuning) string {
	if t.Line == "" {
		return ""
	}
	return ", " + printable(t.Line)
}

func timeWords(t analyze.Tuning) string {
	if t.Reported {
		return "times as the platform reports them"
	}
	return "times as the client measured them"
}

func bounds(e analyze.Estimate) string {
	if !e.Low.OK || !e.High.OK {
		return noValue
	}
	return short(e.Low.V) + "…" + short(e.High.V)
}

func money(v analyze.Value) string {
	if !v.OK {
		return noValue
	}
	return short(v.V)
}

// recommendation is the line that says what is recommended, how sure that is, and how far the next size is away.
func recommendation(t analyze.Tuning) string {
	if t.MemoryMB == 0 {
		return "no memory size is recommended: " + t.Reason
	}
	text := fmt.Sprintf("recommended: %d MB", t.MemoryMB)
	switch {
	case t.LowMB == 0:
		text += fmt.Sprintf(" (no interval: it needs %d bursts of each size)", analyze.MinBursts)
	case t.LowMB == t.HighMB:
		text += " (95 % interval: that size alone)"
	default:
		text += fmt.Sprintf(" (95 %% interval: %d … %d MB)", t.LowMB, t.HighMB)
	}
	if !t.Excess.Value.OK {
		return text
	}
	verb := map[string]string{analyze.Cheapest: "costs %s %% more", analyze.Fastest: "takes %s %% longer"}[t.Strategy]
	if verb == "" {
		verb = "is %s %% worse in the balance"
	}
	text += fmt.Sprintf("; %d MB, the second best, "+verb, t.SecondMB, signed(t.Excess.Value.V*100))
	if e := t.Excess; e.Low.OK && e.High.OK {
		text += fmt.Sprintf(" (95 %%: %s … %s %%)", signed(e.Low.V*100), signed(e.High.V*100))
		if !t.Differs() {
			text += ", which is not significant"
		}
	}
	return text
}

// tuningFigure shows time on the left axis and cost on the right one, against memory. Both axes begin at zero.
func tuningFigure(t analyze.Tuning) (figure, error) {
	mostTime, mostCost := 0.0, 0.0
	lowMB, highMB := math.Inf(1), 0.0
	for _, p := range t.Points {
		if p.Time.Value.OK {
			mostTime = max(mostTime, p.Time.Value.V, p.Time.High.V)
			lowMB, highMB = min(lowMB, float64(p.MemoryMB)), max(highMB, float64(p.MemoryMB))
		}
		mostCost = max(mostCost, p.Cost.Value.V, p.Cost.High.V)
	}
	if mostTime == 0 {
		return figure{}, fail.Skip{Reason: "no size has a successful request"}
	}
	left := axisRange{}
	left.low, left.high = linearRange(0, mostTime)
	right := axisRange{}
	right.low, right.high = linearRange(0, mostCost)
	p := newPlot("FunctionMemoryMB (MB, log scale)", "Time of a request (ms)", grid{})
	left.apply(&p.Y)
	across := axisRange{log: true}
	across.low, across.high = lowMB/1.15, highMB*1.15
	across.apply(&p.X)
	p.X.Tick.Marker = sizeTicks(t)
	times, costs := memoryCurve{color: coldColor, glyph: medianGlyph(coldColor)},
		memoryCurve{color: costColor, glyph: tailGlyph(costColor), dashes: []vg.Length{6, 3}}
	scale := left.high / right.high
	for _, pt := range t.Points {
		times.add(pt.MemoryMB, pt.Time, 1)
		costs.add(pt.MemoryMB, pt.Cost, scale)
	}
	times.draw(p)
	f := figure{title: "Time and cost by memory" + lineWords(t), subtitle: recommendation(t), plot: p}
	line := times.style()
	f.legend = append(f.legend, key{label: "time, left", line: &line})
	if mostCost > 0 {
		p.Add(rightAxis{high: right.high, label: "Cost of a million requests (USD)"})
		costs.draw(p)
		dashed := costs.style()
		f.legend = append(f.legend, key{label: "cost, right", line: &dashed})
	}
	return f, nil
}

// costColor is that of money: vermilion.
const costColor rgb = 0xd55e00

// sizeTicks labels the sizes that were measured.
func sizeTicks(t analyze.Tuning) plot.ConstantTicks {
	var ticks plot.ConstantTicks
	for _, p := range t.Points {
		ticks = append(ticks, plot.Tick{Value: float64(p.MemoryMB), Label: strconv.Itoa(p.MemoryMB)})
	}
	return ticks
}

// memoryCurve is a quantity by memory, with intervals.
type memoryCurve struct {
	color  rgb
	glyph  draw.GlyphStyle
	dashes []vg.Length
	line   plotter.XYs
	glyphs marks
	bars   errorBars
}

func (m *memoryCurve) style() draw.LineStyle {
	return draw.LineStyle{Color: m.color, Width: curveWidth, Dashes: m.dashes}
}

// add enters a size; scale takes the value to the left axis.
func (m *memoryCurve) add(memoryMB int, e analyze.Estimate, scale float64) {
	if !e.Value.OK {
		return
	}
	x, y := float64(memoryMB), e.Value.V*scale
	m.line = append(m.line, plotter.XY{X: x, Y: y})
	m.glyphs = append(m.glyphs, mark{x, y, m.glyph})
	if e.Low.OK && e.High.OK {
		thin := draw.LineStyle{Color: m.color, Width: 0.9}
		m.bars = append(m.bars, errorBar{x, e.Low.V * scale, e.High.V * scale, thin})
	}
}

func (m *memoryCurve) draw(p *plot.Plot) {
	p.Add(&plotter.Line{XYs: m.line, LineStyle: m.style()}, m.glyphs, m.bars)
}

// rightAxis is a second upright axis from zero, to the right of the data.
type rightAxis struct {
	high  float64 // value at the top
	label string
}

const (
	rightTick  = vg.Length(5)
	rightWidth = vg.Length(62) // of ticks, their labels and the axis's
)

// Plot draws the axis.
func (a rightAxis) Plot(c draw.Canvas, _ *plot.Plot) {
	line := draw.LineStyle{Color: mutedColor, Width: 0.5}
	c.StrokeLine2(line, c.Max.X, c.Min.Y, c.Max.X, c.Max.Y)
	style := textStyle(textSize, inkColor)
	for _, t := range (linear{want: 6}).Ticks(0, a.high) {
		y := c.Min.Y + vg.Length(t.Value/a.high)*(c.Max.Y-c.Min.Y)
		c.StrokeLine2(line, c.Max.X, y, c.Max.X+rightTick, y)
		c.FillText(style, vg.Point{X: c.Max.X + rightTick + 3, Y: y}, t.Label)
	}
	label := textStyle(labelSize, inkColor)
	label.Rotation, label.XAlign, label.YAlign = math.Pi/2, draw.XCenter, draw.YBottom
	c.FillText(label, vg.Point{X: c.Max.X + rightWidth - 4, Y: (c.Min.Y + c.Max.Y) / 2}, a.label)
}

// GlyphBoxes keeps the place that the axis takes free.
func (a rightAxis) GlyphBoxes(*plot.Plot) []plot.GlyphBox {
	return []plot.GlyphBox{{X: 1, Y: 0.5, Rectangle: vg.Rectangle{Max: vg.Point{X: rightWidth}}}}
}
