package cloudflare

import (
	"errors"
	"regexp"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// errorHints say what to do about errors of Cloudflare's API, by their codes as Wrangler prints them.
var errorHints = map[string]string{
	"9109":  "CLOUDFLARE_API_TOKEN is wrong, has expired, or is of another account than CLOUDFLARE_ACCOUNT_ID",
	"10000": "give the token the permission Workers Scripts: Edit in the account that CLOUDFLARE_ACCOUNT_ID names",
	"10027": "ask for a smaller FunctionImageSizeMB",
	"10034": "verify the account's e-mail address in Cloudflare's dashboard",
	"10037": "delete Workers that are not needed, or ask for less Parallelism: an account may have 100 on the free " +
		"plan, 500 on the paid one",
	"10063":  "open Workers & Pages in Cloudflare's dashboard once: it gives the account its workers.dev subdomain",
	"100328": "ask for DesiredServiceTimes of at most 25s: only the paid plan may set how long a Worker computes",
}

var wranglerCode = regexp.MustCompile(`\[code: (\d+)\]`)

// colours are the escapes that Wrangler writes even where it is asked for none.
var colours = regexp.MustCompile("\x1b\\[[0-9;]*m")

// explained adds what to do about an error of the API.
func explained(err error, res shell.Result) error {
	var e *fail.Error
	if !errors.As(err, &e) {
		return err
	}
	e.Output = colours.ReplaceAllString(e.Output, "")
	for _, m := range wranglerCode.FindAllStringSubmatch(res.Stderr+res.Stdout, -1) {
		if hint := errorHints[m[1]]; hint != "" {
			return e.WithHint("%s", hint)
		}
	}
	return err
}
