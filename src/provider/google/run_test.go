package google

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"

	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/providertest"
)

func TestGcrDeploys(t *testing.T) {
	g := newFakeGcloud(t, map[string]string{"run-deploy.out": output(t, "run-deploy.json"),
		"run-deploy.err": output(t, "run-deploy.err")})
	small, large := imageFunction("f0-0", 128), imageFunction("f1-0", 8192)
	small.Platform.Concurrency, large.Platform = 1, experiment.Platform{Concurrency: 80, MaxInstances: 7}
	large.CPUBoost, large.TimeoutSeconds = true, 900
	got, err := g.open("gcr", here()).DeployFunctions(t.Context(), []*provider.Function{small, large})
	if err != nil || len(got) != 2 {
		t.Fatalf("%v, %v", got, err)
	}
	e := got[1]
	if e.URL != "https://stellar-r-f0-0-nfjrndgaha-ew.a.run.app" || e.Provider != "gcr" || e.Function != "f1-0" ||
		e.MemoryMB != 8192 || e.PackageType != "Image" || e.ImageSizeMB != 24 {
		t.Errorf("endpoint %+v", e)
	}
	if d := e.Detail; d["revision"] != "stellar-r-f0-0-00001-cec" || d[provider.DetailUnit] != "stellar-r-f1-0" ||
		d["project"] != "p" || d["region"] != "europe-west1" {
		t.Errorf("detail %v", d)
	}
	const common = " --labels stellar-expires=2026-11-22t10-00-00z,stellar-run=20261121t100000z-gcr-abcd"
	const end = " --ingress all --allow-unauthenticated --format json --project p --region europe-west1 --quiet"
	want := []string{
		"run deploy stellar-r-f0-0 --image europe-west1-docker.pkg.dev/p/r/stellar@sha256:1f2e3d --memory 128Mi " +
			"--cpu 1 --execution-environment gen1" +
			" --concurrency 1 --min-instances 0 --no-cpu-boost --cpu-throttling --timeout 60s" + common +
			" --env-vars-file /s/f0-0/env.yaml" + end,
		"run deploy stellar-r-f1-0 --image europe-west1-docker.pkg.dev/p/r/stellar@sha256:1f2e3d --memory 8192Mi " +
			"--cpu 2" +
			" --concurrency 80 --min-instances 0 --max-instances 7 --cpu-boost --cpu-throttling --timeout 900s" +
			common + " --env-vars-file /s/f1-0/env.yaml" + end,
	}
	if calls := g.calls(); !slices.Equal(calls, want) {
		t.Errorf("ran\n%s\nwant\n%s", strings.Join(calls, "\n"), strings.Join(want, "\n"))
	}
}

func TestGcrReads(t *testing.T) {
	c := connectRun(provider.Options{}.WithDefaults()).(*cloudRun)
	for name, r := range map[string]struct{ out, err, want string }{
		"json": {output(t, "run-deploy.json"), "", "https://stellar-r-f0-0-nfjrndgaha-ew.a.run.app"},
		"behind notices": {"Updates are available.\n" + output(t, "run-deploy.json"), "",
			"https://stellar-r-f0-0-nfjrndgaha-ew.a.run.app"},
		"urls only":    {`{"metadata":{"annotations":{"run.googleapis.com/urls":"[\"https://a.run.app\",\"https://b.run.app\"]"}},"status":{}}`, "", "https://a.run.app"},
		"address only": {`{"status":{"address":{"url":"https://c.run.app"}}}`, "", "https://c.run.app"},
		"text":         {output(t, "run-deploy.txt"), "", "https://test-function-nfjrndgaha-uw.a.run.app"},
		"text, stderr": {"", output(t, "run-deploy.err"), "https://stellar-r-f0-0-nfjrndgaha-ew.a.run.app"},
		"nothing":      {"", "Done.", ""},
		"empty object": {"{}", "", ""},
		"garbage":      {"<html>{", "", ""},
	} {
		e, err := c.read(result(r.out, r.err))
		if e.URL != r.want || (err == nil) != (r.want != "") {
			t.Errorf("%s: %q, %v", name, e.URL, err)
		}
	}
}

