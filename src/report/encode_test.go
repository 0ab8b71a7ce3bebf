package report

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"slices"
	"testing"
)

// striped is an image whose pixels go through a list of colors, cut out of a larger one.
func striped(colors []color.RGBA) *image.RGBA {
	whole := image.NewRGBA(image.Rect(0, 0, 70, 60))
	for i := range 70 * 60 {
		whole.SetRGBA(i%70, i/70, colors[i/2%len(colors)])
	}
	return whole.SubImage(image.Rect(3, 5, 69, 58)).(*image.RGBA)
}

// gradient is n colors, each of which differs from all others in the upper bits of a channel.
func gradient(n int) []color.RGBA {
	var all []color.RGBA
	for i := range n {
		all = append(all, color.RGBA{uint8(i << 4), uint8(i >> 4 << 4), uint8(i >> 8 << 4), 255})
	}
	return all
}

// farthest compares an encoded image with its original: the largest difference in a channel, and whether it has a
// palette.
func farthest(t *testing.T, img *image.RGBA) (difference int, hasPalette bool) {
	t.Helper()
	data, err := encode(img)
	if err != nil {
		t.Fatal(err)
	}
	got, err := png.Decode(bytes.NewReader(data))
	if err != nil || got.Bounds().Size() != img.Bounds().Size() {
		t.Fatalf("%v, error %v", got, err)
	}
	for y := range img.Rect.Dy() {
		for x := range img.Rect.Dx() {
			a := img.RGBAAt(img.Rect.Min.X+x, img.Rect.Min.Y+y)
			b := color.RGBAModel.Convert(got.At(x, y)).(color.RGBA)
			for channel := range 4 {
				d := int([4]byte{a.R, a.G, a.B, a.A}[channel]) - int([4]byte{b.R, b.G, b.B, b.A}[channel])
				difference = max(difference, d, -d)
			}
		}
	}
	_, hasPalette = got.(*image.Paletted)
	return difference, hasPalette
}

// Runs of all lengths, from every place in a row, are found whole.
func TestRuns(t *testing.T) {
	const width = 150
	rng := rand.New(rand.NewPCG(3, 1))
	img := image.NewRGBA(image.Rect(0, 0, width, 200))
	var want, got [][3]int
	for y := range img.Rect.Dy() {
		for from, c := 0, uint8(1); from < width; c ^= 3 {
			to := min(width, from+1+rng.IntN(1+rng.IntN(width)))
			for x := from; x < to; x++ {
				img.SetRGBA(x, y, color.RGBA{c, 0, 0, 255})
			}
			want = append(want, [3]int{y, from, to})
			from = to
		}
	}
	for y := range img.Rect.Dy() {
		runs(row(img, y), func(from, to int, p pixel) {
			got = append(got, [3]int{y, from, to})
			if p != pixel(img.Pix[img.PixOffset(from, y):][:4]) {
				t.Errorf("row %d: the run at %d is of another color: %v", y, from, p)
			}
		})
	}
	if !slices.Equal(got, want) {
		t.Errorf("%d runs, want %d:\n%v\nwant\n%v", len(got), len(want), got, want)
	}
}

func TestEncode(t *testing.T) {
	var near []color.RGBA // more than a palette holds, of which neighbours look the same
	for i := range 1000 {
		near = append(near, color.RGBA{uint8(i), uint8(i / 4), 0, 255})
	}
	for name, c := range map[string]struct {
		colors     []color.RGBA
		difference int
		palette    bool
	}{
		"one color":        {gradient(1), 0, true},
		"a full palette":   {gradient(maxPalette), 0, true},
		"one color more":   {gradient(maxPalette + 1), 0, false},
		"many near colors": {near, 15, true},
	} {
		t.Run(name, func(t *testing.T) {
			difference, palette := farthest(t, striped(c.colors))
			if difference > c.difference || palette != c.palette {
				t.Errorf("a channel differs by %d, palette %v", difference, palette)
			}
		})
	}
}

// Of colors that become one, the most frequent is exact.
func TestReduceKeepsAreas(t *testing.T) {
	counts := map[pixel]int{
		{0x30, 0x20, 0x10}: 1000, {0x31, 0x21, 0x11}: 3, {0x3f, 0x2f, 0x1f}: 2, {0x30, 0x20, 0x20}: 1,
	}
	for i := range maxPalette {
		counts[pixel{byte(i), 0x80, 0x80}] = i
	}
	r := reduce(counts)
	for p, want := range map[pixel]pixel{
		{0x30, 0x20, 0x10}: {0x30, 0x20, 0x10}, {0x31, 0x21, 0x11}: {0x30, 0x20, 0x10},
		{0x3f, 0x2f, 0x1f}: {0x30, 0x20, 0x10}, {0x30, 0x20, 0x20}: {0x30, 0x20, 0x20},
		{0x00, 0x80, 0x80}: {0x0f, 0x80, 0x80}, {0xff, 0x80, 0x80}: {0xff, 0x80, 0x80},
	} {
		if r.as[p] != want {
			t.Errorf("%x is drawn as %x, want %x", p, r.as[p], want)
		}
	}
	if len(r.used) != 18 {
		t.Errorf("%d colors are left", len(r.used))
	}
}
