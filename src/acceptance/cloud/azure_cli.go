package cloud

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
)

// slsAzure is the Serverless CLI with its plugin for Azure: a resource group for each function, and what it needs in
// it.
func slsAzure() persona {
	return persona{
		programs: []string{"serverless"},
		texts:    "serverless-azure",
		tells: map[string]string{"failed": "StorageAccountAlreadyTaken",
			"throttled": "SubscriptionRequestsThrottled", "made-no-address": "<html>502 Bad Gateway</html>",
			"made-too-few": "<html>502 Bad Gateway</html>", "remove-failed": "ScopeLocked",
			"no-answer": "ServiceUnavailable"},
		read: func(_ string, args []string) (ask, error) {
			if slices.Equal(args, []string{"--version"}) {
				return ask{verb: versions}, nil
			}
			line, err := takeApart(args, func(words []string) map[string]bool {
				return map[string]map[string]bool{"deploy": {"package": true, "region": true},
					"remove": {"force": false, "subscriptionId": true}}[strings.Join(words, " ")]
			})
			if err != nil {
				return ask{}, err
			}
			f, _, err := readService()
			a := ask{verb: map[string]string{"deploy": deploys, "remove": removes}[strings.Join(line.words, " ")],
				unit: f.Provider.ResourceGroup,
				tags: f.Provider.Tags, scope: os.Getenv("AZURE_SUBSCRIPTION_ID"), names: []string{"measure"}}
			_, force := line.flags["force"]
			switch {
			case err != nil:
			case a.verb == "":
				err = fmt.Errorf("serverless %s", strings.Join(args, " "))
			case a.verb == removes && !force:
				err = fmt.Errorf("the plugin would ask: --force is missing")
			case a.verb == removes:
				a.scope = line.flags["subscriptionId"]
			case a.tags["stellar-run"] == "" || a.tags["stellar-expires"] == "":
				err = fmt.Errorf("%s is not tagged: %v", a.unit, a.tags)
			default:
				_, err = os.Stat(line.flags["package"])
			}
			return a, err
		},
		things: func(a ask) []thing {
			group := thing{Kind: "group", Name: a.unit, Scope: a.scope, Unit: a.unit, Tags: a.tags}
			out := []thing{group}
			for _, kind := range []string{"storage account", "plan", "function app"} {
				out = append(out, thing{Kind: kind, Name: a.unit, Scope: a.scope, Unit: a.unit})
			}
			return out
		},
		before: func(_ cloud, a ask) (reply, bool) {
			secret := os.Getenv("AZURE_CLIENT_SECRET")
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

// azureAPI answers for the login and for Azure Resource Manager
// (learn.microsoft.com/rest/api/resources/resource-groups).
func azureAPI(clouds func(func([]cloud))) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var c cloud
		clouds(func(all []cloud) { c = all[0] })
		defer c.lock()()
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/oauth2/v2.0/token") {
			must(r.ParseForm())
			if !strings.HasPrefix(r.PostForm.Get("client_secret"), "secret") {
				w.WriteHeader(http.StatusUnauthorized)
				fmt.Fprint(w,
					`{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided."}`)
				return
			}
			fmt.Fprint(w, `{"access_token":"token","expires_in":3600}`)
			return
		}
		answerAzure(w, r, c)
	})
}

// tagGroup merges tags into those of a resource group (learn.microsoft.com/rest/api/resources/tags/update-at-scope).
func tagGroup(r *http.Request, c cloud, a ask) {
	var in struct {
		Operation  string
		Properties struct{ Tags map[string]string }
	}
	must(json.NewDecoder(r.Body).Decode(&in))
	for _, t := range c.visible(a) {
		tags := maps.Clone(t.Tags)
		maps.Copy(tags, in.Properties.Tags)
		t.Tags = tags
		c.add([]thing{t}, 0)
	}
	c.record(call{Program: "management.azure.com", Args: []string{in.Operation, a.unit}, Verb: "tag", Unit: a.unit})
}

func answerAzure(w http.ResponseWriter, r *http.Request, c cloud) {
	refuse := func(status int, code string) {
		w.WriteHeader(status)
		fmt.Fprintf(w, `{"error":{"code":%q,"message":"Resource Manager says %s."}}`, code, code)
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/") // subscriptions/<id>/resourcegroups[/<name>]
	a := ask{verb: looks, scope: parts[1], kind: "group"}
	form := func(t thing) map[string]any {
		return map[string]any{"name": t.Name, "location": "westeurope", "tags": t.Tags}
	}
	if len(parts) == 3 {
		list := []any{}
		for _, t := range c.visible(a) {
			list = append(list, form(t))
		}
		must(json.NewEncoder(w).Encode(map[string]any{"value": list}))
		return
	}
	a.unit = parts[3]
	if r.Method == http.MethodPatch && strings.HasSuffix(r.URL.Path, "/providers/Microsoft.Resources/tags/default") {
		tagGroup(r, c, a)
		return
	}
	if r.Method == http.MethodDelete {
		a.verb = removes
	}
	var p plan
	c.read("plan.json", &p)
	do := p.fault(c.calls(), a)
	verb := a.verb
	if verb == removes && len(c.visible(a)) == 0 {
		verb = "nothing to remove" // the plugin did: it is asked for in any case
	}
	c.record(call{Program: "management.azure.com", Args: []string{r.Method, a.unit}, Verb: verb, Unit: a.unit,
		Fault: do})
	var stand []thing
	if a.verb == looks {
		stand = c.look(a)
	} else {
		stand = c.visible(a)
	}
	switch {
	case do == doNoAnswer:
		refuse(http.StatusServiceUnavailable, "ServiceUnavailable")
	case do != "":
		refuse(http.StatusConflict, "ScopeLocked")
	case len(stand) == 0:
		refuse(http.StatusNotFound, "ResourceGroupNotFound")
	case a.verb == looks:
		must(json.NewEncoder(w).Encode(form(stand[0])))
	default:
		a.kind = ""
		c.drop(c.visible(a))
		w.WriteHeader(http.StatusAccepted)
	}
}
