package aws_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/vhive-serverless/STeLLAR/src/acceptance/cloud"
	"github.com/vhive-serverless/STeLLAR/src/acceptance/lab"
)

// policy is docs/providers/aws-policy.json.
type policy struct {
	Statement []struct {
		Sid              string
		Effect           string
		Action, Resource words
	}
}

// words is a string or a list of strings, as policies have them.
type words []string

func (w *words) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*w = words{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(w))
}

func readPolicy(t *testing.T) policy {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(lab.Repo(), "docs", "providers", "aws-policy.json"))
	if err != nil {
		t.Fatal(err)
	}
	var p policy
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// checkAllowed demands that the policy allows all that was asked for, of a run that deploys.
func checkAllowed(t *testing.T, r *cloud.Recorder) {
	t.Helper()
	checkActions(t, r, 15)
}

// checkActions demands that the policy allows all that was asked for, which is so many actions at least.
func checkActions(t *testing.T, r *cloud.Recorder, least int) {
	t.Helper()
	allowed := map[string]bool{}
	for _, s := range readPolicy(t).Statement {
		for _, a := range s.Action {
			allowed[a] = true
		}
	}
	asked, strange := r.Asked()
	for _, a := range asked {
		if a != "" && !allowed[a] {
			t.Errorf("%s was asked for, docs/providers/aws-policy.json does not allow it", a)
		}
	}
	if len(strange) > 0 {
		t.Errorf("requests of unknown actions: %q", strange)
	}
	if len(asked) < least {
		t.Errorf("only %q were asked for: not all is recorded", asked)
	}
	fmt.Printf(
		"| of the actions in docs/providers/aws-policy.json the Serverless CLI and stellar asked the emulator for %d\n",
		len(asked),
	)
}

// The documented permissions have no wildcard for an action, and are confined to our names wherever AWS lets them be.
func TestAWSPolicyIsConfined(t *testing.T) {
	for _, s := range readPolicy(t).Statement {
		for _, a := range s.Action {
			if strings.Contains(a, "*") || s.Effect != "Allow" {
				t.Errorf("%s: %s %s", s.Sid, s.Effect, a)
			}
		}
		for _, res := range s.Resource {
			switch {
			case strings.Contains(res, "stellar"),
				strings.HasPrefix(s.Sid, "ExistingFunctions") && strings.Contains(res, "NAME-OF-YOUR-"),
				s.Sid == "HTTPAPIs" && strings.HasPrefix(res, "arn:aws:apigateway:"):
			case s.Sid == "WhatHasNoNarrowerResource" && res == "*":
				for _, a := range s.Action {
					if _, verb, _ := strings.Cut(a, ":"); !regexp.MustCompile(`^(Describe|List|Get|Validate)`).
						MatchString(verb) {
						t.Errorf("%s: %s of everything", s.Sid, a)
					}
				}
			case s.Sid == "AccessLogsOfHTTPAPIsWithProviderReport" && res == "*":
				// Log deliveries have no names: docs.aws.amazon.com/AmazonCloudWatch/latest/logs/
				// AWS-logs-infrastructure-CWL.html demands all of them.
				for _, a := range s.Action {
					if !strings.Contains(a, "LogDeliver") && !strings.Contains(a, "ResourcePolic") {
						t.Errorf("%s: %s of everything", s.Sid, a)
					}
				}
			default:
				t.Errorf("%s is of %s", s.Sid, res)
			}
		}
	}
}
