package experiment

import "strings"

// didYouMean is "; did you mean "x"?" for the allowed word nearest to s, and nothing where none is near. Words that
// differ only in case are nearest of all; else a third of the letters may be wrong (optimal string alignment distance:
// a swap of neighbours counts once), or the rest of the word may be missing.
func didYouMean(s string, allowed []string) string {
	if w := nearest(s, allowed); w != "" {
		return `; did you mean "` + w + `"?`
	}
	return ""
}

func nearest(s string, allowed []string) string {
	if s == "" || len(s) > 64 {
		return ""
	}
	best, bestDistance := "", 1+max(1, len(s)/3)
	for _, w := range allowed {
		if d := distance(strings.ToLower(s), strings.ToLower(w)); d < bestDistance && d < len(w) {
			best, bestDistance = w, d
		}
	}
	for _, w := range allowed {
		if best == "" && len(s) >= 3 && strings.HasPrefix(strings.ToLower(w), strings.ToLower(s)) {
			best = w
		}
	}
	return best
}

func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	before, last, row := make([]int, len(y)+1), make([]int, len(y)+1), make([]int, len(y)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(x); i++ {
		row[0] = i
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(y)]
}
