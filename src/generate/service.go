package generate

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"

	"gopkg.in/yaml.v3"

	"stellar/src/fail"
	"stellar/src/run"
)

const (
	ymlName    = "serverless.yml"
	pluginName = "stellar-local.js"
)

// Service is the stage that writes serverless.yml into r.ServiceDir. The folder then works by hand too: deploy, info and
// remove with the Serverless CLI, once the packages lie beside it.
type Service struct {
	Plugin []byte // source of the local platform's provider plugin, written beside a serverless.yml for provider local
}

func (Service) String() string { return "writing serverless.yml" }

// Check reports what Run would refuse, before anything is built.
func (Service) Check(_ context.Context, r *run.Run) error {
	if standing(r) {
		return nil
	}
	_, err := serviceFile(r)
	return err
}

// Run writes serverless.yml, and the plugin where the provider is local. Source and Package of the functions are set.
func (s Service) Run(_ context.Context, r *run.Run) error {
	if standing(r) {
		return fail.Skip{Reason: "nothing is deployed to " + r.Experiment.Provider}
	}
	if len(r.Functions) == 0 {
		return fail.Skip{Reason: "the experiment deploys no functions"}
	}
	text, err := YML(r)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.ServiceDir, 0o755); err != nil {
		return fmt.Errorf("making the service folder: %w", err)
	}
	if r.Experiment.ProviderKind() == "local" {
		if err := os.WriteFile(filepath.Join(r.ServiceDir, pluginName), s.Plugin, 0o644); err != nil {
			return fmt.Errorf("writing the plugin: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(r.ServiceDir, ymlName), text, 0o644); err != nil {
		return fmt.Errorf("writing %s: %w", ymlName, err)
	}
	return nil
}

// standing tells providers whose functions stand already.
func standing(r *run.Run) bool {
	kind := r.Experiment.ProviderKind()
	return kind == "url" || kind == "vhive"
}

// YML gives the text of the run's serverless.yml.
func YML(r *run.Run) ([]byte, error) {
	file, err := serviceFile(r)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Written by stellar for run %s. By hand, in this folder:\n"+
		"#   serverless deploy | info | remove\n", r.ID)
	if r.Experiment.ProviderKind() == "local" {
		fmt.Fprint(&out, "#   serverless logs -f <function>\n"+
			"# The local platform must be running: stellar local start\n")
	}
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(file); err != nil {
		return nil, fmt.Errorf("writing %s: %w", ymlName, err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("writing %s: %w", ymlName, err)
	}
	return out.Bytes(), nil
}

// serviceName is what the Serverless Framework takes; with a stage and a region behind it, AWS allows 64 characters in
// the name of the role that belongs to it.
var serviceName = regexp.MustCompile(`^[a-zA-Z][0-9a-zA-Z-]{1,39}$`)

// serviceFile gives the structs that are written as YAML.
func serviceFile(r *run.Run) (any, error) {
	if !serviceName.MatchString(r.Service) {
		return nil, fail.Input("service name %q: a letter, then letters, digits and hyphens, at most 40", r.Service)
	}
	switch kind := r.Experiment.ProviderKind(); kind {
	case "local":
		return localFile(r)
	case "aws":
		return awsFile(r)
	default:
		return nil, fail.Unsupported("this version writes serverless.yml for local and aws, not for %s", kind).
			WithHint("probe functions that stand there already: --serverless=false with an endpoints file")
	}
}

// ordered is a mapping whose members keep their order.
type ordered[T any] []member[T]

type member[T any] struct {
	name  string
	value T
}

// MarshalYAML writes the members in their order; yaml.v3 would sort a map's.
func (o ordered[T]) MarshalYAML() (any, error) {
	node := &yaml.Node{Kind: yaml.MappingNode}
	for _, m := range o {
		var value yaml.Node
		if err := value.Encode(m.value); err != nil {
			return nil, err
		}
		node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: m.name}, &value)
	}
	return node, nil
}

// text is a string that is always quoted: the framework reads YAML by other rules than yaml.v3 writes it, and a hash or a
// time must not become a number or a date there.
type text string

// MarshalYAML writes the string in double quotes.
func (t text) MarshalYAML() (any, error) {
	return &yaml.Node{Kind: yaml.ScalarNode, Style: yaml.DoubleQuotedStyle, Value: string(t)}, nil
}

func texts(m map[string]string) map[string]text {
	out := make(map[string]text, len(m))
	for k, v := range m {
		out[k] = text(v)
	}
	return out
}

type artifact struct {
	Artifact string `yaml:"artifact"`
}

// artifactOf names a function's package as seen from serverless.yml. Before the packages have an identity (when only
// checking) there is none.
func artifactOf(r *run.Run, fn *run.Function) *artifact {
	if fn.Package == nil {
		return &artifact{}
	}
	rel, err := filepath.Rel(r.ServiceDir, fn.Package.Path)
	if err != nil {
		rel = fn.Package.Path
	}
	return &artifact{Artifact: filepath.ToSlash(rel)}
}

// imageOf is the reference of a function's image, empty while there is none (when only checking).
func imageOf(fn *run.Function) string {
	if fn.Package == nil {
		return ""
	}
	return fn.Package.Image
}

type event struct {
	HTTPAPI route `yaml:"httpApi"`
}

type route struct {
	Method text   `yaml:"method"`
	Path   string `yaml:"path"`
}

func events(fn *run.Function) []event {
	return []event{{HTTPAPI: route{Method: "*", Path: "/" + fn.Name}}}
}
