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

// imports is the table of packages (docs/architecture.md): which packages of ours a package may import. Every package
// may import bytesize, toolversion, fail, wholefile and its own sub-packages.
var imports = map[string][]string{
	"":             {"launch"},
	"stellar":      {"launch"}, // for go install, which names a binary after its folder
	"launch":       {"cli"},
	"cli":          {"app", "run", "local", "objectstore", "report", "provider", "experiment"},
	"app":          {"*"},
	"bytesize":     {},
	"toolversion":  {},
	"fail":         {},
	"wholefile":    {}, // fail and bytesize, as every package
	"content":      {},
	"filelock":     {},
	"shell":        {},
	"goldentest":   {},
	"experiment":   {},
	"run":          {"experiment"},
	"pipeline":     {"*"},
	"generate":     {"run", "provider", "content"},
	"build":        {"run", "shell", "content"},
	"dockerengine": {"shell"},
	"pack":         {"run", "dockerengine", "shell", "content"},
	"provider":     {"experiment", "objectstore", "run", "shell", "signing"},
	"deploy":       {"run", "shell", "provider"},
	"calibrate":    {"local", "run"},
	"probe":        {"sample"},
	"netprobe":     {"sample"},
	"microtest":    {"reportline", "sample"},
	"price":        {},
	"signing":      {},
	"machine":      {},
	"study": {"analyze", "experiment", "machine", "microtest", "netprobe", "objectstore", "probe", "provider",
		"run", "sample"},
	"sample":         {},
	"spans":          {"sample"},
	"analyze":        {"sample"},
	"report":         {"analyze", "sample"}, // exports have the rows, too
	"providerreport": {"provider", "sample"},
	"objectstore":    {"filelock"},
	"unzip":          {},
	"archive":        {"unzip"},
	"local":          {"filelock", "reportline", "sample", "shell", "unzip"}, // credential helpers of registries
	"reportline":     {},
	"acceptance":     {"*"}, // libraries of end-to-end tests, which no package of the binary imports
}

// leaves are packages that a larger one is made of. A leaf never imports its parent, and of our packages only those
// named here, bytesize and fail.
var leaves = map[string][]string{
	"experiment/jsonpath": {},
	"probe/schedule":      {},
	"probe/selfwatch":     {},
	"probe/turns":         {"probe/schedule"},
	"probe/answer":        {"sample"},
	"local/client":        {},
	"local/sigv4":         {},
	"local/http1":         {},
	"local/sandbox":       {"local/resident"},
	"local/container":     {"dockerengine", "local/resident", "shell"}, // credential helpers of registries
	"local/resident":      {},

	"report/page/pagetest": {"analyze", "analyze/history", "report/page", "sample"}, // makes the rows of tests

	"objectstore/embedded": {"filelock"},
	"objectstore/s3server": {"objectstore/embedded"},
}

// lists are packages that list the other packages below a parent, one for each experiment type: only the list imports
// them.
var lists = map[string]string{"study": "study/catalog"}

// vendorImports is which packages of ours a vendor's package may import, beside bytesize and fail; plugins are packages
// that single vendors need beyond them.
var (
	vendorImports = []string{"provider", "experiment", "objectstore", "reportline", "run", "shell", "signing"}
	vendorPlugins = map[string]string{"provider/local": "local/plugin"}
)

// isVendor reports whether a package is that of a vendor.
func isVendor(pkg string) bool {
	return strings.HasPrefix(pkg, "provider/") && pkg != "provider/vendors" && pkg != "provider/providertest"
}

// vendorBreach says why a package may not import one below provider, or a vendor's package something of ours.
func vendorBreach(pkg, target string) string {
	top, _, _ := strings.Cut(pkg, "/")
	switch {
	case isVendor(target) && pkg != "provider/vendors":
		return "only provider/vendors may import a vendor's package"
	case target == "provider/vendors" && !slices.Contains([]string{"app", "pipeline", "acceptance"}, top):
		return "only app and pipeline may choose a vendor"
	case target == "netprobe/relaytest" && top == "acceptance": // itself libraries of tests
	case target == "provider/providertest", target == "run/runtest", target == "netprobe/relaytest",
		target == "objectstore/storetest", target == "report/page/pagetest", target == "goldentest":
		return "it is for tests"
	case isVendor(pkg) && !shared(target) && target != vendorPlugins[pkg] && !slices.Contains(vendorImports, target):
		return "a vendor's package may not"
	}
	return ""
}

