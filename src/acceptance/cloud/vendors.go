package cloud

import (
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
)

// targets are those of the providers that deploy, each with an experiment of two functions.
func targets() []target {
	return slices.DeleteFunc(allTargets(), func(k target) bool {
		row, err := vendors.Find(k.name)
		must(err)
		return !row.CanDeploy()
	})
}

// target is what the rows of one provider share.
type target struct {
	name    string // of the provider
	fakeCLI string
	looks   int               // that a deployment takes at each unit
	still   string            // what the user hears of something that stays; empty: still there
	units   int               // that two functions make
	scope   string            // in which its resources are found
	sweeps  bool              // it finds what is ours by its tags
	tools   string            // folder that is first on the PATH, with the fakes under their names
	file    string            // the experiment
	small   string            // one that costs less, for rows to which the functions do not matter; may be empty
	env     map[string]string // credentials and where deployments go; values that begin with `secret` must show nowhere
	later   map[string]string // what of env is another for whoever cleans up
	images  bool              // it takes images, from a registry
	base    string            // image that those of its rows are built on
	cliEnv  string            // variable that names its CLI, where that is not looked for on the PATH
	process bool              // its credentials are read from the process's own environment
	cache   string            // of builds

	api    func(stores func(func([]store))) http.Handler // the vendor's API beside its CLI; nil: nothing asks it
	apiEnv string                                        // variables that lead to it
	shared *stores                                       // where all rows have one API: those of the rows

	missing, old, noCredentials string            // message: no CLI, CLI too old, no credentials
	anonymous                   map[string]string // what of env is not set then
	stranger                    map[string]string // credentials that lead elsewhere, or nowhere
}

// stores are those of all rows of a provider.
type stores struct {
	mu  sync.Mutex
	all []store
}

func (c *stores) add(one store) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, one)
}

func (c *stores) drop(one store) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = slices.DeleteFunc(c.all, func(o store) bool { return o == one })
}

// use shows the clouds; none of them goes away meanwhile.
func (c *stores) use(by func([]store)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	by(c.all)
}

func allTargets() []target { return append(targetsOfPlugins(), targetsOfTools()...) }

// targetsOfPlugins are the clouds that the Serverless CLI deploys to.
func targetsOfPlugins() []target {
	return []target{
		{name: "aws", units: 1, looks: 1, scope: awsAccount + "/us-west-2", sweeps: true, process: true,
			api: awsAPI, apiEnv: "AWS_ENDPOINT_URL", fakeCLI: "osls",
			file:  `{"Region":"us-west-2",` + file("aws", `"Runtime":"go"`)[1:],
			small: `{"Region":"us-west-2",` + file("aws", `"Runtime":"python3.13"`)[1:],
			still: "is in state CREATE_COMPLETE",
			env: map[string]string{"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
				"AWS_SECRET_ACCESS_KEY": "secret-key-of-aws", "AWS_SESSION_TOKEN": "secret-session-of-aws",
				"AWS_REGION": "us-west-2", "AWS_EC2_METADATA_DISABLED": "true",
				"AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"},
			later:     map[string]string{"AWS_REGION": "eu-west-1"},
			stranger:  map[string]string{"AWS_ACCESS_KEY_ID": "AKIASTRANGER"},
			anonymous: map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""},
			missing:   "the Serverless CLI is not on the PATH", old: "needs osls, or serverless 3",
			noCredentials: "there are no credentials for AWS"},
		{name: "azure", units: 2, scope: "11111111-2222-3333-4444-555555555555", sweeps: true, api: azureAPI,
			apiEnv: "STELLAR_AZURE_URL AZURE_AUTHORITY_HOST", fakeCLI: "serverless azure",
			cliEnv: "STELLAR_SERVERLESS_AZURE", file: `{"Region":"westeurope",` + file("azure",
				`"Runtime":"python3.13"`)[1:],
			env: map[string]string{"AZURE_SUBSCRIPTION_ID": "11111111-2222-3333-4444-555555555555",
				"AZURE_TENANT_ID": "tenant", "AZURE_CLIENT_ID": "client",
				"AZURE_CLIENT_SECRET": "secret-of-the-principal"},
			later:     map[string]string{"AZURE_SUBSCRIPTION_ID": "99999999-2222-3333-4444-555555555555"},
			stranger:  map[string]string{"AZURE_CLIENT_SECRET": "of a stranger"},
			anonymous: map[string]string{"AZURE_CLIENT_SECRET": ""},
			missing:   "the Serverless CLI for azure is not installed", old: "needs osls, or serverless 3",
			noCredentials: "AZURE_CLIENT_SECRET not set"},
		{name: "aliyun", units: 2, scope: "1234567890/ap-southeast-1", fakeCLI: "serverless aliyun",
			cliEnv: "STELLAR_SERVERLESS_ALIYUN",
			file:   `{"Region":"ap-southeast-1",` + file("aliyun", `"Runtime":"python3.10"`)[1:],
			env: map[string]string{"ALIBABA_CLOUD_ACCESS_KEY_ID": "LTAIEXAMPLE",
				"ALIBABA_CLOUD_ACCESS_KEY_SECRET": "secret-key-of-aliyun", "ALIBABA_CLOUD_ACCOUNT_ID": "1234567890",
				"ALIBABA_CLOUD_REGION_ID": "ap-southeast-1"},
			later:    map[string]string{"ALIBABA_CLOUD_REGION_ID": "cn-shanghai"},
			stranger: map[string]string{"ALIBABA_CLOUD_ACCOUNT_ID": "9999999999"},
			anonymous: map[string]string{"ALIBABA_CLOUD_ACCESS_KEY_ID": "", "ALIBABA_CLOUD_ACCESS_KEY_SECRET": "",
				"ALIBABA_CLOUD_ACCOUNT_ID": ""},
			missing: "the Serverless CLI for aliyun is not installed", old: "needs osls, or serverless 3",
			noCredentials: "there are no credentials for Alibaba Cloud"},
	}
}

