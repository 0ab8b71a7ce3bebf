package cloud

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
)

// wrangler is Cloudflare's CLI: developers.cloudflare.com/workers/wrangler/commands. A Worker is found in the account
// that the variable names.
func wrangler() fakeCLI {
	return fakeCLI{
		programs: []string{"wrangler"},
		texts:    "wrangler",
		tells: map[string]string{"failed": "[code: 10027]", "throttled": "[code: 971]",
			"made-no-address": "No targets deployed", "made-too-few": "No targets deployed",
			"remove-failed": "[code: 10000]",
			"no-answer":     "[code: 7009]"},
		read: func(_ string, args []string) (ask, error) {
			a := ask{scope: os.Getenv("CLOUDFLARE_ACCOUNT_ID")}
			line := strings.Join(args, " ")
			switch {
			case line == "--version":
				a.verb = versions
				return a, nil
			case line == "whoami --json":
				a.verb = "whoami"
				return a, nil
			case newVersion.ReplaceAllString(line, "") == "deploy --config wrangler.jsonc":
				a.verb = deploys
				return a, a.worker()
			case len(args) == 6 && fmt.Sprint(args[:2]) == "[delete --name]" &&
				fmt.Sprint(args[3:]) == "[--force --config wrangler.jsonc]":
				a.verb, a.unit = removes, args[2]
				return a, nil
			case len(args) == 7 && fmt.Sprint(args[:3]) == "[deployments list --name]" &&
				fmt.Sprint(args[4:]) == "[--json --config wrangler.jsonc]":
				a.verb, a.unit = looks, args[3]
				return a, nil
			}
			return a, fmt.Errorf("wrangler %s", line)
		},
		resources: func(a ask) []resource {
			return []resource{{Kind: "Worker", Name: a.unit, Scope: a.scope, Unit: a.unit, Tags: a.tags}}
		},
		// What it writes for programs. Its address is one of this machine's, at which nobody answers but where a row
		// wants it.
		made: func(a ask) {
			at := cmp.Or(os.Getenv("WRANGLER_TEST_WORKERS"), "http://127.0.0.1:1")
			line := fmt.Sprintf(`{"type":"deploy","version":1,"worker_name":%q,"targets":["%s/worker/%s"],`+
				`"worker_name_overridden":false}`, a.unit, at, a.unit)
			must(os.WriteFile(os.Getenv("WRANGLER_OUTPUT_FILE_PATH"), []byte(line+"\n"), 0o644))
		},
		before: func(_ store, a ask) (reply, bool) {
			switch {
			case a.verb == versions:
				return reply{}, false
			case os.Getenv("CLOUDFLARE_API_TOKEN") == "":
				r := readTexts("wrangler").say("anonymous", a, nil)
				return r, true
			case a.scope == "" || a.scope == foreignAccount ||
				os.Getenv("CLOUDFLARE_API_TOKEN") == "secret-of-a-stranger": // the token is of another account
				return readTexts("wrangler").say("denied", a, nil), true
			}
			return reply{}, false
		},
	}
}

var newVersion = regexp.MustCompile(` --var STELLAR_VERSION:\d+`)

// foreignAccount is one that the credentials at hand do not lead to.
const foreignAccount = "ffffffffffffffffffffffffffffffff"

// worker reads what the configuration in the folder says: its name, and the tags, which are variables.
func (a *ask) worker() error {
	text, err := os.ReadFile("wrangler.jsonc")
	if err != nil {
		return err
	}
	var plain []string
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(strings.TrimSpace(line), "//") {
			plain = append(plain, line)
		}
	}
	var config struct {
		Name, Main string
		Vars       map[string]string
	}
	if err := json.Unmarshal([]byte(strings.Join(plain, "")), &config); err != nil {
		return err
	}
	if _, err := os.Stat(config.Main); err != nil {
		return err // Wrangler would have nothing to upload
	}
	a.unit, a.names = config.Name, []string{config.Name}
	a.tags = map[string]string{"stellar-run": config.Vars["STELLAR_RUN"],
		"stellar-expires": config.Vars["STELLAR_EXPIRES"], "stellar-owner": config.Vars["STELLAR_OWNER"]}
	if a.tags["stellar-run"] == "" || a.tags["stellar-expires"] == "" {
		return fmt.Errorf("the Worker %s is not tagged: %v", config.Name, config.Vars)
	}
	return nil
}

// cloudflareAPI answers what Wrangler has no command for, of Workers that the fake has deployed into a cloud.
func cloudflareAPI(stores func(func([]store))) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/worker/") { // one that stands, and wants its token
			answer(w, http.StatusUnauthorized, map[string]string{"error": "unauthorized"})
			return
		}
		var c store
		stores(func(all []store) { c = all[0] })
		defer c.lock()()
		parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/") // accounts/<id>/workers/scripts[/<name>/settings]
		bearer := r.Header.Get("Authorization")
		if parts[1] == foreignAccount || strings.Contains(bearer, "stranger") || !strings.HasPrefix(bearer,
			"Bearer secret") {
			respond(w, http.StatusForbidden, 9109, "Unauthorized to access requested resource", nil)
			return
		}
		if !serveWorkers(w, parts[2:], storedWorkers{c}) {
			respond(w, http.StatusNotFound, 7003, "Could not route to "+r.URL.Path, nil)
		}
	})
}

// storedWorkers are the Workers of a cloud.
type storedWorkers struct{ store store }

func (s storedWorkers) list() (names []string) {
	for _, t := range s.store.resources("") {
		names = append(names, t.Name)
	}
	return names
}

func (s storedWorkers) bindings(name string) (all []binding) {
	for _, t := range s.store.resources(name) {
		for variable, tag := range map[string]string{"STELLAR_RUN": "stellar-run",
			"STELLAR_EXPIRES": "stellar-expires", "STELLAR_OWNER": "stellar-owner"} {
			if t.Tags[tag] != "" {
				all = append(all, binding{Name: variable, Type: "plain_text", Text: t.Tags[tag]})
			}
		}
	}
	return all
}
