package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// rooms is the table of rooms (docs/architecture.md): which rooms of ours a room may import. Every room may import bytesize,
// fail and its own sub-packages.
var rooms = map[string][]string{
	"":             {"cli"},
	"cli":          {"pipeline", "run", "local", "report", "experiment"},
	"bytesize":     {},
	"fail":         {},
	"content":      {},
	"shell":        {},
	"experiment":   {},
	"run":          {"experiment"},
	"pipeline":     {"*"},
	"generate":     {"run", "provider", "content"},
	"build":        {"run", "shell", "content"},
	"dockerengine": {"shell"},
	"pack":         {"run", "dockerengine", "shell", "content"},
	"provider":     {"experiment", "run", "shell"},
	"deploy":       {"run", "shell", "provider"},
	"calibrate":    {"local", "run"},
	"probe":        {"sample"},
	"netprobe":     {"sample"},
	"study":        {"probe", "netprobe", "provider", "sample"},
	"sample":       {},
	"analyze":      {"sample"},
	"report":       {"analyze"},
	"objectstore":  {},
	"local":        {"sample", "dockerengine", "shell"}, // credential helpers of registries
}

// libraries are those that only some rooms may see.
var libraries = map[string][]string{
	"github.com/docker/docker":               {"dockerengine", "pack", "local"},
	"github.com/google/go-containerregistry": {"dockerengine", "pack"},
	"github.com/urfave/cli/v2":               {"cli"},
	"github.com/sirupsen/logrus":             {"cli"},
	"gonum.org/v1/plot":                      {"report"},
	"github.com/mholt/archiver/v4":           {"pack"},
	"gopkg.in/yaml.v3":                       {"generate"},
	"github.com/montanaflynn/stats":          {"analyze"},
	"github.com/aws/aws-sdk-go-v2":           {"provider"},
	"github.com/aws/smithy-go":               {"provider"},
}

func TestImportRules(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		room, _, _ := strings.Cut(filepath.ToSlash(filepath.Dir(path)), "/")
		if room == "." {
			room = ""
		}
		seen[room] = true
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if why := breach(room, name); why != "" {
				t.Errorf("%s imports %s: %s", path, name, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for room := range seen {
		if _, ok := rooms[room]; !ok {
			t.Errorf("src/%s is a room that the table of rooms does not know", room)
		}
	}
}

// breach says why a room may not import a package; empty where it may.
func breach(room, name string) string {
	for lib, who := range libraries {
		if (name == lib || strings.HasPrefix(name, lib+"/")) && !slices.Contains(who, room) {
			return "only " + strings.Join(who, " and ") + " may"
		}
	}
	rest, ours := strings.CutPrefix(name, "stellar/src/")
	if !ours {
		return ""
	}
	target, _, _ := strings.Cut(rest, "/")
	allowed := rooms[room]
	if target == "bytesize" || target == "fail" || target == room || slices.Contains(allowed, target) ||
		(slices.Contains(allowed, "*") && target != "cli") {
		return ""
	}
	return "the room " + room + " may not"
}

func TestBreachesAreFound(t *testing.T) {
	for _, c := range []struct {
		room, name string
		want       bool
	}{
		{"generate", "stellar/src/pack", true},
		{"pipeline", "stellar/src/cli", true},
		{"pipeline", "stellar/src/pack", false},
		{"probe", "stellar/src/run", true},
		{"run", "github.com/docker/docker/client", true},
		{"pack", "github.com/docker/docker/client", false},
		{"shell", "stellar/src/fail", false},
		{"local", "stellar/src/local/plugin", false},
	} {
		if got := breach(c.room, c.name) != ""; got != c.want {
			t.Errorf("%s importing %s: breach %v, want %v", c.room, c.name, got, c.want)
		}
	}
}
