package google

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/providertest"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

func sourceFunction(name, language, runtime, handler string) *provider.Function {
	return &run.Function{Name: name, Language: language, Runtime: runtime, Handler: handler, MemoryMB: 128,
		PackageType: "Zip", TimeoutSeconds: 60,
		Package: &run.Package{Type: run.PackageSource, Path: "/s/packages/" + language, Bytes: 9 << 20}}
}

func TestGoogleDeploys(t *testing.T) {
	g := newFakeGcloud(t, map[string]string{"functions-deploy.out": output(t, "functions-deploy.json")})
	python, node, golang := sourceFunction("f0-0", "python", "python3.13", "entry.handle"),
		sourceFunction("f1-0", "nodejs", "nodejs22.x", "entry.handle"),
		sourceFunction("f2-0", "go", "go", "Handle")
	node.Platform, node.MemoryMB = experiment.Platform{Concurrency: 80, MaxInstances: 5}, 8192
	got, err := g.open("google", here()).DeployFunctions(t.Context(), []*provider.Function{python, node, golang})
	if err != nil || len(got) != 3 {
		t.Fatalf("%v, %v", got, err)
	}
	e := got[0]
	if e.URL != "https://stellar-r-f0-0-nfjrndgaha-ew.a.run.app" || e.Provider != "google" || e.Function != "f0-0" ||
		e.MemoryMB != 128 || e.PackageType != "Zip" || e.ImageSizeMB != 9 ||
		e.Detail["revision"] != "stellar-r-f0-0-00001-wav" || e.Detail[provider.DetailUnit] != "stellar-r-f0-0" ||
		e.Detail["region"] != "europe-west1" {
		t.Errorf("endpoint %+v", e)
	}
	const labels = " --ingress-settings all --update-labels " +
		"stellar-expires=2026-11-22t10-00-00z,stellar-run=20261121t100000z-gcr-abcd"
	const end = " --format json --project p --region europe-west1 --quiet"
	want := []string{
		"functions deploy stellar-r-f0-0 --gen2 --runtime python313 --source /s/packages/python --entry-point " +
			"handle --trigger-http --allow-unauthenticated --memory 128Mi" +
			" --concurrency 1 --min-instances 0 --timeout 60s" + labels +
			" --env-vars-file /s/f0-0/env.yaml --set-build-env-vars GOOGLE_FUNCTION_SOURCE=entry.py" + end,
		"functions deploy stellar-r-f1-0 --gen2 --runtime nodejs22 --source /s/packages/nodejs --entry-point handle " +
			"--trigger-http --allow-unauthenticated --memory 8192Mi" +
			" --cpu 2 --concurrency 80 --min-instances 0 --max-instances 5 --timeout 60s" + labels +
			" --env-vars-file /s/f1-0/env.yaml" + end,
		"functions deploy stellar-r-f2-0 --gen2 --runtime go127 --source /s/packages/go --entry-point Handle " +
			"--trigger-http --allow-unauthenticated --memory 128Mi" +
			" --concurrency 1 --min-instances 0 --timeout 60s" + labels + " --env-vars-file /s/f2-0/env.yaml" + end,
	}
	if calls := g.calls(); !slices.Equal(calls, want) {
		t.Errorf("ran\n%s\nwant\n%s", strings.Join(calls, "\n"), strings.Join(want, "\n"))
	}
}

func TestGoogleEntryPoints(t *testing.T) {
	for _, c := range []struct{ language, handler, name, file string }{
		{"python", "main.handle", "handle", ""}, {"python", "entry.handle", "handle", "entry.py"},
		{"python", "a.b.c", "c", "a/b.py"}, {"python", "a/b.c", "c", "a/b.py"},
		{"nodejs", "index.handler", "handler", ""}, {"go", "Handle", "Handle", ""}, {"python", "", "ENTRY_POINT", ""},
	} {
		if name, file := entryPoint(&provider.Function{Language: c.language, Handler: c.handler}); name != c.name ||
			file != c.file {
			t.Errorf("%s %s: %s in %q", c.language, c.handler, name, file)
		}
	}
}

