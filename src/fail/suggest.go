package fail

import (
	"strings"
	"unicode"
)

// DidYouMean returns `; did you mean "x"?` for the allowed word nearest to s, or an empty string if none is near.
func DidYouMean(s string, allowed []string) string {
	if w := Nearest(s, allowed); w != "" {
		return `; did you mean "` + w + `"?`
	}
	return ""
}

// longestWord bounds the words that Nearest compares: a longer one is not a typing mistake.
const longestWord = 64

// Nearest returns the allowed word that s is probably meant to be, or an empty string. Words that differ only in case
// are the nearest. Otherwise, a third of the letters may be wrong (optimal string alignment distance: a swap of
// neighbours counts once), or the rest of the word may be missing.
//
// A file can have tens of thousands of misspelt words, so Nearest allocates nothing and skips words that cannot be
// near.
func Nearest(s string, allowed []string) string {
	if s == "" || len(s) > longestWord {
		return ""
	}
	var x, y [longestWord]rune
	word := lower(x[:0], s)
	best, bestDistance := "", 1+max(1, len(s)/3)
	for _, w := range allowed {
		if len(w) > longestWord {
			continue
		}
		if d := distance(word, lower(y[:0], w), bestDistance); d < bestDistance && d < len(w) {
			best, bestDistance = w, d
		}
	}
	for _, w := range allowed {
		if best == "" && len(s) >= 3 && len(w) >= len(s) && strings.EqualFold(w[:len(s)], s) {
			best = w
		}
	}
	return best
}

// lower appends the characters of a word in lower case.
func lower(to []rune, s string) []rune {
	for _, c := range s {
		to = append(to, unicode.ToLower(c))
	}
	return to
}

// distance is the optimal string alignment distance of two words of at most longestWord characters. If it is not below
// limit, the result is some number >= limit.
func distance(x, y []rune, limit int) int {
	// The distance is at least the difference of the lengths.
	if len(x)-len(y) >= limit || len(y)-len(x) >= limit {
		return limit
	}
	var rows [3][longestWord + 1]int
	before, last, row := &rows[0], &rows[1], &rows[2]
	for j := range len(y) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		least := i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
			least = min(least, row[j])
		}
		// Neighbouring rows differ by 1 at most, so a swap, which reaches back over one row, does not come below the
		// limit.
		if least > limit {
			return limit
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
