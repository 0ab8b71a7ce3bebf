package report

import (
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// A title that the font cannot draw is replaced by its index in every plot, and a line says which one; other titles
// stay.
func TestTitlesWithoutGlyphs(t *testing.T) {
	for title, draws := range map[string]bool{
		"warm µs – Größe №1 Ελλάδα Россия": true, "冷启动": false, "ウォーム": false, "ठंडा": false, "بارد": false,
		"cold 🚀": false, "mixed 冷": false,
	} {
		s := workload{title: title, bursts: 2, size: 3, warmMS: 2, seed: 1}.summary(t)
		s.Index = 3
		want := map[bool]string{true: title, false: "#3"}[draws]
		all, err := combinedFigure([]analyze.Summary{s})
		if err != nil {
			t.Fatal(err)
		}
		one, err := cdfFigure(s)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(all.legend[0].label, want+" (n = ") || one.title != want {
			t.Errorf("%s: legend %q, title %q; want %s", title, all.legend[0].label, one.title, want)
		}
		if line := Numbered([]analyze.Summary{s}); (line == "") != draws || !draws &&
			!strings.Contains(line, "#3 is "+title) {
			t.Errorf("%s: said %q", title, line)
		}
	}
}
