package report

import (
	"fmt"
	"strings"

	"gonum.org/v1/plot/font"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// drawable reports whether the font of plots has a glyph for each character of a text. A character without a glyph
// would be left out.
func drawable(txt string) bool {
	face := font.DefaultCache.Lookup(textStyle(textSize, inkColor).Font, textSize)
	for _, r := range printable(txt) {
		glyph, err := face.Face.GlyphIndex(nil, r)
		if err != nil || glyph == 0 {
			return false
		}
	}
	return true
}

// plotTitle is a sub-experiment's title in plots: its index if the font lacks a glyph of it.
func plotTitle(s analyze.Summary) string {
	if drawable(s.Title) {
		return s.Title
	}
	return fmt.Sprintf("#%d", s.Index)
}

// Numbered says which sub-experiments plots name by their index; empty if they name all by their title.
func Numbered(all []analyze.Summary) string {
	var names []string
	for _, s := range all {
		if name := plotTitle(s); name != s.Title {
			names = append(names, fmt.Sprintf("%s is %s", name, printable(s.Title)))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "the font of plots lacks characters of some titles; plots show the index instead: " +
		strings.Join(names, ", ")
}
