package script

import (
	"bytes"
	"encoding/csv"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"gopkg.in/yaml.v3"

	"github.com/vhive-serverless/STeLLAR/src/netprobe/relaytest"
	"github.com/vhive-serverless/STeLLAR/src/sample"
)

// ports NAME…: each variable becomes a port that is free, and is filled into the files that end in .tmpl.
func ports(ts *testscript.TestScript, _ bool, names []string) {
	var pairs []string
	for _, name := range names {
		var port string
		for port == "" || slices.Contains(pairs, port) {
			address, err := relaytest.FreeAddress()
			ts.Check(err)
			_, port, _ = net.SplitHostPort(address)
		}
		ts.Setenv(name, port)
		pairs = append(pairs, "$"+name, port)
	}
	fill(ts, strings.NewReplacer(pairs...))
}

// fill writes each file that ends in .tmpl without that ending, with its variables replaced.
func fill(ts *testscript.TestScript, variables *strings.Replacer) {
	for _, pattern := range []string{"*.tmpl", "*/*.tmpl"} {
		found, err := filepath.Glob(ts.MkAbs(pattern))
		ts.Check(err)
		for _, path := range found {
			text, err := os.ReadFile(path)
			ts.Check(err)
			ts.Check(os.WriteFile(strings.TrimSuffix(path, ".tmpl"), []byte(variables.Replace(string(text))), 0o644))
		}
	}
}

// listens PORT…: waits until something accepts connections on each port of this machine.
func listens(ts *testscript.TestScript, _ bool, ports []string) {
	deadline := time.Now().Add(2 * time.Minute)
	for _, port := range ports {
		for {
			conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
			if err == nil {
				_ = conn.Close()
				break
			}
			if time.Now().After(deadline) {
				ts.Fatalf("nothing listens on port %s: %v", port, err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// chains FILE ROWS FUNCTIONS BYTES: each matching data-transfers.csv has so many rows, complete ones, of chains of so
// many functions on this machine that handed on so many bytes. The functions' clock is one: its true offset of 0 must
// lie within the error that is told.
func chains(ts *testscript.TestScript, _ bool, args []string) {
	want := make([]int, 3)
	for i, arg := range args[1:] {
		n, err := strconv.Atoi(arg)
		ts.Check(err)
		want[i] = n
	}
	functions := want[1]
	for _, path := range globbed(ts, args[0]) {
		text, err := os.ReadFile(path)
		ts.Check(err)
		table, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		ts.Check(err)
		if got := strings.Join(table[0], ","); got != sample.TransfersHeader(functions) || len(table)-1 != want[0] {
			ts.Fatalf("%s has %d rows, want %d; header %s", path, len(table)-1, want[0], got)
		}
		for _, row := range table[1:] {
			for k := range functions - 1 {
				if !hopIsComplete(ts, row[3:], functions, k, args[3]) {
					ts.Fatalf("%s: hop %d of %v", path, k, row)
				}
			}
		}
	}
}

// hopIsComplete reports whether hop k of a chain handed on so many bytes and has every value. cells are the stamps of
// all functions, then of each hop: sent, received, bytes, transfer, bandwidth, offset, its error.
func hopIsComplete(ts *testscript.TestScript, cells []string, functions, k int, bytes string) bool {
	number := func(cell string) float64 {
		n, err := strconv.ParseFloat(cell, 64)
		ts.Check(err)
		return n
	}
	hop := cells[functions+7*k:][:7]
	offset, bound := number(hop[5]), number(hop[6])
	const rounding = 0.001
	return hop[0] >= cells[k] && hop[1] == cells[k+1] && hop[2] == bytes && number(hop[3]) >= 0 &&
		(hop[4] == "") == (bytes == "0") && max(offset, -offset) <= bound+rounding
}

// withToken FILE puts the token in the file into the environment.
func withToken(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv("STELLAR_TOKEN", strings.TrimSpace(ts.ReadFile(args[0])))
}

// containers FOLDER PORT…: a container for each Knative service in the folder, run as Knative would run it, but on this
// machine's loopback and the given port. `! containers` removes them.
func containers(ts *testscript.TestScript, neg bool, args []string) {
	label := "stellar-script=" + ts.Getenv("WORK")
	remove := func() {
		ids, err := exec.Command("docker", "ps", "-aq", "--filter", "label="+label).Output()
		ts.Check(err)
		if len(ids) > 0 {
			ts.Check(exec.Command("docker", append([]string{"rm", "-f"}, strings.Fields(string(ids))...)...).Run())
		}
	}
	if neg {
		remove()
		return
	}
	ts.Defer(remove)
	files := globbed(ts, args[0]+"/*.yml")
	if len(files) != len(args)-1 {
		ts.Fatalf("%d services, %d ports", len(files), len(args)-1)
	}
	for i, file := range files {
		c := containerOf(ts, file)
		run := []string{"run", "-d", "--label", label, "--network", "host", "--cap-drop", "ALL",
			"--security-opt", "no-new-privileges", "--user", strconv.Itoa(c.Sec.User),
			"-e", "STELLAR_HOST=127.0.0.1", "-e", "PORT=" + args[i+1]}
		for _, e := range c.Env {
			run = append(run, "-e", e.Name+"="+e.Value)
		}
		ts.Check(exec.Command("docker", append(run, c.Image)...).Run())
		listens(ts, false, args[i+1:i+2])
	}
}

// knativeContainer is the one container of a Knative service.
type knativeContainer struct {
	Image string
	Env   []struct{ Name, Value string }
	Sec   struct {
		User int `yaml:"runAsUser"`
	} `yaml:"securityContext"`
}

// containerOf reads the container of a service's file.
func containerOf(ts *testscript.TestScript, file string) knativeContainer {
	text, err := os.ReadFile(file)
	ts.Check(err)
	var service struct {
		Spec struct {
			Template struct {
				Spec struct{ Containers []knativeContainer }
			}
		}
	}
	ts.Check(yaml.Unmarshal(text, &service))
	return service.Spec.Template.Spec.Containers[0]
}
