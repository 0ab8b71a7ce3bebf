package fail

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// noSpace matches how compilers, package managers and the Docker Engine report a full disk.
var noSpace = regexp.MustCompile(`(?i)no space left on device|os error 28|\bENOSPC\b|disk quota exceeded`)

// rootedPath matches an absolute path in the output of a program.
var rootedPath = regexp.MustCompile(`/[^\s'":,]+`)

// SaysDiskFull reports whether an error's text, or the last output of the program that failed, says that a disk is
// full. It returns the path that could not be written: a path whose folder exists here, in a line about the disk, or an
// empty string.
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
