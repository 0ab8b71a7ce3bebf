package generate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"gopkg.in/yaml.v3"

	"stellar/src/fail"
	"stellar/src/provider"
	"stellar/src/run"
)

// A Knative Service, as knative.dev/docs/serving/reference/serving-api has it; the fields that are used.
type (
	knativeService struct {
		APIVersion string           `yaml:"apiVersion"`
		Kind       string           `yaml:"kind"`
		Metadata   knativeMetadata  `yaml:"metadata"`
		Spec       knativeTemplated `yaml:"spec"`
	}
	knativeMetadata struct {
		Name        string          `yaml:"name,omitempty"`
		Labels      map[string]text `yaml:"labels,omitempty"`
		Annotations map[string]text `yaml:"annotations,omitempty"`
	}
	knativeTemplated struct {
		Template knativeTemplate `yaml:"template"`
	}
	knativeTemplate struct {
		Metadata knativeMetadata `yaml:"metadata"`
		Spec     knativeRevision `yaml:"spec"`
	}
	knativeRevision struct {
		Concurrency int                `yaml:"containerConcurrency"`
		Timeout     int                `yaml:"timeoutSeconds"`
		Containers  []knativeContainer `yaml:"containers"`
	}
	knativeContainer struct {
		Image     string           `yaml:"image"`
		Ports     []knativePort    `yaml:"ports"`
		Env       []knativeEnv     `yaml:"env,omitempty"`
		Resources knativeResources `yaml:"resources"`
		Security  *knativeSecurity `yaml:"securityContext,omitempty"`
	}
	knativePort struct {
		Name string `yaml:"name"`
		Port int    `yaml:"containerPort"`
	}
	knativeEnv struct {
		Name  string `yaml:"name"`
		Value text   `yaml:"value"`
	}
	knativeResources struct {
		Requests map[string]string `yaml:"requests"`
		Limits   map[string]string `yaml:"limits"`
	}
	knativeSecurity struct {
		User       int  `yaml:"runAsUser"`
		NonRoot    bool `yaml:"runAsNonRoot"`
		Escalation bool `yaml:"allowPrivilegeEscalation"`
	}
)

// knativeNameMost is the longest name that Kubernetes takes for a service.
const knativeNameMost = 63

// knativeFiles gives the Knative Service of a function.
func knativeFiles(_ Service, r *run.Run, u provider.Unit) ([]File, error) {
	if len(u.Name) > knativeNameMost {
		return nil, fail.Input("service name %q has more than %d characters, which Kubernetes does not take", u.Name, knativeNameMost)
	}
	f := u.Functions[0]
	tags := map[string]text{"stellar-run": text(r.Tags["stellar-run"])}
	scale := map[string]text{"autoscaling.knative.dev/min-scale": "0"}
	if f.Platform.MaxInstances > 0 {
		scale["autoscaling.knative.dev/max-scale"] = text(strconv.Itoa(f.Platform.MaxInstances))
	}
	memory := map[string]string{"memory": strconv.Itoa(f.MemoryMB) + "Mi"}
	c := knativeContainer{
		Image:     imageOf(f),
		Ports:     []knativePort{{Name: "h2c", Port: provider.KnativePort}}, // the name tells Knative to speak HTTP/2: gRPC needs it
		Resources: knativeResources{Requests: memory, Limits: memory},
	}
	for _, name := range slices.Sorted(maps.Keys(f.Env)) {
		c.Env = append(c.Env, knativeEnv{name, text(f.Env[name])})
	}
	if f.Generated {
		c.Security = &knativeSecurity{User: provider.KnativeUser, NonRoot: true}
	}
	file, err := manifest(knativeService{
		APIVersion: "serving.knative.dev/v1", Kind: "Service",
		Metadata: knativeMetadata{Name: u.Name, Labels: tags, Annotations: map[string]text{"stellar-expires": text(r.Tags["stellar-expires"])}},
		Spec: knativeTemplated{knativeTemplate{
			Metadata: knativeMetadata{Labels: tags, Annotations: scale},
			Spec:     knativeRevision{Concurrency: f.Platform.Concurrency, Timeout: f.TimeoutSeconds, Containers: []knativeContainer{c}},
		}},
	})
	return []File{{Name: f.Name + ".yml", Text: append(fmt.Appendf(nil, "# Written by stellar for run %s, function %s: kubectl apply -f FILE\n", r.ID, f.Name), file...)}}, err
}

func manifest(content any) ([]byte, error) {
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode(content); err != nil {
		return nil, fmt.Errorf("writing a Knative service: %w", err)
	}
	return out.Bytes(), enc.Close()
}

// KnativeEndpoints is the endpoints file of the services: an entry for each function, in their order. What is left to fill in is
// the cluster's domain, DOMAIN.
func KnativeEndpoints(units []provider.Unit) (File, error) {
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
			size = float64(f.Package.Bytes*10/(1<<20)) / 10
		}
		all = append(all, entry{u.Name + ".default.DOMAIN:80", f.MemoryMB, size, f.PackageType})
	}
	out, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return File{}, fmt.Errorf("writing the endpoints: %w", err)
	}
	return File{Name: "vHive.json", Text: append(out, '\n')}, nil
}
