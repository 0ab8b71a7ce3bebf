package google

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// coldUpdate are the arguments of the command that makes a new revision of a Cloud Run service: its first request
// starts cold, and the command ends when the revision is ready and has all requests. A function of Cloud Functions is
// such a service, too, of the same name: it need not be built anew for that.
func coldUpdate(name string) []string {
	return []string{"run", "services", "update", name, "--update-env-vars", provider.ColdVariable + "=" +
		provider.ColdCount()}
}

// makeCold makes a new revision of a service.
func (g gcloud) makeCold(ctx context.Context, name string, at location, more ...string) error {
	args := append(coldUpdate(name), more...)
	_, err := g.run(ctx, g.command(at, append(args, "--format", "json")...))
	return err
}

// Configuration gives what a cold start changes of a service, and where the service is.
func (g gcloud) Configuration(ctx context.Context, e provider.Endpoint) (map[string]string, error) {
	name := e.Detail[provider.DetailUnit]
	at, err := g.placeOf(ctx, name, e.Detail)
	if err != nil {
		return nil, err
	}
	is, err := g.describe(ctx, name, at)
	if err != nil {
		return nil, err
	}
	if is == nil {
		return nil, fmt.Errorf("there is no service %s in %s", name, at.region)
	}
	out := map[string]string{detailProject: at.project, provider.DetailRegion: at.region, provider.WasHash: is.hash}
	if is.cold != nil {
		out[provider.WasCold] = *is.cold
	}
	return out, nil
}

// Restore puts back what cold starts have changed of a service, in one more revision.
func (g gcloud) Restore(ctx context.Context, was map[string]string) error {
	name := was[provider.DetailUnit]
	at, err := g.placeOf(ctx, name, was)
	if err != nil {
		return err
	}
	before, err := g.describe(ctx, name, at)
	if err != nil || before == nil {
		return err
	}
	old, set := was[provider.WasCold]
	if set == (before.cold != nil) && (!set || old == *before.cold) {
		return nil
	}
	args := []string{"run", "services", "update", name, "--remove-env-vars", provider.ColdVariable}
	if set {
		args = []string{"run", "services", "update", name, "--update-env-vars", provider.ColdVariable + "=" + old}
	}
	if _, err := g.run(ctx, g.command(at, append(args, "--format", "json")...)); err != nil {
		return err
	}
	after, err := g.describe(ctx, name, at)
	if err != nil {
		return err
	}
	if after == nil || set != (after.cold != nil) || set && *after.cold != old || after.hash != before.hash {
		return fmt.Errorf("service %s is not configured as before: more or less than %s has changed", name,
			provider.ColdVariable)
	}
	if after.hash != was[provider.WasHash] && g.Log != nil {
		g.Log.Warnf("service %s: %s is put back; others have changed the rest of its configuration during the run, "+
			"which is left as it is", name, provider.ColdVariable)
	}
	return nil
}

// serviceConfiguration is what a service says of the variable of cold starts, and of all else as a hash.
type serviceConfiguration struct {
	cold *string // nil: it is not set
	hash string
}

// describe asks how a service is configured; nil where there is none.
func (g gcloud) describe(ctx context.Context, name string, at location) (*serviceConfiguration, error) {
	res, err := g.run(ctx, g.command(at, "run", "services", "describe", name, "--format", "json"))
	if err != nil {
		if g.missing(res, name) {
			return nil, nil
		}
		return nil, err
	}
	var is struct {
		Spec struct {
			Template struct {
				Spec map[string]any
			}
		}
	}
	if err := answerOf(res, &is); err != nil {
		return nil, provider.OutputError(res.Stdout+res.Stderr, "gcloud run services describe: %w", err)
	}
	out := &serviceConfiguration{}
	containers, _ := is.Spec.Template.Spec["containers"].([]any)
	for _, c := range containers {
		if container, ok := c.(map[string]any); ok {
			out.takeCold(container)
		}
	}
	text, err := json.Marshal(is.Spec.Template.Spec)
	if err != nil {
		return nil, fmt.Errorf("service %s: its configuration: %w", name, err)
	}
	sum := sha256.Sum256(text)
	out.hash = hex.EncodeToString(sum[:])
	return out, nil
}

// takeCold takes the variable of cold starts out of what a container says of its environment.
func (s *serviceConfiguration) takeCold(container map[string]any) {
	env, _ := container["env"].([]any)
	rest := slices.DeleteFunc(env, func(v any) bool {
		variable, _ := v.(map[string]any)
		if variable["name"] != provider.ColdVariable {
			return false
		}
		value, _ := variable["value"].(string)
		s.cold = &value
		return true
	})
	if container["env"] = rest; len(rest) == 0 {
		delete(container, "env")
	}
}
