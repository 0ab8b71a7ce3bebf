package provider

import (
	"bytes"
	"fmt"
	"path/filepath"
	"regexp"

	"gopkg.in/yaml.v3"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// YMLName is the file that the Serverless CLI reads in a folder.
const YMLName = "serverless.yml"

// ServerlessYML is the text of a unit's serverless.yml, under a heading of comments.
func ServerlessYML(r *run.Run, u Unit, content any, heading ...string) (File, error) {
	if !serviceName.MatchString(u.Name) {
		return File{}, fail.Input("service name %q: a letter, then letters, digits and hyphens, at most 40", u.Name)
	}
	return YMLFile(r, content, heading...)
}

// serviceName is what the Serverless Framework accepts; with a stage and a region behind it, AWS allows 64 characters
// in the name of the role that belongs to it.
var serviceName = regexp.MustCompile(`^[a-zA-Z][0-9a-zA-Z-]{1,39}$`)

// YMLFile is serverless.yml under a heading of comments, for providers whose units are not named as AWS's are.
func YMLFile(r *run.Run, content any, heading ...string) (File, error) {
	text := fmt.Appendf(nil, "# Written by stellar for run %s. By hand, in this folder:\n", r.ID)
	for _, line := range heading {
		text = fmt.Appendf(text, "# %s\n", line)
	}
	body, err := YAML(content)
	if err != nil {
		return File{}, fmt.Errorf("writing %s: %w", YMLName, err)
	}
	return File{Name: YMLName, Text: append(text, body...)}, nil
}

// YAML is a value as YAML, indented by two blanks.
func YAML(content any) ([]byte, error) {
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(content); err != nil {
		return nil, err
	}
	err := enc.Close()
	return out.Bytes(), err
}

// Ordered is a mapping in YAML whose members keep their order.
type Ordered[T any] []Member[T]

// Member is one member of such a mapping.
type Member[T any] struct {
	Name  string
	Value T
}

// MarshalYAML writes the members in their order; yaml.v3 would sort a map's.
func (o Ordered[T]) MarshalYAML() (any, error) {
	node := &yaml.Node{Kind: yaml.MappingNode}
	for _, m := range o {
		var value yaml.Node
		if err := value.Encode(m.Value); err != nil {
			return nil, err
		}
		node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: m.Name}, &value)
	}
	return node, nil
}

// Text is a string that YAML always quotes: the Serverless Framework reads YAML by other rules than yaml.v3 writes it,
// and a hash or a time must not become a number or a date there.
type Text string

// MarshalYAML writes the string in double quotes.
func (t Text) MarshalYAML() (any, error) {
	return &yaml.Node{Kind: yaml.ScalarNode, Style: yaml.DoubleQuotedStyle, Value: string(t)}, nil
}

// Texts is a map with quoted values.
func Texts(m map[string]string) map[string]Text {
	out := make(map[string]Text, len(m))
	for k, v := range m {
		out[k] = Text(v)
	}
	return out
}

// Artifact is the package of a function, or of a service, in serverless.yml.
type Artifact struct {
	Artifact string `yaml:"artifact"`
}

// ArtifactOf names a function's package as seen from its unit's folder. Before the packages have an identity (when only
// checking) there is none.
func ArtifactOf(r *run.Run, u Unit, fn *Function) *Artifact {
	if fn.Package == nil {
		return &Artifact{}
	}
	return &Artifact{Artifact: PackagePath(r, u, fn)}
}

// PackagePath is the path of a function's package from its unit's folder, with slashes.
func PackagePath(r *run.Run, u Unit, fn *Function) string {
	rel, err := filepath.Rel(filepath.Join(r.ServiceDir, filepath.FromSlash(u.Dir)), fn.Package.Path)
	if err != nil {
		rel = fn.Package.Path
	}
	return filepath.ToSlash(rel)
}

// ImageOf is the reference of a function's image, empty while there is none (when only checking).
func ImageOf(fn *Function) string {
	if fn.Package == nil {
		return ""
	}
	return fn.Package.Image
}

// HTTPEvent is a route of an HTTP API to a function, in serverless.yml.
type HTTPEvent struct {
	HTTPAPI HTTPRoute `yaml:"httpApi"`
}

// HTTPRoute is the method, or * for any, and the path of such a route.
type HTTPRoute struct {
	Method Text   `yaml:"method"`
	Path   string `yaml:"path"`
}

// GreedyVariable ends the path of a route of an HTTP API that leads all paths below it to one function
// (docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html).
const GreedyVariable = "/{proxy+}"

// HTTPEvents is the one route that leads to a function: any method, on the function's name or, where requests have a
// path of their own, on all paths below it. A function that is called in another way has none.
func HTTPEvents(fn *Function) []HTTPEvent {
	if fn.Entry != experiment.EntryHTTP && fn.Entry != "" {
		return nil
	}
	path := "/" + fn.Name
	if fn.PathsBelow {
		path += GreedyVariable
	}
	return []HTTPEvent{{HTTPAPI: HTTPRoute{Method: "*", Path: path}}}
}
