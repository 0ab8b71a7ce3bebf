package cloud

import (
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
)

// slsAzure is the Serverless CLI with its plugin for Azure: a resource group for each function, and what it needs in
// it.
func slsAzure() fakeCLI {
	return fakeCLI{
		programs: []string{"serverless"},
		texts:    "serverless-azure",
		tells: map[string]string{"failed": "StorageAccountAlreadyTaken",
			"throttled": "SubscriptionRequestsThrottled", "made-no-address": "<html>502 Bad Gateway</html>",
			"made-too-few": "<html>502 Bad Gateway</html>", "remove-failed": "ScopeLocked",
			"no-answer": "ServiceUnavailable"},
		read: func(c command) (ask, error) {
			if slices.Equal(c.Args, []string{"--version"}) {
				return ask{verb: versions}, nil
			}
			line, err := takeApart(c.Args, func(words []string) map[string]bool {
				return map[string]map[string]bool{"deploy": {"package": true, "region": true},
					"remove": {"force": false, "subscriptionId": true}}[strings.Join(words, " ")]
			})
			if err != nil {
				return ask{}, err
			}
			f, _, err := readService(c)
			a := ask{verb: map[string]string{"deploy": deploys, "remove": removes}[strings.Join(line.words, " ")],
				unit: f.Provider.ResourceGroup,
				tags: f.Provider.Tags, scope: c.getenv("AZURE_SUBSCRIPTION_ID"), names: []string{"measure"}}
			_, force := line.flags["force"]
			switch {
			case err != nil:
			case a.verb == "":
				err = fmt.Errorf("serverless %s", strings.Join(c.Args, " "))
			case a.verb == removes && !force:
				err = fmt.Errorf("the plugin would ask: --force is missing")
			case a.verb == removes:
				a.scope = line.flags["subscriptionId"]
			case a.tags["stellar-run"] == "" || a.tags["stellar-expires"] == "":
				err = fmt.Errorf("%s is not tagged: %v", a.unit, a.tags)
			default:
				_, err = os.Stat(c.path(line.flags["package"]))
			}
			return a, err
		},
		resources: func(a ask) []resource {
			group := resource{Kind: "group", Name: a.unit, Scope: a.scope, Unit: a.unit, Tags: a.tags}
			out := []resource{group}
			for _, kind := range []string{"storage account", "plan", "function app"} {
				out = append(out, resource{Kind: kind, Name: a.unit, Scope: a.scope, Unit: a.unit})
			}
			return out
		},
		before: func(_ store, a ask) (reply, bool) {
			secret := a.from.getenv("AZURE_CLIENT_SECRET")
			switch {
			case a.verb == versions || strings.HasPrefix(secret, "secret"):
				return reply{}, false
			case secret == "": // the plugin would open a browser
				return reply{err: "the plugin would ask a person to log in\n", code: 65}, true
			}
			return readTexts("serverless-azure").say("denied", a, nil), true
		},
	}
}

// azureAPI answers for the login and for Azure Resource Manager, of groups that the fake has deployed into a cloud.
func azureAPI(stores func(func([]store))) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var c store
		stores(func(all []store) { c = all[0] })
		defer c.lock()()
		if strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token") {
			azureLogin(w, r, func(secret string) bool { return strings.HasPrefix(secret, "secret") })
			return
		}
		scope := strings.Split(strings.Trim(r.URL.Path, "/"), "/")[1] // subscriptions/<id>/resourcegroups[/<name>]
		if !serveGroups(w, r, storedGroups{c, scope}) {
			refuse(w, "ResourceNotFound")
		}
	})
}

// storedGroups are the resource groups of a subscription in a cloud.
type storedGroups struct {
	store store
	scope string
}

func groupOf(t resource) *AzureGroup {
	return &AzureGroup{Name: t.Name, Location: "westeurope", Tags: t.Tags}
}

func (s storedGroups) ask(verb, unit string) ask {
	return ask{verb: verb, unit: unit, scope: s.scope, kind: "group"}
}

func (s storedGroups) list() (all []*AzureGroup) {
	for _, t := range s.store.visible(s.ask(looks, "")) {
		all = append(all, groupOf(t))
	}
	return all
}

// fault records a call about a group and tells the error code of what happens to it.
func (s storedGroups) fault(a ask, method string) (code string) {
	var p plan
	s.store.read("plan.json", &p)
	do := p.fault(s.store.calls(), a)
	verb := a.verb
	if verb == removes && len(s.store.visible(a)) == 0 {
		verb = "nothing to remove" // the plugin did: it is asked for in any case
	}
	s.store.record(call{Program: "management.azure.com", Args: []string{method, a.unit}, Verb: verb, Unit: a.unit,
		Fault: do})
	switch do {
	case "":
		return ""
	case doNoAnswer:
		return "ServiceUnavailable"
	}
	return "ScopeLocked"
}

func (s storedGroups) find(name string) (*AzureGroup, string) {
	a := s.ask(looks, name)
	code := s.fault(a, http.MethodGet)
	stand := s.store.look(a)
	switch {
	case code != "":
		return nil, code
	case len(stand) == 0:
		return nil, "ResourceGroupNotFound"
	}
	return groupOf(stand[0]), ""
}

func (s storedGroups) remove(name string) (code string) {
	a := s.ask(removes, name)
	if code = s.fault(a, http.MethodDelete); code != "" {
		return code
	}
	if len(s.store.visible(a)) == 0 {
		return "ResourceGroupNotFound"
	}
	a.kind = "" // with all that is in it
	s.store.drop(s.store.visible(a))
	return ""
}

func (s storedGroups) tag(name string, tags map[string]string) {
	for _, t := range s.store.visible(s.ask("tag", name)) {
		t.Tags = maps.Clone(t.Tags)
		maps.Copy(t.Tags, tags)
		s.store.add([]resource{t}, 0)
	}
	s.store.record(call{Program: "management.azure.com", Args: []string{"Merge", name}, Verb: "tag", Unit: name})
}
