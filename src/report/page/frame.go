package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
)

var (
	//go:embed assets/shared.html
	sharedHTML string
	//go:embed assets/page.html
	pageHTML string
	//go:embed assets/history.html
	historyHTML string
	//go:embed assets/changes.html
	changesHTML string
	//go:embed assets/page.css
	pageCSS string
	//go:embed assets/chart.js
	chartJS string
	//go:embed assets/kinds.js
	kindsJS string
	//go:embed assets/time.js
	timeJS string
	//go:embed assets/history.js
	historyJS string
	//go:embed assets/page.js
	pageJS string
)

// frame is what the templates of all pages take for their beginning and their end.
type frame struct {
	Title, Version string
	Policy         string
	Style          template.CSS
	Script, Charts template.JS
}

// write fills in a frame and writes a page: its template, its scripts in their order, the numbers of its charts, and
// the view that the template shows, of which the frame is a part.
func write(w io.Writer, text string, scripts []string, numbers any, f *frame, view any) error {
	charts, err := json.Marshal(numbers) // escapes <, > and &
	if err != nil {
		return fmt.Errorf("the page's charts: %w", err)
	}
	script := `(() => {"use strict";` + "\n" + strings.Join(scripts, "") + "})();\n"
	f.Style, f.Script, f.Charts = template.CSS(pageCSS), template.JS(script), template.JS(charts)
	f.Policy = policy(pageCSS, script)
	shown, err := template.New("page").Funcs(template.FuncMap{"lines": lines}).Parse(sharedHTML)
	if err == nil {
		shown, err = shown.Parse(text)
	}
	if err != nil {
		return fmt.Errorf("the page's template: %w", err)
	}
	var out bytes.Buffer
	if err := shown.Execute(&out, view); err != nil {
		return fmt.Errorf("the page: %w", err)
	}
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write the page: %w", err)
	}
	return nil
}

// policy is the content security policy: the page's own style and script run, by their hashes, and nothing is fetched
// (https://www.w3.org/TR/CSP3/).
func policy(style, script string) string {
	hash := func(text string) string {
		sum := sha256.Sum256([]byte(text))
		return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
	}
	return "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src " + hash(style) +
		"; script-src " + hash(script)
}

func lines(text string) []string { return strings.Split(text, "\n") }
