package knative

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// A Knative Service, as knative.dev/docs/serving/reference/serving-api has it; the fields that are used.
type (
	service struct {
		APIVersion string      `yaml:"apiVersion"`
		Kind       string      `yaml:"kind"`
		Metadata   metadata    `yaml:"metadata"`
		Spec       serviceSpec `yaml:"spec"`
	}
	metadata struct {
		Name        string                   `yaml:"name,omitempty"`
		Labels      map[string]provider.Text `yaml:"labels,omitempty"`
		Annotations map[string]provider.Text `yaml:"annotations,omitempty"`
	}
	serviceSpec struct {
		Template revisionTemplate `yaml:"template"`
	}
	revisionTemplate struct {
		Metadata metadata     `yaml:"metadata"`
		Spec     revisionSpec `yaml:"spec"`
	}
	revisionSpec struct {
		Concurrency int         `yaml:"containerConcurrency"`
		Timeout     int         `yaml:"timeoutSeconds"`
		Containers  []container `yaml:"containers"`
	}
	container struct {
		Image     string           `yaml:"image"`
		Ports     []port           `yaml:"ports"`
		Env       []envVariable    `yaml:"env,omitempty"`
		Resources resources        `yaml:"resources"`
		Security  *securityContext `yaml:"securityContext,omitempty"`
	}
	port struct {
		Name string `yaml:"name"`
		Port int    `yaml:"containerPort"`
	}
	envVariable struct {
		Name  string        `yaml:"name"`
		Value provider.Text `yaml:"value"`
	}
	resources struct {
		Requests map[string]string `yaml:"requests"`
		Limits   map[string]string `yaml:"limits"`
	}
	securityContext struct {
		User       int  `yaml:"runAsUser"`
		NonRoot    bool `yaml:"runAsNonRoot"`
		Escalation bool `yaml:"allowPrivilegeEscalation"`
	}
)

// nameLimit is the longest name that Kubernetes takes for a service.
const nameLimit = 63

// Files gives the Knative Service of a function.
func (v connection) Files(r *run.Run, u provider.Unit, _ map[string]string) ([]provider.File, error) {
	if len(u.Name) > nameLimit {
		return nil, fail.Input("service name %q has more than %d characters, more than Kubernetes allows", u.Name,
			nameLimit)
	}
	f := u.Functions[0]
	tags := map[string]provider.Text{provider.TagRun: provider.Text(r.Tags[provider.TagRun])}
	scale := map[string]provider.Text{"autoscaling.knative.dev/min-scale": "0"}
	if f.Platform.MaxInstances > 0 {
		scale["autoscaling.knative.dev/max-scale"] = provider.Text(strconv.Itoa(f.Platform.MaxInstances))
	}
	memory := map[string]string{"memory": strconv.Itoa(f.MemoryMB) + "Mi"}
	c := container{
		Image:     provider.ImageOf(f),
		Ports:     []port{{Name: "h2c", Port: containerPort}}, // the name tells Knative to speak HTTP/2: gRPC needs it
		Resources: resources{Requests: memory, Limits: memory},
	}
	for _, variable := range slices.Sorted(maps.Keys(f.Env)) {
		c.Env = append(c.Env, envVariable{variable, provider.Text(f.Env[variable])})
	}
	if f.Generated {
		c.Security = &securityContext{User: containerUser, NonRoot: true}
	}
	text, err := provider.YAML(service{
		APIVersion: "serving.knative.dev/v1", Kind: "Service",
		Metadata: metadata{Name: u.Name, Labels: tags,
			Annotations: map[string]provider.Text{"stellar-expires": provider.Text(r.Tags["stellar-expires"])}},
		Spec: serviceSpec{revisionTemplate{
			Metadata: metadata{Labels: tags, Annotations: scale},
			Spec: revisionSpec{Concurrency: f.Platform.Concurrency, Timeout: f.TimeoutSeconds,
				Containers: []container{c}},
		}},
	})
	if err != nil {
		return nil, fmt.Errorf("writing a Knative service: %w", err)
	}
	heading := fmt.Appendf(nil, "# Written by stellar for run %s, function %s: kubectl apply -f FILE\n", r.ID, f.Name)
	return []provider.File{{Name: f.Name + ".yml", Text: append(heading, text...)}}, nil
}

// Endpoints is the endpoints file of the services: an entry for each function, in their order. What is left to fill in
// is the cluster's domain, DOMAIN.
func (v connection) Endpoints(units []provider.Unit) (provider.File, error) {
	type entry struct {
		GatewayID        string
		FunctionMemoryMB int
		ImageSizeMB      float64
		PackageType      string
	}
	var all []entry
	for _, u := range units {
		f := u.Functions[0]
		size := 0.0
		if f.Package != nil {
			size = math.Floor(f.Package.Bytes.MiB()*10) / 10
		}
		all = append(all, entry{u.Name + ".default.DOMAIN:80", f.MemoryMB, size, f.PackageType})
	}
	out, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return provider.File{}, fmt.Errorf("writing the endpoints: %w", err)
	}
	return provider.File{Name: "vHive.json", Text: append(out, '\n')}, nil
}

// Instructions say what to type.
func (v connection) Instructions(dir, runDir, endpoints, token string, units []provider.Unit) string {
	services := filepath.Join(dir, servicesFolder)
	var b strings.Builder
	fmt.Fprintf(&b, "%s is ready; the images are in the registry. stellar deploys nothing there. "+
		"By hand, with a kubeconfig of the cluster:\n", dir)
	fmt.Fprintf(&b, "  kubectl apply -f %s\nor, one by one:\n", services)
	for _, u := range units {
		deploy, _ := v.Commands(u)
		for _, c := range deploy {
			fmt.Fprintf(&b, "  %s\n", c.CommandLine())
		}
	}
	fmt.Fprintf(&b, "Put the cluster's domain (`kn service list` shows it) in the place of DOMAIN in %s, then:\n",
		filepath.Join(dir, endpoints))
	fmt.Fprintf(&b, "  STELLAR_TOKEN=$(cat %s) stellar -c FILE -g %s\n", filepath.Join(dir, token), dir)
	fmt.Fprintf(&b, "In the end, the services and then the images:\n  kubectl delete -f %s\n  stellar remove %s\n",
		services, runDir)
	return b.String()
}
