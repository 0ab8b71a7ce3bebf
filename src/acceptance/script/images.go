package script

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
	"github.com/vhive-serverless/STeLLAR/src/bytesize"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// contains GLOB REGEXP: every file that matches holds it.
func contains(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range globbed(ts, args[0]) {
		text, err := os.ReadFile(name)
		ts.Check(err)
		if !regexp.MustCompile(args[1]).Match(text) {
			ts.Fatalf("%s holds no %s:\n%s", name, args[1], text)
		}
	}
}

// runsIn finds the folders of runs under the script's folder.
func runsIn(ts *testscript.TestScript) []string {
	var dirs []string
	ts.Check(filepath.WalkDir(ts.Getenv("WORK"), func(name string, d fs.DirEntry, err error) error {
		if err == nil && d.Name() == run.RecordFile {
			dirs = append(dirs, filepath.Dir(name))
		}
		return err
	}))
	return dirs
}

// untouched fails where the Engine still holds an image or a container of one of the script's runs.
func untouched(ts *testscript.TestScript, _ bool, _ []string) {
	dirs := runsIn(ts)
	if len(dirs) == 0 {
		ts.Fatalf("there is no run")
	}
	for _, dir := range dirs {
		ts.Check(lab.LeftInEngine(filepath.Base(dir)))
	}
}

// sizes fails where a package has not the size that its sub-experiment asks for: to the byte for a ZIP file, as the
// platform tells it, and within the header of a layer for an image.
func sizes(ts *testscript.TestScript, _ bool, args []string) {
	for _, dir := range globbed(ts, args[0]+"/*") {
		rec, err := run.ReadRecord(dir)
		ts.Check(err)
		for _, f := range rec.Functions {
			want := int64(bytesize.FromMiB(rec.Experiment.SubExperiments[f.SubExperiment].FunctionImageSizeMB))
			if want == 0 {
				continue
			}
			off := int64(f.PackageBytes) - want
			if f.PackageType == "Zip" && (off != 0 || f.Endpoint.Detail["packageBytes"] != fmt.Sprint(want)) {
				ts.Fatalf(
					"%s: %d bytes, the platform has %s; asked for %d",
					f.Name,
					f.PackageBytes,
					f.Endpoint.Detail["packageBytes"],
					want,
				)
			}
			if off < -512 || off > 512 {
				ts.Fatalf("%s: %d bytes, asked for %d", f.Name, f.PackageBytes, want)
			}
		}
	}
}

// registry VARIABLE starts Debian's docker-registry and puts its address into a variable.
func registry(ts *testscript.TestScript, _ bool, args []string) {
	address, stop, err := lab.Registry()
	ts.Check(err)
	ts.Defer(stop)
	ts.Setenv(args[0], address)
}
