package toolversion

import "testing"

func TestOf(t *testing.T) {
	for text, want := range map[string]Version{
		"":                          {},
		"no number":                 {},
		"Python 3.11.7":             {Numbers: [3]int{3, 11, 7}},
		"python3.13":                {Numbers: [3]int{3, 13, 0}},
		"python3":                   {Numbers: [3]int{3, 0, 0}},
		"v18.20.4\n":                {Numbers: [3]int{18, 20, 4}},
		"nodejs22.x":                {Numbers: [3]int{22, 0, 0}},
		"go1.26.8 X:loopvar":        {Numbers: [3]int{1, 26, 8}},
		"go1.27rc1":                 {Numbers: [3]int{1, 27, 0}, Pre: "rc", PreN: 1},
		"javac 1.8.0_292":           {Numbers: [3]int{1, 8, 0}},
		"javac 22-ea":               {Numbers: [3]int{22, 0, 0}, Pre: "ea"},
		"java8.al2":                 {Numbers: [3]int{8, 0, 0}},
		"ruby 3.1.2p20 (2022-04-12": {Numbers: [3]int{3, 1, 2}},
		"ruby 3.4.0preview1":        {Numbers: [3]int{3, 4, 0}, Pre: "preview", PreN: 1},
		"4.0.0-beta.3":              {Numbers: [3]int{4, 0, 0}, Pre: "beta", PreN: 3},
		"Python 3.14.0a7":           {Numbers: [3]int{3, 14, 0}, Pre: "a", PreN: 7},
	} {
		if got := Of(text); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

// TestCompare has versions that texts, or numbers run together, would order wrongly.
func TestCompare(t *testing.T) {
	order := []string{"none", "0.9", "1.2", "1.10", "1.100", "3.8.10", "3.9.0", "3.10.0a2", "3.10.0a10", "3.10.0b1",
		"3.10.0rc1", "3.10.0",
		"3.10.1", "4.0.0-beta.3", "4", "9.9.9", "10.0.0"}
	for i, a := range order {
		for j, b := range order {
			got := Of(a).Compare(Of(b))
			if (got < 0) != (i < j) || (got > 0) != (i > j) || Of(a).Older(Of(b)) != (i < j) {
				t.Errorf("%s against %s: %d", a, b, got)
			}
		}
	}
}
