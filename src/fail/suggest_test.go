package fail

import (
	"strings"
	"testing"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"kitten", "sitting", 3}, {"ab", "ba", 1}, {"Brusts", "Bursts", 1},
		{"ca", "abc", 3}} {
		if got := distance([]rune(c.a), []rune(c.b), 100); got != c.want {
			t.Errorf("%s to %s: %d", c.a, c.b, got)
		}
		for limit := 1; limit < 5; limit++ {
			if got := distance([]rune(c.a), []rune(c.b), limit); min(got, limit) != min(c.want, limit) {
				t.Errorf("%s to %s with the limit %d: %d", c.a, c.b, limit, got)
			}
		}
	}
}

func TestNearest(t *testing.T) {
	words := []string{"Bursts", "BurstSizes", "IATSeconds", "IATType", "Timeout"}
	for s, want := range map[string]string{"Brusts": "Bursts", "bursts": "Bursts", "Burst": "Bursts",
		"IATSecond": "IATSeconds", "IATTpye": "IATType",
		"Time": "Timeout", "zzz": "", "": "", strings.Repeat("x", 1000): ""} {
		if got := Nearest(s, words); got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
	if got := DidYouMean("Brusts", words); got != `; did you mean "Bursts"?` {
		t.Error(got)
	}
}
