package generate

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"

	"gopkg.in/yaml.v3"

	"stellar/src/fail"
	"stellar/src/provider"
	"stellar/src/run"
)

const (
	ymlName    = "serverless.yml"
	pluginName = "stellar-local.js"
)

// Service is the stage that writes what a deployment starts from: a folder for each unit under r.ServiceDir, with its serverless.yml or
// what else the provider's CLI reads. The folder then works by hand too, once the packages lie beside it.
type Service struct {
	Plugin []byte // source of the local platform's provider plugin, written beside a serverless.yml for provider local
	// Locate tells where the units will go (provider.Locator), for what is written down of it: the region of aws. nil: as the experiment says.
	Locate func(ctx context.Context, r *run.Run) (map[string]string, error)

	where map[string]string // what Locate told
}

func (Service) String() string { return "writing what is deployed" }

// Check reports what Run would refuse, before anything is built.
func (s Service) Check(_ context.Context, r *run.Run) error {
	_, err := s.files(r)
	return err
}

// Run writes the files of every unit. Source and Package of the functions are set.
func (s Service) Run(ctx context.Context, r *run.Run) (err error) {
	if len(r.Functions) == 0 {
		return fail.Skip{Reason: "the experiment deploys no functions"}
	}
	if s.Locate != nil && r.Experiment.ProviderKind() == "aws" && len(r.Unplaced()) > 0 {
		if s.where, err = s.Locate(ctx, r); err != nil {
			return err
		}
	}
	files, err := s.files(r)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fail.Skip{Reason: "nothing is written for " + r.Experiment.Provider}
	}
	for _, f := range files {
		path := filepath.Join(r.ServiceDir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("making the service folder: %w", err)
		}
		if err := os.WriteFile(path, f.Text, 0o644); err != nil {
			return fmt.Errorf("writing %s: %w", f.Name, err)
		}
	}
	return nil
}

// File is a file that a deployment starts from.
type File struct {
	Name string // under the service folder, slashes
	Text []byte
}

// writer gives the files of one unit, named from the unit's folder.
type writer func(s Service, r *run.Run, u provider.Unit) ([]File, error)

// writers are the providers for which something is written.
func writers() map[string]writer {
	return map[string]writer{
		"local":      localFiles,
		"aliyun":     aliyunFiles,
		"aws":        awsFiles,
		"azure":      azureFiles,
		"cloudflare": cloudflareFiles,
		"vhive":      knativeFiles,
		"gcr":        googleFiles,
		"google":     googleFiles,
	}
}

// files are all that Run writes, in the units' order.
func (s Service) files(r *run.Run) ([]File, error) {
	kind := r.Experiment.ProviderKind()
	write := writers()[kind]
	if write == nil {
		return nil, nil
	}
	row, err := provider.Find(kind)
	if err != nil {
		return nil, err
	}
	var out []File
	for _, u := range row.Units(r.Service, r.Unplaced()) {
		files, err := write(s, r, u)
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			f.Name = path.Join(u.Dir, f.Name)
			out = append(out, f)
		}
	}
	return out, nil
}

// serverlessYML is the text of a unit's serverless.yml, under a heading of comments.
func serverlessYML(r *run.Run, u provider.Unit, content any, heading ...string) (File, error) {
	if !serviceName.MatchString(u.Name) {
		return File{}, fail.Input("service name %q: a letter, then letters, digits and hyphens, at most 40", u.Name)
	}
	return yamlFile(r, content, heading...)
}

// yamlFile is serverless.yml under a heading of comments, for providers whose units are not named as AWS's are.
func yamlFile(r *run.Run, content any, heading ...string) (File, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Written by stellar for run %s. By hand, in this folder:\n", r.ID)
	for _, line := range heading {
		fmt.Fprintf(&out, "# %s\n", line)
	}
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(content); err != nil {
		return File{}, fmt.Errorf("writing %s: %w", ymlName, err)
	}
	if err := enc.Close(); err != nil {
		return File{}, fmt.Errorf("writing %s: %w", ymlName, err)
	}
	return File{Name: ymlName, Text: out.Bytes()}, nil
}

// serviceName is what the Serverless Framework takes; with a stage and a region behind it, AWS allows 64 characters in
// the name of the role that belongs to it.
var serviceName = regexp.MustCompile(`^[a-zA-Z][0-9a-zA-Z-]{1,39}$`)

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

// artifactOf names a function's package as seen from its unit's folder. Before the packages have an identity (when only
// checking) there is none.
func artifactOf(r *run.Run, u provider.Unit, fn *run.Function) *artifact {
	if fn.Package == nil {
		return &artifact{}
	}
	rel, err := filepath.Rel(filepath.Join(r.ServiceDir, filepath.FromSlash(u.Dir)), fn.Package.Path)
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
