package report

import (
	"image"
	"image/color"
	"image/draw"

	"golang.org/x/image/font"
	"golang.org/x/image/math/fixed"
	plotfont "gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/vgimg"
)

// rasterCanvas is an image to draw on. It puts the letters of upright text onto the pixels itself: the library below
// transforms each letter as an image, which takes longer than all the rest of a plot.
type rasterCanvas struct {
	*vgimg.Canvas
	img   *image.RGBA
	faces map[plotfont.Font]font.Face
	color color.Color
	saved []saved
	moved bool // the coordinates are turned, moved or scaled
}

// saved is what Pop brings back.
type saved struct {
	color color.Color
	moved bool
}

var _ vg.CanvasSizer = (*rasterCanvas)(nil)

// newRaster makes a white canvas; false where the library draws on another kind of image.
func newRaster(width, height vg.Length) (*rasterCanvas, bool) {
	c := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(figureDPI))
	img, ok := c.Image().(*image.RGBA)
	return &rasterCanvas{Canvas: c, img: img, faces: map[plotfont.Font]font.Face{}, color: color.Black}, ok
}

// SetColor sets the color of lines, areas and text.
func (c *rasterCanvas) SetColor(clr color.Color) {
	if clr == nil {
		clr = color.Black
	}
	c.color = clr
	c.Canvas.SetColor(clr)
}

// Push saves color and coordinates for Pop.
func (c *rasterCanvas) Push() {
	c.saved = append(c.saved, saved{c.color, c.moved})
	c.Canvas.Push()
}

// Pop brings back what the last Push saved.
func (c *rasterCanvas) Pop() {
	last := c.saved[len(c.saved)-1]
	c.saved, c.color, c.moved = c.saved[:len(c.saved)-1], last.color, last.moved
	c.Canvas.Pop()
}

// Rotate turns the coordinates.
func (c *rasterCanvas) Rotate(radians float64) {
	c.moved = true
	c.Canvas.Rotate(radians)
}

// Translate moves the coordinates.
func (c *rasterCanvas) Translate(by vg.Point) {
	c.moved = true
	c.Canvas.Translate(by)
}

// Scale scales the coordinates.
func (c *rasterCanvas) Scale(x, y float64) {
	c.moved = true
	c.Canvas.Scale(x, y)
}

// FillString draws a line of text whose baseline begins at a point.
func (c *rasterCanvas) FillString(f plotfont.Face, at vg.Point, text string) {
	if c.moved {
		c.Canvas.FillString(f, at, text)
		return
	}
	if f.Font.Size == 0 {
		return
	}
	face := c.faces[f.Font]
	if face == nil {
		face = f.FontFace(figureDPI)
		c.faces[f.Font] = face
	}
	ink := image.NewUniform(c.color)
	dot := fixed.Point26_6{
		X: fixed.Int26_6(at.X.Dots(figureDPI) * 64),
		Y: fixed.Int26_6((float64(c.img.Rect.Dy()) - at.Y.Dots(figureDPI)) * 64),
	}
	before := rune(-1)
	for _, r := range text {
		if before >= 0 {
			dot.X += face.Kern(before, r)
		}
		where, mask, from, advance, ok := face.Glyph(dot, r)
		if !ok {
			continue
		}
		draw.DrawMask(c.img, where, ink, image.Point{}, mask, from, draw.Over)
		dot.X += advance
		before = r
	}
}
