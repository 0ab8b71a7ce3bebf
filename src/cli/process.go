// Package cli is the command line: commands, flags, what the user sees; the only user of urfave/cli.
package cli

import (
	"io"
	"os"
	"runtime/debug"

	"golang.org/x/term"
)

// Process is what the command takes from its process: arguments, streams, environment. Tests build their own.
type Process struct {
	Args       []string
	Stdin      io.Reader
	Stdout     io.Writer
	Stderr     io.Writer
	Getenv     func(string) string
	Executable string // this binary
	StdinTTY   bool   // a person can be asked
	StdoutTTY  bool   // a terminal that can be closed
	StderrTTY  bool   // likewise; a progress line can be redrawn
	Width      int    // columns of the terminal, 0: unknown
}

// CurrentProcess is the Process that the binary runs with.
func CurrentProcess() Process {
	exe, err := os.Executable()
	if err != nil {
		exe = os.Args[0]
	}
	w := Process{Args: os.Args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv,
		Executable: exe, StdinTTY: term.IsTerminal(int(os.Stdin.Fd())), StdoutTTY: term.IsTerminal(int(os.Stdout.Fd())),
		StderrTTY: term.IsTerminal(int(os.Stderr.Fd()))}
	if cols, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		w.Width = cols
	}
	return w
}

// version is set at link time for releases.
var version = "dev"

// Version is the version of this binary: the one that was set for a release, the module's where `go install` has built
// it, or the revision of the checkout.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if version != "dev" || !ok {
		return version
	}
	return builtVersion(info)
}

// builtVersion is the version that the Go toolchain knows.
func builtVersion(info *debug.BuildInfo) string {
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return "dev-" + s.Value[:12]
		}
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	return "dev"
}