func TestGcrDeploymentFaults(t *testing.T) {
	good := map[string]string{"run-deploy.out": output(t, "run-deploy.json")}
	with := func(more map[string]string) map[string]string { return merged(good, more) }
	for name, f := range map[string]fault{
		"throttled once": {with(map[string]string{"run-deploy.1.err": "ERROR: (gcloud.run.deploy) " +
			"RESOURCE_EXHAUSTED: Quota exceeded for quota metric 'Write requests' and limit 'Write requests per " +
			"minute per region'\n", "run-deploy.1.code": "1"}), 2, "", ""},
		"throttled": {map[string]string{"run-deploy.err": "ERROR: (gcloud.run.deploy) HTTPError 429: Too many " +
			"requests\n", "run-deploy.code": "1"}, 3, "exit code 1", ""},
		"not allowed": {map[string]string{"run-deploy.err": "ERROR: (gcloud.run.deploy) PERMISSION_DENIED: " +
			"Permission 'run.services.create' denied on resource 'namespaces/p/services/s' (or resource may not " +
			"exist).\n", "run-deploy.code": "1"}, 1, "PERMISSION_DENIED", "lacks a role"},
		"API off": {map[string]string{"run-deploy.err": "ERROR: (gcloud.run.deploy) API [run.googleapis.com] " +
			"not enabled on project [p].\n", "run-deploy.code": "1"}, 1, "not enabled", "gcloud services enable"},
		"does not start": {map[string]string{"run-deploy.err": "ERROR: (gcloud.run.deploy) Revision " +
			"'stellar-r-f0-0-00001-cec' is not ready and cannot serve traffic. The user-provided container failed " +
			"to start and listen on the port defined provided by the PORT=8080 environment variable\n",
			"run-deploy.code": "1"}, 1, "is not ready", "$PORT"},
		"nobody may call": {with(map[string]string{"run-deploy.err": "Setting IAM Policy.....warning\nCompleted " +
			"with warnings:\n  Setting IAM policy failed, try \"gcloud beta run services add-iam-policy-binding " +
			"--region=europe-west1 --member=allUsers --role=roles/run.invoker stellar-r-f0-0\"\n"}),
			1, "not public", "iam.allowedPolicyMemberDomains"},
		"garbage": {map[string]string{"run-deploy.out": "<html>502 Bad Gateway</html>\n"}, 1, "502 Bad Gateway", ""},
		"silent":  {map[string]string{"run-deploy.out": ""}, 1, "named no address", ""},
		"hangs":   {with(map[string]string{"run-deploy.hang": ""}), 1, "timed out", ""},
	} {
		g := newFakeGcloud(t, f.answers)
		conn := g.open("gcr", here()).(*cloudRun)
		if strings.HasPrefix(name, "hangs") {
			conn.Patience.Command = 200e6
		}
		_, err := conn.DeployFunctions(t.Context(), []*provider.Function{imageFunction("f0-0", 512)})
		f.check(t, name, "run deploy", g, err)
	}
}

func TestGcrStopsAfterAFailure(t *testing.T) {
	g := newFakeGcloud(t, map[string]string{"run-deploy.1.out": output(t, "run-deploy.json"),
		"run-deploy.err": "ERROR: no\n", "run-deploy.code": "1"})
	_, err := g.open("gcr", here()).DeployFunctions(t.Context(),
		[]*provider.Function{imageFunction("f0-0", 512), imageFunction("f0-1", 512), imageFunction("f0-2", 512)})
	if err == nil || !strings.Contains(err.Error(), "deploy stellar-r-f0-1") || len(g.calls()) != 2 {
		t.Errorf("%v after %d calls", err, len(g.calls()))
	}
}

const (
	gcrDeleted  = "Deleted service [stellar-r-f0-0].\n"
	gcrNone     = "ERROR: (gcloud.run.services.delete) Service [stellar-r-f0-0] could not be found.\n"
	gcrNotFound = "ERROR: (gcloud.run.services.describe) Cannot find service [stellar-r-f0-0]\n"
)

