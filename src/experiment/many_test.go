package experiment

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestManyMistakesAreAllListed holds that the place of a mistake costs the same wherever it is, and that none is left
// out.
func TestManyMistakesAreAllListed(t *testing.T) {
	looked := map[int]int{}
	for _, n := range []int{1_000, 20_000} {
		d := newDecoder(newSource("f.json", []byte(sub(`"Bursts": 1, "BurstSizes": [`+strings.Repeat("0,", n-1)+`0]`))))
		d.known = testProviders()
		root, _, err := readTree(d.src, "")
		if err != nil {
			t.Fatal(err)
		}
		d.file(root)
		all := d.err()
		if lines := strings.Count(all.Error(), "\n") + 1; len(all.List) != n || lines != n {
			t.Errorf("%d mistakes on one line: %d found, %d lines", n, len(all.List), lines)
		}
		if last := all.List[n-1]; last.Path != fmt.Sprintf("SubExperiments[0].BurstSizes[%d]", n-1) || last.Line != 1 ||
			last.Column != 71+2*(n-1) {
			t.Errorf("the last one is at %s", last.Position)
		}
		looked[n] = d.src.looked / n
	}
	if looked[20_000] > 2*markEvery || looked[20_000] > 2*looked[1_000] {
		t.Errorf("bytes read for the place of a mistake, by the number of mistakes: %v", looked)
	}
}

// TestSweepsReadABadValueOnce holds that the combinations of a sweep share what was found out about a value.
func TestSweepsReadABadValueOnce(t *testing.T) {
	d := newDecoder(newSource("f.json", []byte(sub(`"BurstSizes": [`+strings.Repeat("0,",
		99)+`0], "Sweep": {"Bursts": [1`+counting(2, 500)+`]}`))))
	d.known = testProviders()
	root, _, err := readTree(d.src, "")
	if err != nil {
		t.Fatal(err)
	}
	d.file(root)
	if n := len(d.err().List); n != 100 {
		t.Errorf("%d mistakes, want 100", n)
	}
	if d.src.looked > 200*markEvery {
		t.Errorf("%d bytes read for 100 places", d.src.looked)
	}
}

func counting(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		fmt.Fprintf(&b, ",%d", i)
	}
	return b.String()
}

// TestPlacesOfEveryOffset compares the way by marks with counting from the line's beginning.
func TestPlacesOfEveryOffset(t *testing.T) {
	draw := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for b.Len() < 5*markEvery {
		b.WriteString([]string{"a", "ü", "€", "𝄞", "\n", "\r\n", "abc"}[draw.IntN(7)])
	}
	for _, text := range []string{b.String(), b.String()[:3*markEvery], strings.ReplaceAll(b.String(), "\n", " "), ""} {
		s := newSource("f", []byte(text))
		for off := range len(text) + 1 {
			if off < len(text) && !utf8.RuneStart(text[off]) {
				continue
			}
			start := strings.LastIndexByte(text[:off], '\n') + 1
			line, column := 1+strings.Count(text[:off], "\n"), 1+utf8.RuneCountInString(text[start:off])
			if l, c := s.at(off); l != line || c != column {
				t.Fatalf("offset %d: %d:%d, want %d:%d", off, l, c, line, column)
			}
		}
	}
}
