package cloud

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

// gcloudFlags are the flags that a command of the Google Cloud CLI takes, of those that exist: with a value or (false)
// without one. Source: docs.cloud.google.com/sdk/gcloud/reference; gcloud 528 takes them all.
var gcloudFlags = map[string]map[string]bool{
	"run deploy": {"image": true, "memory": true, "cpu": true, "concurrency": true, "min-instances": true,
		"max-instances": true, "cpu-boost": false,
		"no-cpu-boost": false, "cpu-throttling": false, "timeout": true, "labels": true, "env-vars-file": true,
		"ingress":               true,
		"allow-unauthenticated": false, "execution-environment": true, "format": true},
	"run services delete":   {},
	"run services describe": {"format": true},
	"run services list":     {"filter": true, "format": true},
	"functions deploy": {"set-build-env-vars": true, "gen2": false, "runtime": true, "source": true,
		"entry-point": true, "trigger-http": false, "allow-unauthenticated": false,
		"memory": true, "cpu": true, "timeout": true, "max-instances": true, "min-instances": true,
		"concurrency": true, "update-labels": true,
		"env-vars-file": true, "ingress-settings": true, "service-account": true, "set-env-vars": true,
		"format": true, "no-allow-unauthenticated": false},
	"functions delete":          {"gen2": false},
	"functions describe":        {"gen2": false, "v2": false, "format": true},
	"functions list":            {"v2": false, "regions": true, "filter": true, "format": true},
	"auth list":                 {"filter": true, "format": true},
	"config get":                {},
	"projects describe":         {"format": true},
	"storage rm":                {"all-versions": false, "recursive": false},
	"artifacts packages list":   {"repository": true, "location": true, "format": true},
	"artifacts packages delete": {"repository": true, "location": true},
}

// everywhere are flags of every command of the CLI.
var everywhere = map[string]bool{"project": true, "region": true, "quiet": false, "verbosity": true}

// commandLine is a command line taken apart.
type commandLine struct {
	words []string // of the command, then its arguments
	flags map[string]string
}

// takeApart reads a command line; a flag that the command does not have is an error. known gives a command's flags.
func takeApart(args []string, known func(words []string) map[string]bool) (commandLine, error) {
	c := commandLine{flags: map[string]string{}}
	for i := 0; i < len(args); i++ {
		name, is := strings.CutPrefix(args[i], "--")
		if !is {
			c.words = append(c.words, args[i])
			continue
		}
		name, value, has := strings.Cut(name, "=")
		valued, ok := known(c.words)[name]
		switch {
		case !ok:
			return c, fmt.Errorf("no flag --%s", name)
		case valued && !has:
			if i++; i == len(args) {
				return c, fmt.Errorf("--%s wants a value", name)
			}
			value = args[i]
		case !valued && has:
			return c, fmt.Errorf("--%s takes no value", name)
		}
		c.flags[name] = value
	}
	return c, nil
}

// gcloudCommand finds the command in the words before a flag.
func gcloudCommand(words []string) (name string, rest []string) {
	for n := min(3, len(words)); n > 0; n-- {
		if name := strings.Join(words[:n], " "); gcloudFlags[name] != nil {
			return name, words[n:]
		}
	}
	return "", words
}

// gcloud is the Google Cloud CLI, for one group of its commands.
func gcloud(group string, verbs map[string]string, resources func(ask) []resource, beside map[string]func(store,
	ask) reply) fakeCLI {
	return fakeCLI{
		programs: []string{"gcloud"},
		texts:    "gcloud-" + group,
		label: func(s string) string {
			return regexp.MustCompile(`[^a-z0-9_-]`).ReplaceAllString(strings.ToLower(s), "-")
		},
		tells: map[string]string{"failed": "ERROR: (gcloud." + group + ".deploy)",
			"throttled":       "Quota exceeded for quota metric",
			"made-no-address": "<html>502 Bad Gateway</html>", "made-too-few": "<html>502 Bad Gateway</html>",
			"remove-failed": "denied on resource", "no-answer": "currently unavailable",
			"anonymous": "no active account"},
		read:      func(c command) (ask, error) { return readGcloud(c, verbs) },
		resources: resources,
		before: func(c store, a ask) (reply, bool) {
			switch {
			case a.from.getenv("CLOUDSDK_AUTH_ACCESS_TOKEN_FILE") != "" && a.verb != versions:
				return readTexts("gcloud-"+group).say("remove-failed", a, nil), true
			case beside[a.verb] != nil:
				return beside[a.verb](c, a), true
			case a.verb == "auth" && a.do == "":
				return reply{out: "someone@example.org\n"}, true
			case a.verb == "auth":
				return reply{err: "WARNING: The following filter keys were not present in any resource : " +
					"status\n"}, true
			case a.verb == "config":
				return reply{err: "(unset)\n"}, true
			}
			return reply{}, false
		},
	}
}