// targetsOfTools are the clouds with a tool of their own.
func targetsOfTools() []target {
	return []target{
		{name: "cloudflare", units: 2, scope: "0123456789abcdef0123456789abcdef", sweeps: true,
			api: cloudflareAPI, apiEnv: "CLOUDFLARE_API_BASE_URL", fakeCLI: "wrangler", file: file("cloudflare",
				`"Runtime":"nodejs22.x","FunctionMemoryMB":128`),
			env: map[string]string{"CLOUDFLARE_API_TOKEN": "secret-token-of-cloudflare",
				"CLOUDFLARE_ACCOUNT_ID": "0123456789abcdef0123456789abcdef"},
			later:     map[string]string{"CLOUDFLARE_ACCOUNT_ID": foreignAccount},
			stranger:  map[string]string{"CLOUDFLARE_API_TOKEN": "secret-of-a-stranger"},
			anonymous: map[string]string{"CLOUDFLARE_API_TOKEN": ""},
			missing:   "wrangler is not on the PATH", old: "wrangler is version 3.114.1",
			noCredentials: "there are no credentials for Cloudflare"},
		{name: "gcr", units: 2, scope: "my-project/europe-west1", sweeps: true, fakeCLI: "gcloud run",
			images: true, file: file("gcr", `"Runtime":"go","PackageType":"Image","FunctionMemoryMB":512`),
			small: file("gcr", `"Function":"./image","PackageType":"Image","FunctionMemoryMB":512`),
			env:   map[string]string{"CLOUDSDK_CORE_PROJECT": "my-project", "CLOUDSDK_RUN_REGION": "europe-west1"},
			later: map[string]string{"CLOUDSDK_CORE_PROJECT": "another-project",
				"CLOUDSDK_RUN_REGION": "us-central1"},
			stranger: map[string]string{"CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": "/of/a/stranger"},
			missing:  "gcloud is not on the PATH", old: "gcloud is version 401.0.0",
			noCredentials: "gcloud has no active account"},
		{name: "google", units: 2, scope: "my-project/europe-west1", sweeps: true, fakeCLI: "gcloud functions",
			file: file("google", `"Runtime":"python3.13","FunctionMemoryMB":512`),
			env: map[string]string{"CLOUDSDK_CORE_PROJECT": "my-project",
				"CLOUDSDK_FUNCTIONS_REGION": "europe-west1"},
			later: map[string]string{"CLOUDSDK_CORE_PROJECT": "another-project",
				"CLOUDSDK_FUNCTIONS_REGION": "us-central1"},
			stranger: map[string]string{"CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": "/of/a/stranger"},
			missing:  "gcloud is not on the PATH", old: "gcloud is version 401.0.0",
			noCredentials: "gcloud has no active account"},
	}
}

func file(provider, sub string) string {
	return fmt.Sprintf(`{"Provider":%q,"SubExperiments":[{"Title":"two","Bursts":1,"Parallelism":2,%s}]}`,
		provider, sub)
}

func fakeCLIs() map[string]fakeCLI {
	return map[string]fakeCLI{"osls": osls(), "serverless azure": slsAzure(), "serverless aliyun": slsAliyun(),
		"wrangler": wrangler(), "gcloud run": gcloudRun(), "gcloud functions": gcloudFunctions()}
}