func TestGcrRemoves(t *testing.T) {
	gone := map[string]string{"run-services-describe.err": gcrNotFound, "run-services-describe.code": "1"}
	with := func(more map[string]string) map[string]string { return merged(gone, more) }
	for name, f := range map[string]fault{
		"there": {with(map[string]string{"run-services-delete.err": gcrDeleted}), 1, "", ""},
		"gone already": {with(map[string]string{"run-services-delete.err": gcrNone, "run-services-delete.code": "1"}),
			1, "", ""},
		"throttled once": {with(map[string]string{"run-services-delete.1.err": "ERROR: HTTPError 429: slow down\n",
			"run-services-delete.1.code": "1", "run-services-delete.err": gcrDeleted}), 2, "", ""},
		"failed, gone": {with(map[string]string{"run-services-delete.err": "ERROR: gcloud crashed (TransportError)\n",
			"run-services-delete.code": "1"}), 1, "", ""},
		"not allowed": {map[string]string{"run-services-delete.err": "ERROR: (gcloud.run.services.delete) " +
			"PERMISSION_DENIED: Permission 'run.services.delete' denied on resource 'stellar-r-f0-0' (or resource " +
			"may not exist).\n", "run-services-delete.code": "1",
			"run-services-describe.out": "stellar-r-f0-0\n"}, 1, "is still there", "lacks a role"},
		"still there": {map[string]string{"run-services-delete.err": gcrDeleted,
			"run-services-describe.out": "stellar-r-f0-0\n"}, 1, "the Cloud Run service stellar-r-f0-0 is still there",
			""},
		"nobody can tell": {map[string]string{"run-services-delete.err": gcrDeleted,
			"run-services-describe.err": "ERROR: no network\n", "run-services-describe.code": "1"}, 1, "ask whether",
			""},
		"another is not found": {map[string]string{"run-services-delete.err": gcrDeleted,
			"run-services-describe.err": "ERROR: project [p] was not found\n", "run-services-describe.code": "1"}, 1,
			"ask whether", ""},
	} {
		g := newFakeGcloud(t, f.answers)
		// The journal's word counts, not the environment of now.
		u := provider.Unit{Name: "stellar-r-f0-0", Confirmed: true,
			Where: map[string]string{provider.DetailRegion: "asia-east1", detailProject: "then"}}
		err := g.open("gcr", here()).RemoveFunctions(t.Context(), []provider.Unit{u})
		f.check(t, name, "run services delete", g, err)
		for _, call := range g.calls() {
			if !strings.HasSuffix(call, "--project then --region asia-east1 --quiet") {
				t.Errorf("%s: ran %s", name, call)
			}
		}
	}
}

// What was never seen made is looked for once more.
func TestGcrLooksTwice(t *testing.T) {
	g := newFakeGcloud(t, map[string]string{"run-services-delete.err": gcrNone, "run-services-delete.code": "1",
		"run-services-describe.1.err": gcrNotFound, "run-services-describe.1.code": "1",
		"run-services-describe.out": "stellar-r-f0-0\n"})
	u := provider.Unit{Name: "stellar-r-f0-0"}
	if err := g.open("gcr", here()).RemoveFunctions(t.Context(), []provider.Unit{u}); err == nil ||
		!strings.Contains(err.Error(), "still there") {
		t.Errorf("a service that came late was taken for absent: %v", err)
	}
}

func TestGcrLists(t *testing.T) {
	other := strings.ReplaceAll(output(t, "run-deploy.json"), "stellar-r-f0-0", "stellar-rx-f0-0")
	g := newFakeGcloud(t, map[string]string{"run-services-list.out": "[" + output(t, "run-deploy.json") + "," + other +
		"]"})
	got, err := g.open("gcr", here()).ListAPIs(t.Context())
	if err != nil || len(got) != 1 {
		t.Fatalf("%v, %v", got, err)
	}
	want := map[string]string{"unit": "stellar-r-f0-0", "project": "p", "region": "europe-west1", "stellar-run": "r",
		"stellar-expires": "2026-11-22T10:00:00Z"}
	if got[0].Function != "f0-0" || !strings.HasPrefix(got[0].URL, "https://stellar-r-f0-0-") ||
		!maps.Equal(got[0].Detail, want) {
		t.Errorf("%+v", got[0])
	}
	if calls := g.calls(); calls[0] != "run services list --filter metadata.labels.stellar-run:* --format json "+
		"--project p --region europe-west1 --quiet" {
		t.Errorf("ran %v", calls)
	}
	g = newFakeGcloud(t, map[string]string{"run-services-list.out": "[]"})
	if got, err := g.open("gcr", here()).ListAPIs(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("none: %v, %v", got, err)
	}
}

