package knative

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/providertest"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// TestKnCommands: kn's flags as knative/client documents them (docs/cmd/kn_service_create.md, kn_service_delete.md).
func TestKnCommands(t *testing.T) {
	row := Provider()
	ours := &run.Function{Name: "f0-0-1", Generated: true, Language: "go", MemoryMB: 256, TimeoutSeconds: 30,
		Env:      map[string]string{"B": "2", "A": "x y"},
		Platform: experiment.Platform{Concurrency: 1}, Package: &run.Package{Image: "r.example/s@sha256:ab"}}
	own := &run.Function{Name: "f1-0", MemoryMB: 128, TimeoutSeconds: 60,
		Env:      map[string]string{"STELLAR_TOKEN_SHA256": ""},
		Platform: experiment.Platform{Concurrency: 4, MaxInstances: 9}}
	conn := row.ByHand(provider.Options{Tags: map[string]string{"stellar-run": "RUN", "stellar-expires": "TIME"}})
	planner, ok := conn.(provider.Planner)
	if !ok {
		t.Fatal("vhive plans nothing")
	}
	var lines []string
	for _, u := range row.Units("stellar-x", []*provider.Function{ours, own}) {
		if u.Dir != servicesFolder {
			t.Errorf("%s lies in %q", u.Name, u.Dir)
		}
		deploy, remove := planner.Commands(u)
		for _, c := range slices.Concat(deploy, remove) {
			lines = append(lines, c.CommandLine())
		}
	}
	want := []string{
		"kn service create stellar-x-f0-0-1 --image r.example/s@sha256:ab --port h2c:8080 --limit memory=256Mi " +
			"--request memory=256Mi" +
			" --concurrency-limit 1 --scale-min 0 --timeout 30 --user 65534 --env 'A=x y' --env B=2 --label " +
			"stellar-run=RUN --annotation stellar-expires=TIME",
		"kn service delete stellar-x-f0-0-1",
		"kn service create stellar-x-f1-0 --image IMAGE --port h2c:8080 --limit memory=128Mi --request memory=128Mi" +
			" --concurrency-limit 4 --scale-min 0 --timeout 60 --scale-max 9 --security-context none --env " +
			"STELLAR_TOKEN_SHA256=HASH" +
			" --label stellar-run=RUN --annotation stellar-expires=TIME",
		"kn service delete stellar-x-f1-0",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

func TestVhiveRefuses(t *testing.T) {
	conn := Provider().ByHand(provider.Options{})
	refuser, ok := conn.(provider.Refuser)
	if !ok {
		t.Fatal("vhive refuses nothing")
	}
	image := &experiment.SubExperiment{PackageType: "Image"}
	for name, c := range map[string]struct {
		sub  *experiment.SubExperiment
		fn   provider.Function
		want string
	}{
		"go":  {image, provider.Function{Generated: true, Language: "go"}, ""},
		"own": {image, provider.Function{Language: run.LanguageDocker, Runtime: "python3.13"}, ""},
		"other": {image, provider.Function{Generated: true, Language: "java", Runtime: "java21"},
			"speaks gRPC in Go only, not in java21"},
		"zip": {&experiment.SubExperiment{PackageType: "Zip"},
			provider.Function{Generated: true, Language: "go"}, "Knative runs images"},
		"snap start": {&experiment.SubExperiment{PackageType: "Image", SnapStartEnabled: true}, provider.Function{},
			"SnapStartEnabled"},
		"boost": {&experiment.SubExperiment{PackageType: "Image", CPUBoostEnabled: true}, provider.Function{},
			"CPUBoostEnabled"},
		"two at once": {&experiment.SubExperiment{PackageType: "Zip"},
			provider.Function{Generated: true, Language: "ruby", Runtime: "ruby3.4"}, "Knative runs images"},
	} {
		got := refuser.Refuse(c.sub, &c.fn)
		if (len(got) == 0) != (c.want == "") || !strings.Contains(providertest.Said(got, "; "), c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestVhiveTouchesNothing: stellar neither deploys there nor removes.
func TestVhiveTouchesNothing(t *testing.T) {
	ctx := context.Background()
	conn := Provider().ByHand(provider.Options{})
	_, list := conn.ListAPIs(ctx)
	_, deploy := conn.DeployFunctions(ctx, nil)
	for _, err := range []error{list, deploy, conn.UpdateFunction(ctx, provider.Endpoint{}, nil)} {
		if !errors.Is(err, fail.ErrUnsupported) || !strings.Contains(fail.Hint(err), "--write") {
			t.Errorf("%v, hint %q", err, fail.Hint(err))
		}
	}
	if err := conn.RemoveFunctions(ctx, []provider.Unit{{Name: "a"}}); err != nil {
		t.Error(err)
	}
}
