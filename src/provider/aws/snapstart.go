package aws

import (
	"context"
	"fmt"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"

	"github.com/vhive-serverless/STeLLAR/src/provider"
)

const (
	// snapStartAlias is how the Serverless CLI names the alias of the published version with SnapStart, to which the
	// route leads.
	snapStartAlias = "snapstart"
	// coldVersion describes a version that was published for a cold start.
	coldVersion = "stellar: cold start"
)

// originalVersions are the published versions to which routes led before a run published others.
type originalVersions struct {
	mu  sync.Mutex
	all map[string]string // by the function's name in the account
}

// keep remembers a function's version unless one is known, and gives the one that is remembered.
func (o *originalVersions) keep(name, version string) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	if known, ok := o.all[name]; ok {
		return known
	}
	if o.all == nil {
		o.all = map[string]string{}
	}
	o.all[name] = version
	return version
}

// publish makes a version of a function as it is now, with a snapshot of its own, and leads the route to it. The
// version that it supersedes is deleted first, unless it is the one that was deployed: a function never has more than
// two versions, whose snapshots are charged for.
func (s *session) publish(ctx context.Context, name string) error {
	now, err := s.routed(ctx, name)
	if err != nil {
		return err
	}
	if original := s.originals.keep(name, now); now != original {
		if err := s.route(ctx, name, original); err != nil {
			return err
		}
		if err := s.deleteVersion(ctx, name, now); err != nil {
			return err
		}
	}
	v, err := s.lambda.PublishVersion(ctx, &lambda.PublishVersionInput{FunctionName: &name,
		Description: aws.String(coldVersion)})
	if err != nil {
		return fmt.Errorf("publish a version of %s: %w", name, err)
	}
	if _, err := s.ready(ctx, name+":"+aws.ToString(v.Version)); err != nil {
		return err
	}
	return s.route(ctx, name, aws.ToString(v.Version))
}

// routed is the version to which a function's route leads.
func (s *session) routed(ctx context.Context, name string) (string, error) {
	is, err := s.lambda.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &name, Name: aws.String(snapStartAlias)})
	if err != nil {
		return "", fmt.Errorf("ask to which version the route of %s leads: %w", name, err)
	}
	return aws.ToString(is.FunctionVersion), nil
}

// route leads a function's route to a version, and returns when Lambda shows it.
func (s *session) route(ctx context.Context, name, version string) error {
	if _, err := s.lambda.UpdateAlias(ctx, &lambda.UpdateAliasInput{FunctionName: &name,
		Name: aws.String(snapStartAlias), FunctionVersion: &version}); err != nil {
		return fmt.Errorf("lead the route of %s to version %s: %w", name, version, err)
	}
	for wait := firstLook; ; wait = min(2*wait, lastLook) {
		now, err := s.routed(ctx, name)
		if err != nil || now == version {
			return err
		}
		if err := provider.Pause(ctx, min(wait, s.Patience.Wait)); err != nil {
			return fmt.Errorf("the route of %s leads to version %s, not yet to %s: %w", name, now, version, err)
		}
	}
}

// deleteVersion deletes a version to which no route leads any more. Lambda refuses it for a moment after the route has
// changed.
func (s *session) deleteVersion(ctx context.Context, name, version string) error {
	for wait := firstLook; ; wait = min(2*wait, lastLook) {
		_, err := s.lambda.DeleteFunction(ctx, &lambda.DeleteFunctionInput{FunctionName: &name, Qualifier: &version})
		if err == nil || hasCode(err, "ResourceNotFoundException", "") {
			return nil
		}
		if !hasCode(err, "ResourceConflictException", "") {
			return fmt.Errorf("delete version %s of %s: %w", version, name, err)
		}
		if perr := provider.Pause(ctx, min(wait, s.Patience.Wait)); perr != nil {
			return fmt.Errorf("delete version %s of %s: %w", version, name, err)
		}
	}
}

// restoreVersion leads the route of a function to the version that was deployed, and deletes those that were published
// for cold starts.
func (s *session) restoreVersion(ctx context.Context, name, original string) error {
	now, err := s.routed(ctx, name)
	if err == nil && now != original {
		err = s.route(ctx, name, original)
	}
	if err != nil {
		return err
	}
	pages := lambda.NewListVersionsByFunctionPaginator(s.lambda,
		&lambda.ListVersionsByFunctionInput{FunctionName: &name})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return fmt.Errorf("list the versions of %s: %w", name, err)
		}
		for _, v := range page.Versions {
			if version := aws.ToString(v.Version); version != original && aws.ToString(v.Description) == coldVersion {
				if err := s.deleteVersion(ctx, name, version); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