func TestGoogleReads(t *testing.T) {
	c := connectFunctions(provider.Options{}.WithDefaults()).(*cloudFunctions)
	for name, r := range map[string]struct{ out, err, want string }{
		"json": {output(t, "functions-deploy.json"), "", "https://stellar-r-f0-0-nfjrndgaha-ew.a.run.app"},
		"url only": {`{"state":"ACTIVE","url":"https://r-p.cloudfunctions.net/f"}`, "",
			"https://r-p.cloudfunctions.net/f"},
		"text":       {"serviceConfig:\n  uri: https://f-ew.a.run.app\nstate: ACTIVE\n", "", "https://f-ew.a.run.app"},
		"not active": {strings.Replace(output(t, "functions-deploy.json"), "ACTIVE", "FAILED", 1), "", ""},
		"nothing":    {"", "", ""},
		"garbage":    {"{<html>", "", ""},
	} {
		e, err := c.read(result(r.out, r.err))
		if e.URL != r.want || (err == nil) != (r.want != "") {
			t.Errorf("%s: %q, %v", name, e.URL, err)
		}
	}
}

func TestGoogleDeploymentFaults(t *testing.T) {
	good := map[string]string{"functions-deploy.out": output(t, "functions-deploy.json")}
	for name, f := range map[string]fault{
		"throttled once": {merged(good, map[string]string{"functions-deploy.1.err": "ERROR: " +
			"(gcloud.functions.deploy) ResponseError: status=[429], code=[Too Many Requests], message=[Quota " +
			"exceeded for quota metric 'Per project mutation requests']\n", "functions-deploy.1.code": "1"}), 2, "",
			""},
		"build fails": {map[string]string{"functions-deploy.err": "ERROR: (gcloud.functions.deploy) " +
			"OperationError: code=3, message=Build failed with status: FAILURE and message: missing main.py\n",
			"functions-deploy.code": "1"}, 1, "Build failed", ""},
		"API off": {map[string]string{"functions-deploy.err": "ERROR: (gcloud.functions.deploy) " +
			"PERMISSION_DENIED: Cloud Functions API has not been used in project p before or it is disabled.\n",
			"functions-deploy.code": "1"}, 1, "has not been used", "gcloud services enable"},
		"garbage": {map[string]string{"functions-deploy.out": "502\n"}, 1, "named no address", ""},
	} {
		g := newFakeGcloud(t, f.answers)
		_, err := g.open("google", here()).DeployFunctions(t.Context(),
			[]*provider.Function{sourceFunction("f0-0", "python", "python3.13", "entry.handle")})
		f.check(t, name, "functions deploy", g, err)
	}
}

const (
	functionGone = "ERROR: (gcloud.functions.describe) ResponseError: status=[404], code=[Ok], message=[Resource " +
		"'projects/then/locations/asia-east1/functions/stellar-r-f0-0' was not found]\n"
	functionBusy = "ERROR: (gcloud.functions.delete) ResponseError: status=[409], code=[Ok], message=[unable to " +
		"queue the operation]\n"
	archiveGone = "Removing objects:\n\nERROR: (gcloud.storage.rm) The following URLs matched no objects or " +
		"files:\ngs://gcf-v2-sources-42-asia-east1/stellar-r-f0-0/function-source.zip\n"
	functionQueued = "ERROR: (gcloud.functions.delete) An operation on function stellar-r-f0-0 in region asia-east1 " +
		"in project then is already in progress. Please try again later.\n"
	bucketGone   = "ERROR: (gcloud.storage.rm) gs://gcf-v2-sources-42-asia-east1 not found: 404.\n"
	registryGone = "ERROR: (gcloud.artifacts.packages.list) NOT_FOUND: Repository " +
		"\"projects/then/locations/asia-east1/repositories/gcf-artifacts\" not found: NOT_FOUND\n"
	googleImages = "projects/then/locations/asia-east1/repositories/gcf-artifacts/packages/then__asia--east1__stellar--r--f0--0\nthen__asia--east1__stellar--r--f0--0/cache\nthen__asia--east1__stellar--r--f0--01\n" +
		"then__asia--east1__stellar--r--f0--01/cache\ntheirs/cache\ncache\n"
	googleArchive = "storage rm gs://gcf-v2-sources-42-asia-east1/stellar-r-f0-0/function-source.zip --all-versions " +
		"--project then --quiet"
)