func TestGcrFindsWhatIsTagged(t *testing.T) {
	function := strings.Replace(output(t, "run-deploy.json"), `"stellar-run"`,
		`"goog-managed-by": "cloudfunctions", "stellar-run"`, 1)
	g := newFakeGcloud(t, map[string]string{"run-services-list.out": "[" + output(t, "run-deploy.json") + "," +
		function + `,{"metadata":{"name":"theirs"}}]`})
	env := merged(here(), map[string]string{"CLOUDSDK_RUN_REGION": "asia-east1"})
	got, err := g.open("gcr", env).(provider.Sweeper).Tagged(t.Context())
	if err != nil || len(got) != 1 || got[0].Run != "r" ||
		got[0].Expires.Format(time.RFC3339) != "2026-11-22T10:00:00Z" ||
		got[0].Unit.Name != "stellar-r-f0-0" || got[0].Unit.Where[provider.DetailRegion] != "europe-west1" {
		t.Errorf("%+v, %v", got, err)
	}
	if calls := g.calls(); calls[0] != "run services list --filter metadata.labels.stellar-run:* --format json "+
		"--project p --quiet" {
		t.Errorf("ran %v", calls)
	}
}

func TestGcrUpdates(t *testing.T) {
	g := newFakeGcloud(t, map[string]string{"run-services-update.out": output(t, "run-deploy.json")})
	conn := g.open("gcr", here())
	e := provider.Endpoint{Detail: map[string]string{provider.DetailUnit: "stellar-r-f0-0", provider.DetailRegion: "r",
		detailProject: "p"}}
	if err := conn.UpdateFunction(t.Context(), e, nil); err != nil {
		t.Fatal(err)
	}
	if err := conn.UpdateFunction(t.Context(), e, imageFunction("f0-0", 16384)); err != nil {
		t.Fatal(err)
	}
	calls := g.calls()
	const begin = "run services update stellar-r-f0-0 --update-env-vars STELLAR_COLD="
	if !strings.HasPrefix(calls[0], begin) || !strings.HasSuffix(calls[0],
		" --format json --project p --region r --quiet") || strings.Contains(calls[0], "--memory") {
		t.Errorf("cold start: %s", calls[0])
	}
	if !strings.HasPrefix(calls[1], begin) || !strings.Contains(calls[1],
		" --memory 16384Mi --cpu 4 --image europe-west1-docker.pkg.dev/p/r/stellar@sha256:1f2e3d --format") {
		t.Errorf("new image: %s", calls[1])
	}
	if strings.Fields(calls[0])[5] == strings.Fields(calls[1])[5] {
		t.Error("two updates with one version make one revision")
	}
}

func TestGcrRefuses(t *testing.T) {
	c := connectRun(provider.Options{}.WithDefaults()).(*cloudRun)
	for _, r := range []struct {
		sub  experiment.SubExperiment
		want string
	}{
		{experiment.SubExperiment{Protocol: "http1",
			Platform: experiment.Platform{ImageContract: "http", Concurrency: 1000}}, ""},
		{experiment.SubExperiment{Protocol: "h2", Platform: experiment.Platform{ImageContract: "runtime-api"}},
			"servers on $PORT"},
		{experiment.SubExperiment{Protocol: "grpc", Platform: experiment.Platform{ImageContract: "http"}},
			"Protocol grpc"},
		{experiment.SubExperiment{Protocol: "h2", Platform: experiment.Platform{ImageContract: "http",
			Concurrency: 1001}}, "at most 1000"},
	} {
		no := providertest.Said(c.Refuse(&r.sub, nil), "\n")
		if (no == "") != (r.want == "") || !strings.Contains(no, r.want) {
			t.Errorf("%+v: %q", r.sub.Platform, no)
		}
	}
}

func TestGcrPlans(t *testing.T) {
	u := provider.OnePerFunction("stellar-RUN", []*provider.Function{{Name: "f0-0", MemoryMB: 512,
		TimeoutSeconds: 60}})[0]
	g := newFakeGcloud(t, map[string]string{"config-get-project.err": "(unset)\n",
		"config-get-run-region.out": "us-east1\n"})
	deploy, remove := g.open("gcr", nil).(provider.Planner).Commands(u)
	for _, c := range slices.Concat(deploy, remove) {
		if line := c.CommandLine(); !strings.HasPrefix(line, "gcloud run ") ||
			!strings.HasSuffix(line, "--project PROJECT --region us-east1 --quiet") {
			t.Errorf("plan: %s", line)
		}
	}
	if len(deploy) != 1 || len(remove) != 2 || !slices.Contains(deploy[0].Args, "IMAGE") {
		t.Errorf("%v, %v", deploy, remove)
	}
}

func TestOutputsOfRealDeployments(t *testing.T) {
	providertest.Outputs(t, func(text string) []string {
		e, _ := connectRun(provider.Options{}.WithDefaults()).(*cloudRun).read(result("", text))
		return []string{e.URL}
	}, map[string][]string{"run-deploy.txt": {"https://test-function-nfjrndgaha-uw.a.run.app"}})
}
