package pipeline

import (
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/analyze"
)

// TestTuningLine: sizes of two titles are two recommendations, and so are those of two runtimes.
func TestTuningLine(t *testing.T) {
	axes := []analyze.Axis{
		{Key: "FunctionMemoryMB", Group: "a", Members: []int{0, 1}, Labels: []string{"128", "256", "", "", "", ""}},
		{Key: "Runtime", Group: "b", Members: []int{2, 3, 4, 5}, Labels: []string{"", "", "go", "go", "rust", "rust"}},
		{Key: "FunctionMemoryMB", Group: "b", Members: []int{2, 3, 4, 5}, Labels: []string{"", "", "1", "2", "1", "2"}},
	}
	for sub, want := range []string{"a", "a", "b, Runtime=go", "b, Runtime=go", "b, Runtime=rust", "b, Runtime=rust",
		""} {
		if got := tuningLine(axes, sub); got != want {
			t.Errorf("%d: %q, want %q", sub, got, want)
		}
	}
	axes[0].Group = ""
	if got := tuningLine(axes[:1], 1); got != "" {
		t.Errorf("the only group: %q", got)
	}
}