func TestGoogleRemoves(t *testing.T) {
	gone := map[string]string{"functions-delete.err": "Deleted " +
		"[projects/then/locations/asia-east1/functions/stellar-r-f0-0].\n", "functions-describe.err": functionGone,
		"functions-describe.code": "1",
		"storage-rm.err":          "Removing gs://…\n", "artifacts-packages-list.out": googleImages,
		"artifacts-packages-delete.err": "Deleted package.\n"}
	with := func(more map[string]string) map[string]string { return merged(gone, more) }
	for name, f := range map[string]fault{
		"there": {gone, 1, "", ""},
		"gone already": {with(map[string]string{"functions-delete.err": functionGone, "functions-delete.code": "1",
			"storage-rm.err": archiveGone, "storage-rm.code": "1", "artifacts-packages-list.out": ""}), 1, "", ""},
		"never deployed": {with(map[string]string{"functions-delete.err": functionGone, "functions-delete.code": "1",
			"storage-rm.err": bucketGone, "storage-rm.code": "1", "artifacts-packages-list.err": registryGone,
			"artifacts-packages-list.code": "1"}), 1, "", ""},
		"archive stays": {with(map[string]string{"storage-rm.err": "ERROR: (gcloud.storage.rm) [someone] does not " +
			"have permission to access b instance [gcf-v2-sources-42-asia-east1]\n", "storage-rm.code": "1"}), 1,
			"does not have permission", "lacks a role"},
		"image stays": {with(map[string]string{"artifacts-packages-delete.err": "ERROR: " +
			"(gcloud.artifacts.packages.delete) PERMISSION_DENIED\n", "artifacts-packages-delete.code": "1"}), 1,
			"PERMISSION_DENIED", ""},
		"still there": {map[string]string{"functions-delete.err": "Deleted.\n",
			"functions-describe.out": "stellar-r-f0-0\n"}, 1, "the function stellar-r-f0-0 is still there", ""},
		"build goes on": {with(map[string]string{"functions-delete.1.err": functionBusy,
			"functions-delete.1.code": "1", "functions-delete.2.err": functionQueued, "functions-delete.2.code": "1"}),
			3, "", ""},
		"throttled once": {with(map[string]string{"functions-delete.1.err": "ERROR: status=[429]\n",
			"functions-delete.1.code": "1"}), 2, "", ""},
		"nobody can tell": {with(map[string]string{"functions-describe.err": "ERROR: no network\n"}), 1, "ask whether",
			""},
	} {
		g := newFakeGcloud(t, f.answers)
		u := provider.Unit{Name: "stellar-r-f0-0", Confirmed: true,
			Where: map[string]string{provider.DetailRegion: "asia-east1", detailProject: "then", detailNumber: "42"}}
		err := g.open("google", here()).RemoveFunctions(t.Context(), []provider.Unit{u})
		f.check(t, name, "functions delete", g, err)
		for _, call := range g.calls() {
			switch {
			case strings.Contains(call, "--project p ") || strings.Contains(call, "europe-west1"):
				t.Errorf("%s: goes to where the environment leads now: %s", name, call)
			case strings.HasPrefix(call, "storage") && call != googleArchive:
				t.Errorf("%s: ran %s", name, call)
			case strings.HasPrefix(call, "artifacts packages delete") &&
				!strings.HasPrefix(call,
					"artifacts packages delete then__asia--east1__stellar--r--f0--0 --repository gcf-artifacts "+
						"--location asia-east1") &&
				!strings.HasPrefix(call,
					"artifacts packages delete then__asia--east1__stellar--r--f0--0/cache --repository "+
						"gcf-artifacts --location asia-east1"):
				t.Errorf("%s: another's image: %s", name, call)
			}
		}
		if f.want == "" && name == "there" && len(g.calls()) != 6 {
			t.Errorf("%s: %v", name, g.calls())
		}
	}
}

