package generate

import (
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/content"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// Folder finds the folder of a function of the user's own, as a run does. baseDir is the experiment file's folder.
func Folder(baseDir, function string) (string, error) {
	return findFolder(&run.Run{BaseDir: baseDir}, function)
}

// SourceFiles lists the files of a function's folder that its package is made from, in the order of their names. What a
// build makes or installs again is left out.
func SourceFiles(dir, language string) ([]content.File, error) {
	all, _, err := content.Scan(dir)
	if err != nil {
		return nil, err
	}
	made, _ := installed(dir, language)
	var files []content.File
	for _, f := range all {
		if !made(f.Rel) && !compiled(language, f.Rel) {
			files = append(files, f)
		}
	}
	return files, nil
}

// compiled reports whether a compiler has written a file into its own folder; builds leave these out, too.
func compiled(language, rel string) bool {
	first, _, below := strings.Cut(rel, "/")
	switch language {
	case "rust":
		return below && first == "target"
	case "java":
		return below && (first == "target" || first == "build" || first == ".gradle")
	}
	return false
}