func readGcloud(c command, verbs map[string]string) (ask, error) {
	if slices.Equal(c.Args, []string{"version"}) {
		return ask{verb: versions}, nil
	}
	line, err := takeApart(c.Args, func(words []string) map[string]bool {
		name, _ := gcloudCommand(words)
		all := maps.Clone(everywhere)
		maps.Copy(all, gcloudFlags[name])
		return all
	})
	if err != nil {
		return ask{}, err
	}
	name, rest := gcloudCommand(line.words)
	a := ask{verb: verbs[name], scope: line.flags["project"] + "/" + line.flags["region"], from: c}
	if a.verb == "" || len(rest) > 1 {
		return a, fmt.Errorf("gcloud %s", strings.Join(line.words, " "))
	}
	if _, quiet := line.flags["quiet"]; !quiet {
		return a, fmt.Errorf("gcloud would ask: --quiet is missing")
	}
	if len(rest) == 1 {
		a.unit = rest[0]
	}
	switch a.verb {
	case deploys:
		return a, a.googleDeployment(line)
	case removes, looks:
		if a.unit == "" || line.flags["project"] == "" || line.flags["region"] == "" {
			return a, fmt.Errorf("gcloud %s: name, --project and --region are wanted", name)
		}
	}
	return a, nil
}

// googleDeployment is what a deployment must have: where from, the run's labels in their form, variables that can be
// read.
func (a *ask) googleDeployment(line commandLine) error {
	a.tags = map[string]string{}
	for _, kv := range strings.Split(line.flags["labels"]+line.flags["update-labels"], ",") {
		k, v, _ := strings.Cut(kv, "=")
		if strings.ContainsFunc(v,
			func(c rune) bool { return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyz0123456789_-", c) }) ||
			len(v) > 63 {
			return fmt.Errorf("label %q is not one", kv)
		}
		a.tags[k] = v
	}
	if a.tags["stellar-run"] == "" || a.tags["stellar-expires"] == "" {
		return fmt.Errorf("%s is not labelled: %v", a.unit, a.tags)
	}
	if _, err := os.Stat(a.from.path(line.flags["env-vars-file"])); err != nil {
		return err
	}
	if image, is := line.flags["image"]; is && !strings.Contains(image, "@sha256:") {
		return fmt.Errorf("image %q is not named by its digest", image)
	}
	if source, is := line.flags["source"]; is {
		if _, err := os.Stat(a.from.path(source)); err != nil {
			return err
		}
	}
	a.names = []string{a.unit}
	return nil
}

// gcloudRun is the part of the CLI that Cloud Run needs.
func gcloudRun() fakeCLI {
	return gcloud("run", map[string]string{"run deploy": deploys, "run services delete": removes,
		"run services describe": looks,
		"run services list":     lists, "auth list": "auth", "config get": "config"}, func(a ask) []resource {
		return []resource{{Kind: "service", Name: a.unit, Scope: a.scope, Unit: a.unit, Tags: a.tags}}
	}, nil)
}

// gcloudFunctions is the part that functions need: beside a function there are the archive of its sources and the image
// that was built of them, which are not deleted with it.
func gcloudFunctions() fakeCLI {
	verbs := map[string]string{"functions deploy": deploys, "functions delete": removes,
		"functions describe": looks, "functions list": lists,
		"auth list": "auth", "config get": "config", "projects describe": "number", "storage rm": "rm-sources",
		"artifacts packages list": "list-images", "artifacts packages delete": "rm-image"}
	resources := func(a ask) []resource {
		image := "my--project__europe--west1__" + strings.ReplaceAll(a.unit, "-", "--")
		return []resource{{Kind: "sources", Name: a.unit + ".zip", Scope: a.scope, Unit: a.unit}, {Kind: "image",
			Name: image, Scope: a.scope, Unit: a.unit},
			{Kind: "function", Name: a.unit, Scope: a.scope, Unit: a.unit, Tags: a.tags}}
	}
	text := func(what string, a ask) reply { return readTexts("gcloud-functions").say(what, a, nil) }
	drop := func(c store, a ask) reply {
		stand := c.visible(a)
		if len(stand) == 0 {
			return text("no-"+a.kind, a)
		}
		c.drop(stand)
		return text("rm-"+a.kind, a)
	}
	p := gcloud("functions", verbs, resources, map[string]func(store, ask) reply{
		"number":     func(store, ask) reply { return reply{out: projectNumber + "\n"} },
		"rm-sources": drop,
		"rm-image":   drop,
		"list-images": func(c store, a ask) reply {
			var r reply
			for _, t := range c.visible(ask{scope: a.scope, kind: "image"}) {
				r.out += "projects/my-project/locations/europe-west1/repositories/gcf-artifacts/packages/" +
					t.Name + "\n"
			}
			return r
		},
	})
	p.read = func(c command) (ask, error) {
		a, err := readGcloud(c, verbs)
		return a.ofFunction(c.Args), err
	}
	return p
}

const projectNumber = "123456789012"

// ofFunction finds in a command line which resources of which function are meant.
func (a ask) ofFunction(args []string) ask {
	switch a.verb {
	case removes, looks, lists:
		a.kind = "function"
	case "rm-sources": // gs://gcf-v2-sources-<number>-<region>/<function>/function-source.zip
		bucket, rest, _ := strings.Cut(strings.TrimPrefix(a.unit, "gs://"), "/")
		region, _ := strings.CutPrefix(bucket, "gcf-v2-sources-"+projectNumber+"-")
		a.kind, a.scope, a.unit = "sources", strings.TrimSuffix(a.scope, "/")+"/"+region, strings.TrimSuffix(rest,
			"/function-source.zip")
	case "rm-image", "list-images":
		_, name, _ := strings.Cut(strings.TrimPrefix(a.unit, "my--project__"), "__")
		a.kind, a.unit = "image", strings.ReplaceAll(name, "--", "-")
		a.scope = strings.TrimSuffix(a.scope, "/") + "/" + args[slices.Index(args, "--location")+1]
	}
	return a
}
