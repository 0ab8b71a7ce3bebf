package report

import (
	"bytes"
	"cmp"
	"image"
	"image/color"
	"image/png"
)

// maxPalette is the most colors that a PNG's palette holds.
const maxPalette = 256

// pixel is a color as an image.RGBA holds it: red, green, blue, alpha.
type pixel [4]byte

// encode writes an image as PNG, with a palette if it has few enough colors. Plots have: as such they take a tenth of
// the time and fewer bytes. The same image gives the same bytes.
func encode(img *image.RGBA) ([]byte, error) {
	var out bytes.Buffer
	var err error
	if colors := reduce(countColors(img)); len(colors.used) <= maxPalette {
		fast := png.Encoder{CompressionLevel: png.BestSpeed} // what more effort saves is a seventh
		err = fast.Encode(&out, paletted(img, colors))
	} else {
		err = png.Encode(&out, img)
	}
	return out.Bytes(), err
}

// row is a row's pixels.
func row(img *image.RGBA, y int) []byte { return img.Pix[y*img.Stride:][:4*img.Rect.Dx()] }

// distinctRows calls each with every row that differs from the one above it: its y, and how many rows from there on are
// equal. Most rows of a plot are like the one above.
func distinctRows(img *image.RGBA, each func(y, equal int)) {
	height := img.Rect.Dy()
	for y := 0; y < height; {
		first, n := row(img, y), 1
		for y+n < height && bytes.Equal(first, row(img, y+n)) {
			n++
		}
		each(y, n)
		y += n
	}
}

// runs calls each with every run of pixels of one color in a row: where it begins and ends.
func runs(row []byte, each func(from, to int, p pixel)) {
	const stride = 32 // pixels that are of one color if they equal those one to the left; most of a plot is areas
	width := len(row) / 4
	for from := 0; from < width; {
		p, to := pixel(row[4*from:]), from+1
		for to+stride <= width && bytes.Equal(row[4*to:4*(to+stride)], row[4*(to-1):4*(to-1+stride)]) {
			to += stride
		}
		for to < width && pixel(row[4*to:]) == p {
			to++
		}
		each(from, to, p)
		from = to
	}
}

// countColors counts the pixels of each color.
func countColors(img *image.RGBA) map[pixel]int {
	counts := map[pixel]int{}
	distinctRows(img, func(y, equal int) {
		runs(row(img, y), func(from, to int, p pixel) { counts[p] += (to - from) * equal })
	})
	return counts
}

// reduction says as what each color of an image is drawn.
type reduction struct {
	as   map[pixel]pixel
	used map[pixel]bool // the colors that are left
}

// reduce keeps the colors that a palette can hold. Where there are more, colors whose channels are equal in the upper
// four bits become the most frequent of them. Such are the edges of lines and letters; areas keep their exact color.
func reduce(counts map[pixel]int) reduction {
	mask := byte(0xff)
	if len(counts) > maxPalette {
		mask = 0xf0
	}
	key := func(p pixel) pixel { return pixel{p[0] & mask, p[1] & mask, p[2] & mask, p[3] & mask} }
	most := map[pixel]pixel{}
	for p, n := range counts {
		best, ok := most[key(p)]
		if !ok || cmp.Or(cmp.Compare(n, counts[best]), bytes.Compare(best[:], p[:])) > 0 {
			most[key(p)] = p
		}
	}
	r := reduction{as: make(map[pixel]pixel, len(counts)), used: make(map[pixel]bool, len(most))}
	for p := range counts {
		r.as[p] = most[key(p)]
		r.used[most[key(p)]] = true
	}
	return r
}

// paletted is the image with a palette, in which the colors are in the order in which they occur.
func paletted(img *image.RGBA, colors reduction) *image.Paletted {
	few := image.NewPaletted(img.Rect, nil)
	indices := map[pixel]uint8{}
	distinctRows(img, func(y, equal int) {
		out := few.Pix[y*few.Stride:][:few.Stride]
		runs(row(img, y), func(from, to int, p pixel) {
			p = colors.as[p]
			index, ok := indices[p]
			if !ok {
				index = uint8(len(few.Palette))
				indices[p] = index
				few.Palette = append(few.Palette, color.RGBA{p[0], p[1], p[2], p[3]})
			}
			run := out[from:to]
			run[0] = index
			for done := 1; done < len(run); done *= 2 {
				copy(run[done:], run[:done])
			}
		})
		for i := 1; i < equal; i++ {
			copy(few.Pix[(y+i)*few.Stride:], out)
		}
	})
	return few
}
