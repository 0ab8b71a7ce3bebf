package provider

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strconv"

	"stellar/src/experiment"
	"stellar/src/fail"
	"stellar/src/shell"
)

// vhive is vHive, and any other Knative: functions that speak gRPC, deployed by whoever runs the cluster and named by an
// endpoints file. stellar deploys and removes nothing there; it says which commands do.
type vhive struct{ o Options }

var (
	_ Connection = vhive{}
	_ Planner    = vhive{}
	_ Refuser    = vhive{}
)

// What functions on Knative have in common.
const (
	KnativePort   = 8080       // the container's port; Knative tells it in PORT
	KnativeFolder = "services" // of the services' files, under the service folder
	KnativeUser   = 65534      // who generated images run as: nobody
)

// knativeUnits is a Knative Service for each function, their files in one folder.
func knativeUnits(service string, fns []*Function) []Unit {
	out := onePerFunction(service, fns)
	for i := range out {
		out[i].Dir = KnativeFolder
	}
	return out
}

// Commands are kn's (github.com/knative/client, docs/cmd/kn_service_create.md). They do what the service's file does with `kubectl apply`.
func (v vhive) Commands(u Unit) (deploy, remove []shell.Command) {
	f := u.Functions[0]
	image := "IMAGE"
	if f.Package != nil && f.Package.Image != "" {
		image = f.Package.Image
	}
	args := []string{"service", "create", u.Name, "--image", image, "--port", "h2c:" + strconv.Itoa(KnativePort),
		"--limit", "memory=" + strconv.Itoa(f.MemoryMB) + "Mi", "--request", "memory=" + strconv.Itoa(f.MemoryMB) + "Mi",
		"--concurrency-limit", strconv.Itoa(f.Platform.Concurrency), "--scale-min", "0", "--timeout", strconv.Itoa(f.TimeoutSeconds)}
	if f.Platform.MaxInstances > 0 {
		args = append(args, "--scale-max", strconv.Itoa(f.Platform.MaxInstances))
	}
	if f.Generated {
		args = append(args, "--user", strconv.Itoa(KnativeUser))
	} else {
		args = append(args, "--security-context", "none") // an image of the user's may want to be root
	}
	for _, name := range slices.Sorted(maps.Keys(f.Env)) {
		args = append(args, "--env", name+"="+cmp.Or(f.Env[name], "HASH")) // that of the token, drawn with the run
	}
	args = append(args, "--label", "stellar-run="+v.o.Tags["stellar-run"], "--annotation", "stellar-expires="+v.o.Tags["stellar-expires"])
	return []shell.Command{{Name: "kn", Args: args}}, []shell.Command{{Name: "kn", Args: []string{"service", "delete", u.Name}}}
}

// Refuse says which functions could not serve on Knative: those that do not speak gRPC, or come in no image.
func (v vhive) Refuse(s *experiment.SubExperiment, f *Function) (no []Refusal) {
	if s.PackageType != "Image" {
		no = append(no, refuse("PackageType", "Zip", `Knative runs images: write "PackageType": "Image"`))
	}
	if f.Generated && f.Language != "go" {
		no = append(no, refuse("Runtime", f.Runtime, `the measurement function speaks gRPC in Go only, not in %s: write "Runtime": "go"`, f.Runtime))
	}
	if s.SnapStartEnabled {
		no = append(no, refuse("SnapStartEnabled", "", "which is another provider's"))
	}
	if s.CPUBoostEnabled {
		no = append(no, refuse("CPUBoostEnabled", "", "which is another provider's"))
	}
	return no
}

func newVhive(o Options) Connection { return vhive{o} }

func (v vhive) notHere() error {
	return fail.Unsupported("stellar does not deploy to vhive").
		WithHint("`stellar plan --write DIR` writes Knative services to deploy; then name their addresses with --endpoints DIR")
}

// ListAPIs lists nothing: what stands there is in an endpoints file (OpenEndpoints).
func (v vhive) ListAPIs(context.Context) ([]Endpoint, error) { return nil, v.notHere() }

// DeployFunctions is not done here.
func (v vhive) DeployFunctions(context.Context, []*Function) ([]Endpoint, error) {
	return nil, v.notHere()
}

// UpdateFunction is not done here.
func (v vhive) UpdateFunction(context.Context, Endpoint, *Function) error { return v.notHere() }

// RemoveFunctions removes nothing: what stands there is not ours.
func (v vhive) RemoveFunctions(context.Context, []Endpoint) error { return nil }
