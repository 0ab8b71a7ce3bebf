// Package knative is vHive, and any other Knative: functions that speak gRPC, deployed by the operator of the cluster
// and named by an endpoints file. stellar deploys and removes nothing there; the package says which commands do, and
// writes the files.
package knative

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// Provider is the row of the table of providers.
func Provider() provider.Provider {
	return provider.Provider{Name: name, Standing: true, UDP: true,
		Can: []string{"functions named by an endpoints file", "kn commands to deploy them by hand",
			"chains over gRPC"},
		Protocol:      "grpc", // vHive's example functions speak it
		Scheme:        "http", // the gateway speaks HTTP/2 without TLS
		EndpointsHint: "add them to the file; `stellar plan --write` writes Knative services to deploy",
		Ignores: append(provider.PlatformKeys("Concurrency", "MaxInstances", "ImageContract"), "Region", "Reuse",
			"ProviderReport"),
		ConnectByHand: connect, Divide: units}
}

const name = "vhive"

// connection knows how others deploy functions.
type connection struct{ o provider.Options }

var (
	_ provider.Connection = connection{}
	_ provider.Planner    = connection{}
	_ provider.Refuser    = connection{}
	_ provider.Guide      = connection{}
	_ provider.Writer     = connection{}
)

// What functions on Knative have in common.
const (
	containerPort  = 8080       // the container's port; Knative passes it in PORT
	servicesFolder = "services" // of the services' files, under the service folder
	containerUser  = 65534      // the user of generated images: nobody
)

// units is a Knative Service for each function, their files in one folder.
func units(service string, fns []*provider.Function) []provider.Unit {
	out := provider.OnePerFunction(service, fns)
	for i := range out {
		out[i].Dir = servicesFolder
	}
	return out
}

// Commands are kn's (github.com/knative/client, docs/cmd/kn_service_create.md). They do what the service's file does
// with `kubectl apply`.
func (v connection) Commands(u provider.Unit) (deploy, remove []shell.Command) {
	f := u.Functions[0]
	image := "IMAGE"
	if f.Package != nil && f.Package.Image != "" {
		image = f.Package.Image
	}
	args := []string{"service", "create", u.Name, "--image", image, "--port", "h2c:" + strconv.Itoa(containerPort),
		"--limit", "memory=" + strconv.Itoa(f.MemoryMB) + "Mi", "--request", "memory=" + strconv.Itoa(f.MemoryMB) +
			"Mi",
		"--concurrency-limit", strconv.Itoa(f.Platform.Concurrency), "--scale-min", "0", "--timeout",
		strconv.Itoa(f.TimeoutSeconds)}
	if f.Platform.MaxInstances > 0 {
		args = append(args, "--scale-max", strconv.Itoa(f.Platform.MaxInstances))
	}
	if f.Generated {
		args = append(args, "--user", strconv.Itoa(containerUser))
	} else {
		args = append(args, "--security-context", "none") // an image of the user's may want to be root
	}
	for _, variable := range slices.Sorted(maps.Keys(f.Env)) {
		// that of the token, drawn with the run
		args = append(args, "--env", variable+"="+cmp.Or(f.Env[variable], "HASH"))
	}
	args = append(args, "--label", provider.TagRun+"="+v.o.Tags[provider.TagRun],
		"--annotation", provider.TagExpires+"="+v.o.Tags[provider.TagExpires])
	return []shell.Command{{Name: "kn", Args: args}},
		[]shell.Command{{Name: "kn", Args: []string{"service", "delete", u.Name}}}
}

// Refuse says which functions could not serve on Knative: those that do not speak gRPC, or come in no image.
func (v connection) Refuse(s *experiment.SubExperiment, f *provider.Function) (no []provider.Refusal) {
	if s.PackageType != "Image" {
		no = append(no, provider.Refuse("PackageType", "Zip", `Knative runs images: write "PackageType": "Image"`))
	}
	if f.Generated && f.Language != "go" {
		no = append(no, provider.Refuse("Runtime", f.Runtime,
			`the measurement function speaks gRPC in Go only, not in %s: write "Runtime": "go"`, f.Runtime))
	}
	if s.SnapStartEnabled {
		no = append(no, provider.Refuse("SnapStartEnabled", "", "which is another provider's"))
	}
	if s.CPUBoostEnabled {
		no = append(no, provider.Refuse("CPUBoostEnabled", "", "which is another provider's"))
	}
	return no
}

func connect(o provider.Options) provider.Connection { return connection{o} }

func (v connection) notHere() error {
	return fail.Unsupported("stellar does not deploy to vhive").
		WithHint("`stellar plan --write DIR` writes Knative services to deploy; then name their addresses with " +
			"--endpoints DIR")
}

// ListAPIs lists nothing: what exists there is in an endpoints file (provider.OpenEndpoints).
func (v connection) ListAPIs(context.Context) ([]provider.Endpoint, error) { return nil, v.notHere() }

// DeployFunctions is not done here.
func (v connection) DeployFunctions(context.Context, []*provider.Function) ([]provider.Endpoint, error) {
	return nil, v.notHere()
}

// UpdateFunction is not done here.
func (v connection) UpdateFunction(context.Context, provider.Endpoint, *provider.Function) error {
	return v.notHere()
}

// RemoveFunctions removes nothing: what exists there is not ours.
func (v connection) RemoveFunctions(context.Context, []provider.Unit) error { return nil }
