// Package toolversion compares the versions that compilers, interpreters and vendors' tools print. They are numbers,
// not texts: 3.10 is newer than 3.9, and a pre-release is older than its release.
package toolversion

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
)

// Version is a version of up to three numbers. The zero value is older than all others.
type Version struct {
	Numbers [3]int // major, minor, patch; those that are not given are 0
	Pre     string // what marks a pre-release, such as rc; empty: a release
	PreN    int    // the pre-release's number
}

// form finds a version in what a tool prints: v18.20.4, Python 3.14.0rc2, go1.26.8, python3.13, 4.0.0-beta.3, 22-ea.
var form = regexp.MustCompile(`(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:[-.]?` +
	`(alpha|beta|a|b|rc|preview|pre|dev|nightly|canary|next|ea)[.-]?(\d*)\b)?`)

// Of is the first version in a text; the zero version where there is none.
func Of(text string) Version {
	var v Version
	m := form.FindStringSubmatch(text)
	if m == nil {
		return v
	}
	for i := range v.Numbers {
		v.Numbers[i], _ = strconv.Atoi(m[i+1]) // the pattern takes digits only
	}
	v.Pre = m[4]
	v.PreN, _ = strconv.Atoi(m[5])
	return v
}

// Compare is negative where v is older than w, positive where it is newer, and 0 where they are the same. Pre-releases
// order by the first letters of what marks them: alpha, beta, rc.
func (v Version) Compare(w Version) int {
	if c := slices.Compare(v.Numbers[:], w.Numbers[:]); c != 0 {
		return c
	}
	switch {
	case v.Pre == w.Pre:
		return cmp.Compare(v.PreN, w.PreN)
	case v.Pre == "":
		return 1
	case w.Pre == "":
		return -1
	}
	return cmp.Compare(v.Pre, w.Pre)
}

// Older reports whether v is older than w.
func (v Version) Older(w Version) bool { return v.Compare(w) < 0 }
