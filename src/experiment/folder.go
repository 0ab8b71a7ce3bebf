package experiment

import (
	"strconv"
	"strings"

	"stellar/src/bytesize"
)

// Lengths, in characters, to which the parts of a folder's name are cut, so that the whole name stays under 200: file
// systems stop at 255, and paths on Windows at 260.
const (
	longestTitle    = 64
	longestProvider = 40
	longestPart     = 20
)

// Folder names the sub-experiment's results, e.g.
// 0-warm-aws-python3.13-memory128MB-img10MB-IAT3s-burst100-st0ms-payload0KB. Parts of which nothing is known are left
// out. It is unique by the index, and safe as a file name on every system: ASCII letters, digits and -_.,=+ only.
func (s *SubExperiment) Folder(index int, provider string) string {
	sizes := make([]string, len(s.BurstSizes))
	for i, n := range s.BurstSizes {
		sizes[i] = strconv.Itoa(n)
	}
	if at := strings.LastIndexByte(provider, '@'); at >= 0 {
		provider = provider[at+1:] // never a user name or password in a file name
	}
	provider = strings.TrimPrefix(strings.TrimPrefix(provider, "https://"), "http://")
	parts := []string{strconv.Itoa(index), fileName(s.Title, longestTitle), fileName(provider, longestProvider)}
	if s.Runtime != "" {
		parts = append(parts, fileName(s.Runtime, longestPart))
	}
	if s.FunctionMemoryMB > 0 {
		parts = append(parts, "memory"+strconv.Itoa(s.FunctionMemoryMB)+"MB")
	}
	if s.FunctionImageSizeMB > 0 || s.PackageType != "" {
		parts = append(parts, "img"+bytesize.FromMiB(s.FunctionImageSizeMB).Number()+"MB")
	}
	return strings.Join(append(parts,
		"IAT"+trimmed(s.IATSeconds)+"s",
		"burst"+fileName(strings.Join(sizes, "+"), longestPart),
		"st"+fileName(strings.Join(s.DesiredServiceTimes, "+"), longestPart),
		"payload"+trimmed(float64(s.PayloadLengthBytes)/1024)+"KB",
	), "-")
}

// trimmed writes a number with at most three decimals and no trailing zeros.
func trimmed(f float64) string {
	t := strconv.FormatFloat(f, 'f', 3, 64)
	return strings.TrimSuffix(strings.TrimRight(t, "0"), ".")
}

// fileName replaces what some file system refuses and cuts to n characters. A cut shows by a final _.
func fileName(s string, n int) string {
	var b strings.Builder
	for _, c := range strings.ReplaceAll(s, "µ", "u") {
		switch {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', strings.ContainsRune("-_.,=+", c):
			b.WriteRune(c)
		default:
			b.WriteByte('_')
		}
	}
	name := b.String()
	if len(name) > n {
		name = name[:n-1] + "_"
	}
	return name
}
