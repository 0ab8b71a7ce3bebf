package main

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/rogpeppe/go-internal/testscript"

	"stellar/src/dockerengine"
	"stellar/src/run"
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
		ts.Check(leftInEngine(filepath.Base(dir)))
	}
}

// leftInEngine says what the Engine still holds of a run.
func leftInEngine(id string) error {
	ctx := context.Background()
	c, err := dockerengine.Open(ctx, os.Getenv)
	if err != nil {
		return err
	}
	defer c.Close()
	ours := filters.NewArgs(filters.Arg("label", dockerengine.LabelRun+"="+id))
	images, err := c.ImageList(ctx, image.ListOptions{All: true, Filters: ours})
	if err != nil {
		return err
	}
	left, err := c.ContainerList(ctx, container.ListOptions{All: true, Filters: ours})
	if err != nil {
		return err
	}
	named, err := c.ImageList(ctx, image.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("reference", "*:"+strings.ToLower(id)+"*"))})
	if err != nil {
		return err
	}
	if len(images)+len(left)+len(named) > 0 {
		return fmt.Errorf("run %s left %d images, %d of its name, and %d containers", id, len(images), len(named), len(left))
	}
	return nil
}

// sizes fails where a package has not the size that its sub-experiment asks for: to the byte for a ZIP file, as the platform
// tells it, and within the header of a layer for an image.
func sizes(ts *testscript.TestScript, _ bool, args []string) {
	for _, dir := range globbed(ts, args[0]+"/*") {
		rec, err := run.ReadRecord(dir)
		ts.Check(err)
		for _, f := range rec.Functions {
			want := int64(rec.Experiment.SubExperiments[f.SubExperiment].FunctionImageSizeMB * (1 << 20))
			if want == 0 {
				continue
			}
			off := f.PackageBytes - want
			if f.PackageType == "Zip" && (off != 0 || f.Endpoint.Detail["packageBytes"] != fmt.Sprint(want)) {
				ts.Fatalf("%s: %d bytes, the platform has %s; asked for %d", f.Name, f.PackageBytes, f.Endpoint.Detail["packageBytes"], want)
			}
			if off < -512 || off > 512 {
				ts.Fatalf("%s: %d bytes, asked for %d", f.Name, f.PackageBytes, want)
			}
		}
	}
}

// registry VARIABLE starts Debian's docker-registry and tells its address.
func registry(ts *testscript.TestScript, _ bool, args []string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	address := listener.Addr().String()
	ts.Check(listener.Close())
	dir, err := os.MkdirTemp("", "stellar-registry-")
	ts.Check(err)
	file := filepath.Join(dir, "config.yml")
	ts.Check(os.WriteFile(file, fmt.Appendf(nil, "version: 0.1\nlog:\n  level: error\nstorage:\n  delete:\n    enabled: true\n  filesystem:\n    rootdirectory: %s\nhttp:\n  addr: %s\n",
		filepath.Join(dir, "data"), address), 0o600))
	cmd := exec.Command("docker-registry", "serve", file)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		res, err := http.Get("http://" + address + "/v2/")
		if err == nil {
			ts.Check(res.Body.Close())
			break
		}
		if time.Now().After(deadline) {
			ts.Fatalf("docker-registry does not answer: %v", err)
		}
	}
	ts.Setenv(args[0], address)
}
