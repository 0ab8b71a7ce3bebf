package cloud

import (
	"fmt"
	"strings"
)

// slsAliyun is the Serverless CLI with its plugin for Alibaba Cloud: a service for each function, with the API group,
// role and bucket that it needs. What is there is told by `info`.
func slsAliyun() fakeCLI {
	return fakeCLI{
		programs: []string{"osls"},
		texts:    "serverless-aliyun",
		tells: map[string]string{"failed": "QuotaExceeded.Api", "throttled": "Throttling.User",
			"made-no-address": "<html>502 Bad Gateway</html>",
			"made-too-few":    "<html>502 Bad Gateway</html>", "remove-failed": "NoPermission",
			"no-answer": "ServiceUnavailable"},
		read: func(c command) (ask, error) {
			verb, err := slsVerb(c.Args, nil)
			a := ask{verb: verb}
			if err != nil || verb == versions {
				return a, err
			}
			if verb == "info" {
				a.verb = looks
			}
			f, names, err := readService(c)
			if verb == deploys && (f.Provider.Tags["stellar-run"] == "" ||
				f.Provider.Tags["stellar-expires"] == "" || len(names) != 1) {
				err = fmt.Errorf("%s is not tagged, or not of one function: %v", f.Service, f.Provider.Tags)
			}
			a.unit, a.names, a.tags = f.Service, names, f.Provider.Tags
			a.scope = c.getenv("ALIBABA_CLOUD_ACCOUNT_ID") + "/" + f.Provider.Region
			return a, err
		},
		resources: func(a ask) []resource {
			var out []resource
			for _, kind := range []string{"bucket", "service", "role", "API group"} {
				out = append(out, resource{Kind: kind, Name: a.unit, Scope: a.scope, Unit: a.unit, Tags: a.tags})
			}
			return out
		},
		before: func(_ store, a ask) (reply, bool) {
			known := strings.HasPrefix(a.from.getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET"), "secret")
			return reply{err: "Error:\nSignatureNotMatch: The request signature we calculated does not match " +
				"the signature you provided.\n", code: 1}, a.verb != versions && !known
		},
	}
}
