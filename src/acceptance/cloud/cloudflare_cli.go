package cloud

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strconv"
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
		read: func(c command) (ask, error) {
			a := ask{scope: c.getenv("CLOUDFLARE_ACCOUNT_ID"), from: c}
			line := strings.Join(c.Args, " ")
			switch {
			case line == "--version":
				a.verb = versions
				return a, nil
			case line == "whoami --json":
				a.verb = "whoami"
				return a, nil
			case line == "deploy --config wrangler.jsonc":
				a.verb = deploys
				return a, a.worker()
			}
			return a, fmt.Errorf("wrangler %s", line)
		},
		resources: func(a ask) []resource {
			return []resource{{Kind: "Worker", Name: a.unit, Scope: a.scope, Unit: a.unit, Tags: a.tags}}
		},
		// What it writes for programs. Its address is one of this machine's, without a server unless a row
		// wants it.
		made: func(a ask) {
			at := cmp.Or(a.from.getenv("WRANGLER_TEST_WORKERS"), "http://127.0.0.1:1")
			line := fmt.Sprintf(`{"type":"deploy","version":1,"worker_name":%q,"targets":["%s/worker/%s"],`+
				`"worker_name_overridden":false}`, a.unit, at, a.unit)
			must(os.WriteFile(a.from.getenv("WRANGLER_OUTPUT_FILE_PATH"), []byte(line+"\n"), 0o644))
		},
		before: func(_ store, a ask) (reply, bool) {
			switch {
			case a.verb == versions:
				return reply{}, false
			case a.from.getenv("CLOUDFLARE_API_TOKEN") == "":
				r := readTexts("wrangler").say("anonymous", a, nil)
				return r, true
			case a.scope == "" || a.scope == foreignAccount ||
				a.from.getenv("CLOUDFLARE_API_TOKEN") == "secret-of-a-stranger": // the token is of another account
				return readTexts("wrangler").say("denied", a, nil), true
			}
			return reply{}, false
		},
	}
}

// foreignAccount is one that the credentials at hand do not lead to.
const foreignAccount = "ffffffffffffffffffffffffffffffff"

// worker reads what the configuration in the folder says: its name, and the tags, which are variables.
func (a *ask) worker() error {
	text, err := os.ReadFile(a.from.path("wrangler.jsonc"))
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
	if _, err := os.Stat(a.from.path(config.Main)); err != nil {
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

// cloudflareAPI answers what is asked of Workers that the fake has deployed into a cloud, beside Wrangler.
func cloudflareAPI(stores func(func([]store))) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/worker/") { // one that stands, and wants its token
			answer(w, http.StatusUnauthorized, map[string]string{"error": "unauthorized"})
			return
		}
		var c store
		stores(func(all []store) { c = all[0] })
		defer c.lock()()
		parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/") // accounts/<id>/workers/scripts[/<name>[/<what>]]
		bearer := r.Header.Get("Authorization")
		if parts[1] == foreignAccount || strings.Contains(bearer, "stranger") || !strings.HasPrefix(bearer,
			"Bearer secret") {
			respond(w, http.StatusForbidden, 9109, "Unauthorized to access requested resource", nil)
			return
		}
		if serveScript(w, r, c, parts) {
			return
		}
		if r.Method != http.MethodGet || !serveWorkers(w, parts[2:], storedWorkers{c}) {
			respond(w, http.StatusNotFound, 7003, "Could not route to "+r.URL.Path, nil)
		}
	})
}

// serveScript does what is asked about one Worker, with the faults of the plan. It reports false where a request is
// about something else.
func serveScript(w http.ResponseWriter, r *http.Request, c store, parts []string) bool {
	if len(parts) < 5 {
		return false
	}
	verb := map[string]string{"DELETE ": removes, "GET deployments": looks, "PATCH settings": "renew"}[r.Method+" "+
		strings.Join(parts[5:], "/")]
	if verb == "" {
		return false
	}
	var p plan
	c.read("plan.json", &p)
	who := fakeCLIs()[p.Persona]
	a := ask{verb: verb, unit: parts[4], scope: parts[1]}
	a.do = p.fault(c.calls(), a)
	c.record(call{Program: r.Method, Args: []string{"http://" + r.Host + r.URL.RequestURI()}, Verb: verb, Unit: a.unit,
		Fault: a.do})
	if verb == "renew" { // another version of the same Worker
		respond(w, http.StatusOK, 0, "", nil)
		return true
	}
	said, _ := c.do(who, a, a.do)
	if m := workersCode.FindStringSubmatch(said.err); m != nil {
		code, err := strconv.Atoi(m[2])
		must(err)
		respond(w, map[int]int{971: http.StatusTooManyRequests, 10000: http.StatusForbidden,
			10007: http.StatusNotFound, 7009: http.StatusServiceUnavailable}[code], code, m[1], nil)
		return true
	}
	respond(w, http.StatusOK, 0, "", map[string]any{"deployments": []any{}})
	return true
}

// workersCode is an error of the API as Wrangler prints it.
var workersCode = regexp.MustCompile(`(?m)^ *(\S.*) \[code: (\d+)\]`)

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
