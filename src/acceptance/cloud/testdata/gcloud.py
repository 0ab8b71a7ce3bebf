#!/usr/bin/env python3
"""A gcloud for machines that have none: it asks the project of the tests for what the real one asks, and says what it says."""
import io
import json
import os
import sys
import urllib.error
import urllib.request
import zipfile

words = [a for i, a in enumerate(sys.argv[1:]) if not a.startswith("-") and (i == 0 or not sys.argv[i].startswith("--") or sys.argv[i] in ("--gen2", "--quiet"))]
flags = {sys.argv[i]: sys.argv[i + 1] for i in range(1, len(sys.argv) - 1) if sys.argv[i].startswith("--")}
project, region = flags.get("--project", ""), flags.get("--region", flags.get("--location", ""))
proxy = "http://%s:%s" % (os.environ["CLOUDSDK_PROXY_ADDRESS"], os.environ["CLOUDSDK_PROXY_PORT"])
web = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy}))


def fail(text):
    sys.exit("ERROR: (gcloud.%s) %s" % (".".join(words[:-1]), text))


def ask(method, url, body=None):
    data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
    try:
        with web.open(urllib.request.Request("http://" + url, data, method=method)) as answer:
            text = answer.read()
            return json.loads(text) if text.strip() else None
    except urllib.error.HTTPError as e:
        if e.code == 404:
            return None
        fail("status=[%d]" % e.code)


def environment():
    out = {}
    with open(flags["--env-vars-file"], encoding="utf-8") as f:
        for line in f:
            if not line.startswith("#"):
                name, _, value = line.partition(": ")
                out[name] = json.loads(value)
    return out


def labels(flag):
    return dict(pair.split("=", 1) for pair in flags[flag].split(","))


def run_deploy(name):
    seconds = int(flags["--timeout"].rstrip("s"))
    container = {"image": flags["--image"], "env": [{"name": k, "value": v} for k, v in environment().items()],
                 "resources": {"limits": {"memory": flags["--memory"], "cpu": flags["--cpu"]}}}
    notes = {"run.googleapis.com/startup-cpu-boost": str("--cpu-boost" in sys.argv)}
    spec = {"containerConcurrency": int(flags["--concurrency"]), "timeoutSeconds": seconds, "containers": [container]}
    service = {"metadata": {"name": name, "labels": labels("--labels")}, "spec": {"template": {"metadata": {"annotations": notes}, "spec": spec}}}
    print(json.dumps(ask("POST", region + "-" + services, service)))


def functions_deploy(name):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as z:
        for root, _, names in os.walk(flags["--source"]):
            for n in names:
                path = os.path.join(root, n)
                z.write(path, os.path.relpath(path, flags["--source"]))
    to = ask("POST", functions + ":generateUploadUrl", {})
    ask("PUT", to["uploadUrl"][len("http://"):], packed.getvalue())
    built = dict(p.split("=", 1) for p in flags.get("--set-build-env-vars", "").split(",") if p)
    ask("POST", functions + "?functionId=" + name, {"labels": labels("--update-labels"), "serviceConfig": {"environmentVariables": environment()}, "buildConfig": {
        "runtime": flags["--runtime"], "entryPoint": flags["--entry-point"], "environmentVariables": built, "source": {"storageSource": to["storageSource"]}}})
    print(json.dumps(ask("GET", functions + "/" + name)))


services = "run.test/apis/serving.knative.dev/v1/namespaces/%s/services" % project
functions = "cloudfunctions.test/v2/projects/%s/locations/%s/functions" % (project, region)
packages = "artifactregistry.test/v1/projects/%s/locations/%s/repositories/gcf-artifacts/packages" % (project, region)
command, last = " ".join(words[:-1]), words[-1]
missing = {"run services delete": "Service [%s] could not be found." % last, "run services describe": "Cannot find service [%s]" % last}
where = {"run services": services, "functions": functions, "artifacts packages": packages}
if words == ["version"]:
    print("Google Cloud SDK 528.0.0")
elif command == "projects describe":
    print(ask("GET", "cloudresourcemanager.test/v1/projects/" + last)["projectNumber"])
elif command == "run deploy":
    run_deploy(last)
elif command == "functions deploy":
    functions_deploy(last)
elif command == "storage rm":
    bucket, _, name = last[len("gs://"):].partition("/")
    if not (ask("GET", "storage.test/storage/v1/b/%s/o?prefix=%s" % (bucket, name)) or {}).get("items"):
        fail("The following URLs matched no objects or files:\n" + last)
    ask("DELETE", "storage.test/storage/v1/b/%s/o/%s" % (bucket, name))
elif words == ["artifacts", "packages", "list"]:
    print("\n".join(p["name"] for p in ask("GET", packages)["packages"]))
else:
    group, _, verb = command.rpartition(" ")
    found = ask({"describe": "GET", "delete": "DELETE"}[verb], where[group] + "/" + last)
    if found is None:
        fail(missing.get(command, "Resource '%s' was not found" % last))
    print(last)
