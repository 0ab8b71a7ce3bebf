package aws

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	cftypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/vhive-serverless/STeLLAR/src/provider"
)

// RemoveFunctions removes services and returns when their stacks and log groups are verified absent.
func (a *connection) RemoveFunctions(ctx context.Context, units []provider.Unit) error {
	s, err := a.open(ctx)
	if err != nil {
		return err
	}
	return provider.ForEach(ctx, a.Patience.Parallel, units, func(ctx context.Context, u provider.Unit) error {
		if is := u.Where[provider.DetailAccount]; is != "" && is != s.account {
			return provider.OtherAccount("service "+u.Name, is, s.credentials, s.account)
		}
		return a.remove(ctx, s, u)
	})
}

// remove waits for what is under way, lets the Serverless CLI remove the service, does what it left undone, and looks.
func (a *connection) remove(ctx context.Context, s *session, u provider.Unit) error {
	ctx, cancel := context.WithTimeout(ctx, 2*a.Patience.Command)
	defer cancel()
	unit := u.Name
	stack, err := s.settled(ctx, unit)
	if err != nil {
		return err
	}
	groups := map[string]bool{}
	for _, f := range u.Functions {
		groups[logGroup(functionName(unit, f.Name))] = true
	}
	var told error // by the Serverless CLI
	if stack != nil {
		found, err := s.resources(ctx, unit, "AWS::Logs::LogGroup")
		if err != nil {
			return err
		}
		for _, name := range found {
			groups[name] = true
		}
		if told = a.removeByCLI(ctx, u); told != nil && a.Log != nil {
			a.Log.Infof("aws: `osls remove` of %s failed (%v): its stack is deleted without it", unit, told)
		}
		if err := s.deleteStack(ctx, unit); err != nil {
			return errors.Join(err, told)
		}
	}
	if err := s.deleteLogs(ctx, unit, groups); err != nil {
		return err
	}
	return a.VerifyAbsent(ctx, "service "+unit, u.Confirmed, func(ctx context.Context) (bool, error) {
		left, err := s.stack(ctx, unit)
		if err != nil || left != nil {
			return left != nil, err
		}
		still, err := s.logGroups(ctx, unit, groups)
		return len(still) > 0, err
	})
}

// removeByCLI runs `osls remove`, where the service's folder is still there.
func (a *connection) removeByCLI(ctx context.Context, u provider.Unit) error {
	if u.Folder == "" {
		return nil
	}
	if _, err := os.Stat(filepath.Join(u.Folder, provider.YMLName)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	_, err := a.OnFolder(u).Remove(ctx)
	return err
}

// stack is a stack by its name, nil where there is none.
func (s *session) stack(ctx context.Context, name string) (*cftypes.Stack, error) {
	out, err := s.stacks.DescribeStacks(ctx, &cloudformation.DescribeStacksInput{StackName: &name})
	if hasCode(err, "ValidationError", "does not exist") {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ask for stack %s in %s: %w", name, s.region, err)
	}
	for i := range out.Stacks {
		if out.Stacks[i].StackStatus != cftypes.StackStatusDeleteComplete {
			return &out.Stacks[i], nil
		}
	}
	return nil, nil
}

// settled waits until nothing is under way with a stack, and gives it; nil where there is none. A stack under review
// has nothing under way: its change set was never carried out.
func (s *session) settled(ctx context.Context, name string) (*cftypes.Stack, error) {
	for {
		stack, err := s.stack(ctx, name)
		if err != nil || stack == nil {
			return nil, err
		}
		status := stack.StackStatus
		if !strings.HasSuffix(string(status), "_IN_PROGRESS") || status == cftypes.StackStatusReviewInProgress {
			return stack, nil
		}
		if err := provider.Pause(ctx, s.Patience.Wait); err != nil {
			return nil, fmt.Errorf("stack %s is in state %s: %w", name, status, err)
		}
	}
}

// deletions is how often one removal requests the deletion of a stack; the undo repeats the removal.
const deletions = 2

// deleteStack deletes what is left of a stack, and again where that failed: by then its buckets are empty, and what was
// still in use is not any more.
func (s *session) deleteStack(ctx context.Context, name string) error {
	for range deletions {
		stack, err := s.settled(ctx, name)
		if err != nil || stack == nil {
			return err
		}
		if err := s.emptyBuckets(ctx, name); err != nil {
			return err
		}
		if _, err := s.stacks.DeleteStack(ctx, &cloudformation.DeleteStackInput{StackName: stack.StackId}); err != nil {
			return fmt.Errorf("delete stack %s: %w", name, err)
		}
	}
	stack, err := s.settled(ctx, name)
	if err != nil || stack == nil {
		return err
	}
	return fmt.Errorf("stack %s in %s is in state %s: %s", name, s.region, stack.StackStatus,
		aws.ToString(stack.StackStatusReason))
}

// resources are the names in the account of what a stack has of one type.
func (s *session) resources(ctx context.Context, stack, kind string) ([]string, error) {
	var out []string
	pages := cloudformation.NewListStackResourcesPaginator(s.stacks,
		&cloudformation.ListStackResourcesInput{StackName: &stack})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if hasCode(err, "ValidationError", "does not exist") {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("list the resources of stack %s: %w", stack, err)
		}
		for _, r := range page.StackResourceSummaries {
			if aws.ToString(r.ResourceType) == kind && r.ResourceStatus != cftypes.ResourceStatusDeleteComplete &&
				aws.ToString(r.PhysicalResourceId) != "" {
				out = append(out, *r.PhysicalResourceId)
			}
		}
	}
	return out, nil
}