func TestGoogleLocatesTheNumber(t *testing.T) {
	g := newFakeGcloud(t, map[string]string{"projects-describe.out": "42\n"})
	got, err := g.open("google", here()).(provider.Locator).Locate(t.Context())
	if want := map[string]string{"project": "p", "region": "europe-west1", "projectNumber": "42"}; err != nil ||
		!maps.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
	g = newFakeGcloud(t, map[string]string{"projects-describe.out": "hello\n"})
	if got, err := g.open("google", here()).(provider.Locator).Locate(t.Context()); err == nil {
		t.Errorf("no number: %v", got)
	}
}

func TestGoogleLists(t *testing.T) {
	all := "[" + output(t, "functions-deploy.json") +
		`,{"name":"projects/p/locations/us-east1/functions/theirs","labels":{"a":"b"}}]`
	g := newFakeGcloud(t, map[string]string{"functions-list.out": all})
	conn := g.open("google", here())
	got, err := conn.ListAPIs(t.Context())
	if err != nil || len(got) != 1 || got[0].Function != "f0-0" ||
		got[0].Detail["stellar-expires"] != "2026-11-22T10:00:00Z" {
		t.Errorf("%+v, %v", got, err)
	}
	found, err := conn.(provider.Sweeper).Tagged(t.Context())
	if err != nil || len(found) != 1 || found[0].Run != "r" ||
		found[0].Expires.Format(time.RFC3339) != "2026-11-22T10:00:00Z" ||
		found[0].Unit.Where[provider.DetailRegion] != "europe-west1" {
		t.Errorf("%+v, %v", found, err)
	}
	want := []string{"functions list --filter labels.stellar-run:* AND environment=GEN_2 --format json --regions " +
		"europe-west1 --project p --quiet",
		"functions list --filter labels.stellar-run:* AND environment=GEN_2 --format json --project p --quiet"}
	if calls := g.calls(); !slices.Equal(calls, want) {
		t.Errorf("ran %q", calls)
	}
}

// What goes on for ever is waited for as long as one command may take.
func TestGoogleWaitsNoLongerThanACommand(t *testing.T) {
	g := newFakeGcloud(t, map[string]string{"functions-delete.err": functionBusy, "functions-delete.code": "1",
		"functions-describe.out": "stellar-r-f0-0\n"})
	c := g.open("google", here()).(*cloudFunctions)
	c.Patience.Command = time.Second
	u := provider.Unit{Name: "stellar-r-f0-0",
		Where: map[string]string{provider.DetailRegion: "asia-east1", detailProject: "then", detailNumber: "42"}}
	err := c.RemoveFunctions(t.Context(), []provider.Unit{u})
	if err == nil || !strings.Contains(err.Error(), "is still there") ||
		!strings.Contains(fail.Output(err), "unable to queue the operation") {
		t.Errorf("%v, %q", err, fail.Output(err))
	}
	if calls := g.calls(); len(calls) < 3 || !strings.HasPrefix(calls[1], "functions delete") {
		t.Errorf("ran %q", calls)
	}
}

