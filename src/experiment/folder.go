package experiment

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/bytesize"
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
// out, and so is what the title says already. From "memory" on it is the original's pattern: its plotting scripts cut
// the numbers out behind those words, so that no part before them contains one, and of several burst sizes and service
// times the name has the first. The name is unique by the index, is safe as a file name on every system, and needs no
// quotes in a shell: ASCII letters, digits and - _ . only.
func (s *SubExperiment) Folder(index int, provider string) string {
	if at := strings.LastIndexByte(provider, '@'); at >= 0 {
		provider = provider[at+1:] // never a user name or password in a file name
	}
	provider = strings.TrimPrefix(strings.TrimPrefix(provider, "https://"), "http://")
	title := titlePart(s.Title)
	parts := []string{strconv.Itoa(index), title}
	said := strings.Split(title, "-")
	for _, known := range []struct {
		text    string
		longest int
	}{{provider, longestProvider}, {s.Runtime, longestPart}} {
		if part := namePart(known.text, known.longest); part != "" && !slices.Contains(said, part) {
			parts = append(parts, part)
		}
	}
	if s.FunctionMemoryMB > 0 {
		parts = append(parts, "memory"+strconv.Itoa(s.FunctionMemoryMB)+"MB")
	}
	if s.FunctionImageSizeMB > 0 || s.PackageType != "" {
		parts = append(parts, "img"+bytesize.FromMiB(s.FunctionImageSizeMB).Number()+"MB")
	}
	size := 1
	if len(s.BurstSizes) > 0 {
		size = s.BurstSizes[0]
	}
	service := ""
	if len(s.DesiredServiceTimes) > 0 {
		service = namePart(s.DesiredServiceTimes[0], longestPart)
	}
	return strings.Join(append(parts,
		"IAT"+trimmed(s.IATSeconds)+"s",
		"burst"+strconv.Itoa(size),
		"st"+service,
		"payload"+trimmed(float64(s.PayloadLengthBytes)/1024)+"KB",
	), "-")
}

// inTitle finds where a sweep's keys begin in a title, as in "cold,Runtime=go,FillerRead=true".
var inTitle = regexp.MustCompile(`,([A-Z][A-Za-z]*)=`)

// namedBehind are the keys whose values the folder's name has behind the title.
var namedBehind = []string{"FunctionMemoryMB", "FunctionImageSizeMB", "IATSeconds", "BurstSizes", "DesiredServiceTimes",
	"PayloadLengthBytes"}

// titlePart is a title as part of a folder's name. Of a sweep's keys it has the values, as in cold-python3.13, and the
// key too where the value alone says nothing, as in cold-FillerRead-true; keys that the rest of the name has are left
// out.
func titlePart(title string) string {
	at := inTitle.FindAllStringSubmatchIndex(title, -1)
	if len(at) == 0 {
		return namePart(title, longestTitle)
	}
	words := []string{title[:at[0][0]]}
	for i, m := range at {
		end := len(title)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		key, value := title[m[2]:m[3]], title[m[1]:end]
		if slices.Contains(namedBehind, key) {
			continue
		}
		if !strings.ContainsFunc(value, isLetter) || value == "true" || value == "false" {
			words = append(words, key)
		}
		words = append(words, value)
	}
	return namePart(strings.Join(words, "-"), longestTitle)
}

func isLetter(c rune) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// trimmed writes a number with at most three decimals and no trailing zeros.
func trimmed(f float64) string {
	t := strconv.FormatFloat(f, 'f', 3, 64)
	return strings.TrimSuffix(strings.TrimRight(t, "0"), ".")
}

// scriptWords are what plotting scripts of the original look for in a folder's name, in another spelling that they do
// not find.
var scriptWords = strings.NewReplacer("memory", "Memory", "img", "Img", "IAT", "Iat", "burst", "Burst", "payload",
	"Payload")

// namePart is a text as part of a folder's name, cut to n characters. What some file system or shell treats specially
// becomes a -, of which there are never two in a row. A cut shows by a final _.
func namePart(s string, n int) string {
	var b strings.Builder
	gap := false
	for _, c := range strings.ReplaceAll(s, "µ", "u") {
		if !isLetter(c) && (c < '0' || c > '9') && c != '_' && c != '.' {
			gap = b.Len() > 0
			continue
		}
		if gap {
			b.WriteByte('-')
			gap = false
		}
		b.WriteRune(c)
	}
	name := scriptWords.Replace(b.String())
	if len(name) > n {
		name = name[:n-1] + "_"
	}
	return name
}
