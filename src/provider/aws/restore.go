package aws

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	lambdatypes "github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// wasVersion is the key of the version to which a function's route led, with SnapStart.
const wasVersion = "wasVersion"

// Configuration gives what a cold start changes of a function, and where the function is.
func (a *connection) Configuration(ctx context.Context, e provider.Endpoint) (map[string]string, error) {
	s, err := a.open(ctx)
	if err != nil {
		return nil, err
	}
	name := e.Detail[provider.DetailName]
	is, err := s.ready(ctx, name)
	if err != nil {
		return nil, err
	}
	out := map[string]string{provider.DetailRegion: s.region, provider.DetailAccount: s.account}
	if value, set := coldOf(is); set {
		out[provider.WasCold] = value
	}
	if out[provider.WasHash], err = configurationHash(is); err != nil {
		return nil, err
	}
	if hasSnapStart(is) {
		version, err := s.routed(ctx, name)
		if err != nil {
			return nil, err
		}
		out[wasVersion] = s.originals.keep(name, version)
	}
	return out, nil
}

// Restore puts back what cold starts have changed of a function.
func (a *connection) Restore(ctx context.Context, was map[string]string) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, a.Patience.Command)
	defer cancel()
	name := was[provider.DetailName]
	if is := was[provider.DetailAccount]; is != s.account {
		return provider.OtherAccount("function "+name, is, s.credentials, s.account)
	}
	_, err = s.ready(ctx, name)
	if hasCode(err, "ResourceNotFoundException", "") {
		return nil
	}
	if err != nil {
		return err
	}
	if was[provider.DetailExisting] != "" {
		return s.restoreExisting(ctx, was)
	}
	if original := was[wasVersion]; original != "" {
		if err := s.restoreVersion(ctx, name, original); err != nil {
			return err
		}
	}
	var value *string
	if old, set := was[provider.WasCold]; set {
		value = &old
	}
	// Whatever the variable seems to be: what Lambda shows may be older than the last update, and only an update tells.
	from, to, err := s.setCold(ctx, name, value, 0)
	if err != nil {
		return err
	}
	before, err := configurationHash(from)
	if err != nil {
		return err
	}
	after, err := configurationHash(to)
	switch {
	case err != nil:
		return err
	case after != before:
		return fmt.Errorf("function %s: more than %s has changed while it was put back", name, provider.ColdVariable)
	case after != was[provider.WasHash]:
		a.Log.Warnf("function %s: %s is put back; others have changed the rest of its configuration during the run, "+
			"which is left as it is", name, provider.ColdVariable)
	}
	return nil
}

// configurationHash is a hash of all that is configured of a function beside STELLAR_COLD. What Lambda itself changes
// at every update is not part of it: revision, time, states, the patch version of the runtime.
func configurationHash(is *lambda.GetFunctionConfigurationOutput) (string, error) {
	c := *is
	c.ResultMetadata = middleware.Metadata{}
	c.RevisionId, c.LastModified, c.RuntimeVersionConfig = nil, nil, nil
	c.State, c.StateReason, c.StateReasonCode = "", nil, ""
	c.LastUpdateStatus, c.LastUpdateStatusReason, c.LastUpdateStatusReasonCode = "", nil, ""
	if c.SnapStart != nil {
		c.SnapStart = &lambdatypes.SnapStartResponse{ApplyOn: c.SnapStart.ApplyOn}
	}
	if c.Environment != nil {
		e := *c.Environment
		e.Variables = maps.Clone(e.Variables)
		delete(e.Variables, provider.ColdVariable)
		if c.Environment = &e; len(e.Variables) == 0 && e.Error == nil {
			c.Environment = nil
		}
	}
	text, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("function %s: its configuration: %w", aws.ToString(is.FunctionName), err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}
