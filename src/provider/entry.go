package provider

import (
	"context"
	"slices"
	"strings"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/signing"
)

// Entries is a connection to a provider whose functions are called in more ways than by their HTTP addresses. Endpoints
// of its deployment have the address of the way that the function is to be called on.
type Entries interface {
	// Signer gives what signs requests to its functions.
	Signer(ctx context.Context) (signing.Sign, error)
}

// EntryVariable is in the environment of a function that has no HTTP address: its value is the function's entry.
const EntryVariable = "STELLAR_ENTRY"

// InvokePath is the path of the operation Invoke of a function of that name, as the Lambda API has it
// (docs.aws.amazon.com/lambda/latest/api/API_Invoke.html).
func InvokePath(name string) string { return "/2015-03-31/functions/" + name + "/invocations" }

// URLSection is the setting of a function's own address in serverless.yml.
type URLSection struct {
	Authorizer string `yaml:"authorizer,omitempty"`
	InvokeMode string `yaml:"invokeMode,omitempty"`
}

// URLOf is the function's own address where its entry is one, else nil.
func URLOf(fn *Function) *URLSection {
	if fn.Entry != experiment.EntryURL {
		return nil
	}
	u := &URLSection{InvokeMode: "BUFFERED"}
	if fn.InvokeMode == experiment.InvokeStreamed {
		u.InvokeMode = "RESPONSE_STREAM"
	}
	if fn.EntryAuth == experiment.AuthIAM {
		u.Authorizer = "aws_iam"
	}
	return u
}

// entry refuses an entry that the provider does not have.
func (l Limits) entry(s *experiment.SubExperiment) []Refusal {
	if s.HTTPEntry() || slices.Contains(l.Entries, s.Entry) {
		return nil
	}
	why := "functions there are called at their HTTP addresses only"
	if len(l.Entries) > 0 {
		why = "it has " + experiment.EntryHTTP + ", " + strings.Join(l.Entries, ", ")
	}
	return []Refusal{Refuse("Entry", s.Entry, "%s", why)}
}
