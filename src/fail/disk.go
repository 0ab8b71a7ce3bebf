package fail

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// noSpace is how compilers, package managers and the Docker Engine say that a disk is full.
var noSpace = regexp.MustCompile(`(?i)no space left on device|os error 28|\bENOSPC\b|disk quota exceeded`)

// rootedPath is a path in what a program prints.
var rootedPath = regexp.MustCompile(`/[^\s'":,]+`)

// SaysDiskFull reports whether an error's text, or the last output of the program that failed, says that a disk is
// full, and gives the path that could not be written: one whose folder exists here, in a line about the disk. It is
// empty where none is named.
func SaysDiskFull(err error) (path string, full bool) {
	if err == nil {
		return "", false
	}
	for line := range strings.Lines(Output(err) + "\n" + err.Error()) {
		if !noSpace.MatchString(line) {
			continue
		}
		full = true
		for _, path := range rootedPath.FindAllString(line, -1) {
			if _, err := os.Stat(filepath.Dir(path)); err == nil && filepath.Dir(path) != "/" {
				return path, true
			}
		}
	}
	return "", full
}