// libraries are those that only some packages may see.
var libraries = map[string][]string{
	"github.com/docker/docker":               {"dockerengine", "pack", "local/container"},
	"github.com/google/go-containerregistry": {"dockerengine", "pack"},
	"github.com/urfave/cli/v2":               {"cli"},
	"github.com/sirupsen/logrus":             {"cli"},
	"gonum.org/v1/plot":                      {"report"},
	"github.com/parquet-go/parquet-go":       {"report/export"},
	"go.opentelemetry.io":                    {"spans"},
	"github.com/mholt/archiver/v4":           {"pack"},
	"gopkg.in/yaml.v3":                       {"provider"},
	"github.com/montanaflynn/stats":          {"analyze"},
	"github.com/aws/aws-sdk-go-v2":           {"provider/aws", "signing"},
	"github.com/aws/smithy-go":               {"provider/aws"},
	"github.com/minio/minio-go/v7":           {"objectstore"},
	"github.com/versity/versitygw":           {"objectstore/s3server"},
}

func TestImportRules(t *testing.T) {
	seen := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(path))
		if pkg == "." {
			pkg = ""
		}
		top, _, _ := strings.Cut(pkg, "/")
		seen[top], seen[pkg] = true, true
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, spec := range f.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			if why := breach(pkg, name); why != "" {
				t.Errorf("%s imports %s: %s", path, name, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for pkg := range leaves {
		if !seen[pkg] {
			t.Errorf("the table has the leaf %s, which src does not have", pkg)
		}
	}
	for pkg := range seen {
		top, _, _ := strings.Cut(pkg, "/")
		if _, ok := imports[top]; !ok {
			t.Errorf("src/%s is a package that the table of packages does not have", top)
		}
	}
}

// breach says why a package may not import another one; empty where it may.
func breach(pkg, name string) string {
	top, _, _ := strings.Cut(pkg, "/")
	for lib, who := range libraries {
		if top != "acceptance" && (name == lib || strings.HasPrefix(name, lib+"/")) && !slices.Contains(who, top) &&
			!slices.Contains(who, pkg) {
			return "only " + strings.Join(who, " and ") + " may"
		}
	}
	rest, ours := strings.CutPrefix(name, "github.com/vhive-serverless/STeLLAR/src/")
	if !ours {
		return ""
	}
	if why := vendorBreach(pkg, rest); why != "" || isVendor(pkg) {
		return why
	}
	target, _, _ := strings.Cut(rest, "/")
	if allowed, leaf := leaves[pkg]; leaf {
		if shared(target) || slices.Contains(allowed, rest) {
			return ""
		}
		return "the leaf " + pkg + " may not"
	}
	if list, ok := lists[target]; ok && rest != target && rest != list && pkg != list {
		return "only " + list + " may"
	}
	allowed := imports[top]
	if shared(target) || target == top || slices.Contains(allowed, target) ||
		(slices.Contains(allowed, "*") && target != "cli" && target != "launch" && target != "acceptance" &&
			(target != "app" || top == "acceptance")) {
		return ""
	}
	return "package " + top + " may not"
}

func TestBreachesAreFound(t *testing.T) {
	for _, c := range []struct {
		top, name string
		want      bool
	}{
		{"generate", "github.com/vhive-serverless/STeLLAR/src/pack", true},
		{"pipeline", "github.com/vhive-serverless/STeLLAR/src/cli", true},
		{"pipeline", "github.com/vhive-serverless/STeLLAR/src/app", true},
		{"app", "github.com/vhive-serverless/STeLLAR/src/cli", true},
		{"pipeline", "github.com/vhive-serverless/STeLLAR/src/launch", true},
		{"", "github.com/vhive-serverless/STeLLAR/src/cli", true},
		{"stellar", "github.com/vhive-serverless/STeLLAR/src/launch", false},
		{"app", "github.com/vhive-serverless/STeLLAR/src/pipeline", false},
		{"cli", "github.com/vhive-serverless/STeLLAR/src/pipeline", true},
		{"pipeline", "github.com/vhive-serverless/STeLLAR/src/pack", false},
		{"pipeline", "github.com/vhive-serverless/STeLLAR/src/acceptance/cloud", true},
		{"", "github.com/vhive-serverless/STeLLAR/src/acceptance/lab", true},
		{"acceptance", "github.com/vhive-serverless/STeLLAR/src/run", false},
		{"acceptance", "github.com/vhive-serverless/STeLLAR/src/app", false},
		{"probe", "github.com/vhive-serverless/STeLLAR/src/run", true},
		{"run", "github.com/docker/docker/client", true},
		{"pack", "github.com/docker/docker/client", false},
		{"shell", "github.com/vhive-serverless/STeLLAR/src/fail", false},
		{"local", "github.com/vhive-serverless/STeLLAR/src/local/plugin", false},
		{"local", "github.com/vhive-serverless/STeLLAR/src/filelock", false},
		{"objectstore/embedded", "github.com/vhive-serverless/STeLLAR/src/filelock", false},
		{"local/sandbox", "github.com/vhive-serverless/STeLLAR/src/filelock", true},
		{"local", "github.com/docker/docker/client", true},
		{"local/container", "github.com/docker/docker/client", false},
		{"local/container", "github.com/vhive-serverless/STeLLAR/src/local", true},
		{"local/container", "github.com/vhive-serverless/STeLLAR/src/local/sandbox", true},
		{"provider", "github.com/vhive-serverless/STeLLAR/src/provider/aws", true},
		{"provider", "github.com/vhive-serverless/STeLLAR/src/provider/vendors", true},
		{"pipeline", "github.com/vhive-serverless/STeLLAR/src/provider/aws", true},
		{"pipeline", "github.com/vhive-serverless/STeLLAR/src/provider/vendors", false},
		{"generate", "github.com/vhive-serverless/STeLLAR/src/provider/vendors", true},
		{"generate", "github.com/vhive-serverless/STeLLAR/src/provider", false},
		{"app", "github.com/vhive-serverless/STeLLAR/src/provider/providertest", true},
		{"pipeline", "github.com/vhive-serverless/STeLLAR/src/run/runtest", true},
		{"study", "github.com/vhive-serverless/STeLLAR/src/netprobe/relaytest", true},
		{"report", "github.com/vhive-serverless/STeLLAR/src/goldentest", true},
		{"study", "github.com/vhive-serverless/STeLLAR/src/objectstore/storetest", true},
		{"pipeline", "github.com/vhive-serverless/STeLLAR/src/report/page/pagetest", true},
		{"study", "github.com/vhive-serverless/STeLLAR/src/netprobe", false},
		{"provider/vendors", "github.com/vhive-serverless/STeLLAR/src/provider/aws", false},
		{"provider/aws", "github.com/vhive-serverless/STeLLAR/src/provider/azure", true},
		{"provider/aws", "github.com/vhive-serverless/STeLLAR/src/provider", false},
		{"provider/aws", "github.com/vhive-serverless/STeLLAR/src/generate", true},
		{"provider/aws", "github.com/vhive-serverless/STeLLAR/src/local/plugin", true},
		{"provider/local", "github.com/vhive-serverless/STeLLAR/src/local/plugin", false},
		{"provider/aws", "github.com/aws/aws-sdk-go-v2/service/s3", false},
		{"study/transfer", "github.com/vhive-serverless/STeLLAR/src/objectstore", false},
		{"pipeline", "github.com/minio/minio-go/v7", true},
		{"objectstore/s3server", "github.com/versity/versitygw/s3api", false},
		{"objectstore/embedded", "github.com/versity/versitygw/s3api", true},
		{"objectstore/embedded", "github.com/vhive-serverless/STeLLAR/src/objectstore", true},
		{"objectstore/s3server", "github.com/vhive-serverless/STeLLAR/src/objectstore/embedded", false},
		{"provider/azure", "github.com/aws/aws-sdk-go-v2/service/s3", true},
		{"provider", "github.com/aws/aws-sdk-go-v2/service/s3", true},
		{"probe", "github.com/vhive-serverless/STeLLAR/src/probe/answer", false},
		{"probe/answer", "github.com/vhive-serverless/STeLLAR/src/probe", true},
		{"probe/answer", "github.com/vhive-serverless/STeLLAR/src/probe/schedule", true},
		{"probe/answer", "github.com/vhive-serverless/STeLLAR/src/sample", false},
		{"probe/schedule", "github.com/vhive-serverless/STeLLAR/src/sample", true},
		{"probe/schedule", "github.com/vhive-serverless/STeLLAR/src/fail", false},
		{"study", "github.com/vhive-serverless/STeLLAR/src/provider", false},
		{"study/burst", "github.com/vhive-serverless/STeLLAR/src/study", false},
		{"study/burst", "github.com/vhive-serverless/STeLLAR/src/study/transfer", true},
		{"study/catalog", "github.com/vhive-serverless/STeLLAR/src/study/transfer", false},
		{"app", "github.com/vhive-serverless/STeLLAR/src/study/transfer", true},
		{"app", "github.com/vhive-serverless/STeLLAR/src/study/catalog", false},
		{"experiment", "github.com/vhive-serverless/STeLLAR/src/study", true},
	} {
		if got := breach(c.top, c.name) != ""; got != c.want {
			t.Errorf("%s importing %s: breach %v, want %v", c.top, c.name, got, c.want)
		}
	}
}

// shared reports whether every package may import a package: leaves that import nothing of ours.
func shared(target string) bool {
	return target == "bytesize" || target == "toolversion" || target == "fail" || target == "wholefile"
}
