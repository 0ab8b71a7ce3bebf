package aws

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/shell"

	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// TestAWSGoesOnWithoutTheAccountsLimit holds that a question a run can do without stops nothing: neither where an
// emulator does not have it nor where a policy forbids it. Its true cause is told, and nothing of credentials.
func TestAWSGoesOnWithoutTheAccountsLimit(t *testing.T) {
	for name, c := range map[string]struct {
		code       int
		kind, body string
		want       string // in what was not answered; empty: answered
	}{
		"answer": {200, "", `{"AccountLimit": {"ConcurrentExecutions": 77}}`, ""},
		"emulator": {501, "InternalFailure", `{"message": "API action GetAccountSettings is not available"}`,
			"API action GetAccountSettings is not available"},
		"not JSON": {501, "", `<html>Not Implemented</html>`, "GetAccountSettings"},
		"policy": {403, "AccessDeniedException",
			`{"Message": "User: x is not authorized to perform: lambda:GetAccountSettings"}`,
			"is not authorized to perform: lambda:GetAccountSettings"},
		"nothing to it": {404, "", ``, "GetAccountSettings"},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int32
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.Contains(r.URL.Path, "account-settings") {
					asked.Add(1)
					if c.kind != "" {
						w.Header().Set("X-Amzn-ErrorType", c.kind)
					}
					w.WriteHeader(c.code)
					fmt.Fprint(w, c.body)
					return
				}
				fmt.Fprint(w,
					"<GetCallerIdentityResponse><GetCallerIdentityResult><Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>")
			}))
			defer s.Close()
			for name, value := range map[string]string{"AWS_ENDPOINT_URL": s.URL, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
				"AWS_SECRET_ACCESS_KEY": "none", "AWS_SESSION_TOKEN": "",
				"AWS_PROFILE": "", "AWS_REGION": "eu-west-3", "AWS_DEFAULT_REGION": "", "AWS_CONFIG_FILE": os.DevNull,
				"AWS_SHARED_CREDENTIALS_FILE": os.DevNull} {
				t.Setenv(name, value)
			}
			conn, err := Provider().Open(provider.Options{Getenv: os.Getenv, Runner: shell.Run,
				Serverless: func(string, string) provider.Serverless { return cli{} }})
			if err != nil {
				t.Fatal(err)
			}
			r := conn.(provider.Checker).Ready(t.Context())
			if err := r.Err(); err != nil || r.Where["account"] != "123456789012" ||
				r.Credentials != "AWS_ACCESS_KEY_ID" {
				t.Errorf("%+v, %v", r, err)
			}
			var open []string
			for _, u := range r.Unanswered {
				open = append(open, u.Err.Error())
				if u.Needed {
					t.Errorf("%v would stop a run", u.Err)
				}
			}
			text := strings.Join(open, "\n")
			if (text == "") != (c.want == "") || !strings.Contains(text, c.want) ||
				strings.Contains(text, "credentials") {
				t.Errorf("not answered: %q, want %q", text, c.want)
			}
			if want := map[bool]string{true: "77"}[c.want == ""]; r.Where["concurrency"] != want || asked.Load() > 2 {
				t.Errorf("concurrency %q, asked %d times", r.Where["concurrency"], asked.Load())
			}
		})
	}
}

// cli is a Serverless CLI that is found.
type cli struct{ provider.Serverless }

func (cli) Ready(context.Context) provider.Tool { return provider.Tool{Name: "osls", Version: "4.3.1"} }