// A region that did not answer may have functions.
func TestGoogleKnowsAnIncompleteList(t *testing.T) {
	for _, kind := range []string{"google", "gcr"} {
		for _, notice := range []string{"WARNING: The following Cloud Run regions did not respond: us-east1. List " +
			"results may be incomplete.\n",
			"WARNING: The following regions were unreachable: us-east1\n"} {
			g := newFakeGcloud(t, map[string]string{"functions-list.out": "[]", "functions-list.err": notice,
				"run-services-list.out": "[]", "run-services-list.err": notice})
			conn := g.open(kind, here())
			_, lerr := conn.ListAPIs(t.Context())
			_, terr := conn.(provider.Sweeper).Tagged(t.Context())
			for _, err := range []error{lerr, terr} {
				if err == nil || !strings.Contains(err.Error(), "the list is not complete") ||
					!strings.Contains(fail.Output(err), "us-east1") {
					t.Errorf("%s: %v, %q", kind, err, fail.Output(err))
				}
			}
		}
	}
}

func TestGoogleUpdates(t *testing.T) {
	g := newFakeGcloud(t, map[string]string{"functions-deploy.out": output(t, "functions-deploy.json"),
		"run-services-update.out": "{}"})
	conn := g.open("google", here())
	e := provider.Endpoint{Detail: map[string]string{provider.DetailUnit: "stellar-r-f0-0", provider.DetailRegion: "r",
		detailProject: "p"}}
	if err := conn.UpdateFunction(t.Context(), e, sourceFunction("f0-0", "python", "python3.13",
		"entry.handle")); err != nil {
		t.Fatal(err)
	}
	call := g.calls()[0]
	if !strings.HasPrefix(call, "functions deploy stellar-r-f0-0 --gen2 ") ||
		!strings.Contains(call, " --update-env-vars STELLAR_COLD=") || strings.Contains(call, "--env-vars-file") ||
		!strings.HasSuffix(call, " --project p --region r --quiet") {
		t.Errorf("ran %s", call)
	}
	if err := conn.UpdateFunction(t.Context(), e, &provider.Function{}); err == nil {
		t.Error("a function without sources was built")
	}
	if err := conn.UpdateFunction(t.Context(), e, nil); err != nil || !strings.HasPrefix(g.calls()[1],
		"run services update stellar-r-f0-0 --update-env-vars STELLAR_COLD=") {
		t.Errorf("a cold start: %v, %q", err, g.calls())
	}
}

func TestGoogleRefuses(t *testing.T) {
	c := connectFunctions(provider.Options{}.WithDefaults()).(*cloudFunctions)
	if no := c.Refuse(&experiment.SubExperiment{Protocol: "h2", FunctionImageSizeMB: 9, FillerPlacement: "back"},
		nil); len(no) != 0 {
		t.Errorf("refused: %v", no)
	}
	no := providertest.Said(c.Refuse(&experiment.SubExperiment{Protocol: "grpc", FunctionImageSizeMB: 9,
		FillerPlacement: "spread"}, nil), "\n")
	if !strings.Contains(no, "Protocol grpc") || !strings.Contains(no, "FillerPlacement spread") {
		t.Errorf("refused: %v", no)
	}
}

func TestGooglePlans(t *testing.T) {
	fn := sourceFunction("f0-0", "python", "python3.13", "")
	fn.Package = nil
	g := newFakeGcloud(t, map[string]string{"config-get-project.err": "(unset)\n",
		"config-get-functions-region.err": "(unset)\n"})
	deploy, remove := g.open("google", nil).(provider.Planner).
		Commands(provider.OnePerFunction("stellar-RUN", []*provider.Function{fn})[0])
	if len(deploy) != 1 || len(remove) != 5 || !strings.Contains(deploy[0].CommandLine(),
		"--source SOURCE --entry-point ENTRY_POINT") {
		t.Errorf("%v, %v", deploy, remove)
	}
	if line := remove[2].CommandLine(); line != "gcloud storage rm "+
		"gs://gcf-v2-sources-PROJECT_NUMBER-REGION/stellar-RUN-f0-0/function-source.zip --all-versions --project "+
		"PROJECT --quiet" {
		t.Errorf("plan: %s", line)
	}
}
