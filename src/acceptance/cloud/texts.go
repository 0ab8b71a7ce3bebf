package cloud

import (
	"fmt"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/rogpeppe/go-internal/txtar"
)

// texts are a tool's messages: sections of a file, <what>.out and <what>.err, in which names are filled in.
type texts map[string]string

// readTexts finds a fake CLI's texts.
func readTexts(fakeCLI string) texts {
	arc, err := txtar.ParseFile(filepath.Join(testdata("texts"), fakeCLI+".txtar"))
	must(err)
	out := texts{}
	for _, f := range arc.Files {
		out[f.Name] = strings.ReplaceAll(string(f.Data), "␛", "\x1b")
	}
	return out
}

// fine are the texts with which a tool ends well.
var fine = map[string]bool{deploys: true, "made-no-address": true, "made-too-few": true, removes: true,
	looks: true, lists: true,
	versions: true, "old": true, "made-later": true,
	"rm-sources": true, "rm-image": true}

// say is what a tool prints. What it says when all is well, and when something is absent, may be on either stream, and
// both may be no text at all.
func (t texts) say(what string, a ask, stand []resource) reply {
	r := reply{out: t.fill(what+".out", a, stand), err: t.fill(what+".err", a, stand)}
	_, out := t[what+".out"]
	_, err := t[what+".err"]
	if !out && !err {
		return reply{err: fmt.Sprintf("the fake has no text for %q\n", what), code: 70}
	}
	if !fine[what] && t[what+".code"] != "0\n" {
		r.code = 1
	}
	return r
}

func (t texts) fill(name string, a ask, stand []resource) string {
	text, ok := t[name]
	if !ok {
		return ""
	}
	functions := template.FuncMap{
		"few": func(all []string) []string { return all[:max(0, len(all)-1)] },
	}
	var out strings.Builder
	must(template.Must(template.New(name).Funcs(functions).Parse(text)).Execute(&out, struct {
		Verb, Unit, Scope string
		Tags              map[string]string
		Names             []string
		Things            []resource
	}{a.verb, a.unit, a.scope, a.tags, a.names, stand}))
	return out.String()
}