// emptyBuckets deletes all versions of all objects in a stack's buckets: CloudFormation deletes empty ones only.
func (s *session) emptyBuckets(ctx context.Context, stack string) error {
	buckets, err := s.resources(ctx, stack, "AWS::S3::Bucket")
	if err != nil {
		return err
	}
	for _, b := range buckets {
		if err := s.empty(ctx, b); err != nil && !hasCode(err, "NoSuchBucket", "") {
			return fmt.Errorf("empty the deployment bucket %s: %w", b, err)
		}
	}
	return nil
}

func (s *session) empty(ctx context.Context, bucket string) error {
	pages := s3.NewListObjectVersionsPaginator(s.s3, &s3.ListObjectVersionsInput{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		var all []s3types.ObjectIdentifier
		for _, v := range page.Versions {
			all = append(all, s3types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		for _, v := range page.DeleteMarkers {
			all = append(all, s3types.ObjectIdentifier{Key: v.Key, VersionId: v.VersionId})
		}
		if len(all) == 0 {
			continue
		}
		done, err := s.s3.DeleteObjects(ctx, &s3.DeleteObjectsInput{Bucket: &bucket,
			Delete: &s3types.Delete{Objects: all, Quiet: aws.Bool(true)}})
		if err != nil {
			return err
		}
		for _, e := range done.Errors {
			return fmt.Errorf("object %s: %s: %s", aws.ToString(e.Key), aws.ToString(e.Code), aws.ToString(e.Message))
		}
	}
	return nil
}

// logGroups are those of a unit that are there, of those that are named.
func (s *session) logGroups(ctx context.Context, unit string, named map[string]bool) ([]string, error) {
	if len(named) == 0 {
		return nil, nil
	}
	prefixes := []string{logGroup(unit)}
	if access := accessLogGroup(unit); named[access] {
		prefixes = append(prefixes, access)
	}
	var out []string
	for _, prefix := range prefixes {
		pages := cloudwatchlogs.NewDescribeLogGroupsPaginator(s.logs,
			&cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: &prefix})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, fmt.Errorf("list the log groups of %s: %w", unit, err)
			}
			for _, g := range page.LogGroups {
				if name := aws.ToString(g.LogGroupName); named[name] {
					out = append(out, name)
				}
			}
		}
	}
	slices.Sort(out)
	return out, nil
}

// deleteLogs deletes the log groups that the stack did not take along: Lambda may have written one anew.
func (s *session) deleteLogs(ctx context.Context, unit string, named map[string]bool) error {
	left, err := s.logGroups(ctx, unit, named)
	if err != nil {
		return err
	}
	for _, name := range left {
		_, err := s.logs.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &name})
		if err != nil && !hasCode(err, "ResourceNotFoundException", "") {
			return fmt.Errorf("delete log group %s: %w", name, err)
		}
	}
	return nil
}
