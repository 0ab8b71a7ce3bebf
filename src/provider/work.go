package provider

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// Patience is how long a vendor's CLI may take, and how often it is asked again.
type Patience struct {
	Command  time.Duration // one command; default 20 minutes
	Attempts int           // of a command that the vendor throttles; default 4
	Wait     time.Duration // before the second attempt, doubled for each further one; default 5 s
	// until what was not there is looked for once more, where its creation was never confirmed; default 5 s
	Settle   time.Duration
	Parallel int           // commands at once; default 8
	Ask      time.Duration // one question about what is there, before anything is done; default 1 minute
	Reports  time.Duration // for reports of requests that cannot be read yet; default 3 minutes
}

// WithDefaults gives every option that is needed and not set its default.
func (o Options) WithDefaults() Options {
	p := &o.Patience
	p.Command = cmp.Or(p.Command, 20*time.Minute)
	p.Attempts = cmp.Or(p.Attempts, 4)
	p.Wait = cmp.Or(p.Wait, 5*time.Second)
	p.Settle = cmp.Or(p.Settle, 5*time.Second)
	p.Parallel = cmp.Or(p.Parallel, 8)
	p.Ask = cmp.Or(p.Ask, VersionTimeout)
	if o.Runner == nil {
		o.Runner = shell.Run
	}
	if o.LookPath == nil {
		o.LookPath = func(name string) (string, error) { return shell.LookPath(name) }
	}
	if o.Getenv == nil {
		o.Getenv = func(string) string { return "" }
	}
	return o
}

// throttled are the words with which vendors say that they were asked too often. CloudFormation and Lambda: Rate
// exceeded, Throttling, TooManyRequestsException; Google: RESOURCE_EXHAUSTED, Quota exceeded for quota metric … per
// minute, HTTP 429; Azure: TooManyRequests; Alibaba: Throttling.User; Cloudflare: code 971 and 10429, "rate limit".
var throttled = regexp.MustCompile(`(?i)rate exceeded|throttl|too ?many ?requests|RESOURCE_EXHAUSTED|` +
	`quota exceeded for quota metric|` +
	`(?:status|error|code|http)[^0-9\n]{0,12}429\b|rate.?limit|\bcode: (?:971|10429)\b`)

// Throttled reports whether a command's output says that the vendor was asked too often: it may be asked again.
func Throttled(res shell.Result) bool {
	return throttled.MatchString(res.Stderr) || throttled.MatchString(res.Stdout)
}

// RunCommand runs a vendor's command: with a timeout, and again where the vendor throttles. Nothing else is tried
// again: partial deployments are removed, never retried.
func (o Options) RunCommand(ctx context.Context, c shell.Command) (shell.Result, error) {
	c.Timeout = cmp.Or(c.Timeout, o.Patience.Command)
	c.Retry = shell.Retry{Attempts: o.Patience.Attempts, Wait: o.Patience.Wait, If: Throttled}
	c.Env = append([]string{"CI=1", "NO_COLOR=1"}, c.Env...)
	if c.Line == nil && o.Log != nil {
		name := c.Name
		c.Line = func(line string) { o.Log.Debugf("%s: %s", name, line) }
	}
	return o.Runner(ctx, c)
}

// ForEach works on all of a list, some at once. After a failure no further one is begun, and those that are under way
// come to their end: what a command was stopped in the middle of is harder to remove. All errors are told.
func ForEach[T any](ctx context.Context, parallel int, list []T, work func(context.Context, T) error) error {
	var g errgroup.Group
	g.SetLimit(parallel)
	var mu sync.Mutex
	var all []error
	failed := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return len(all) > 0
	}
	for _, one := range list {
		if failed() || ctx.Err() != nil {
			break
		}
		g.Go(fail.Trying(func() error {
			if failed() || ctx.Err() != nil { // while it waited for its turn
				return nil
			}
			if err := work(ctx, one); err != nil {
				mu.Lock()
				defer mu.Unlock()
				all = append(all, err)
			}
			return nil
		}))
	}
	if err := g.Wait(); err != nil { // a defect; the other errors are in all
		all = append(all, err)
	}
	if err := ctx.Err(); err != nil && len(all) == 0 {
		return err
	}
	return Join(all)
}

// Join is errors.Join that keeps what the first one says of output and hint.
func Join(all []error) error {
	if len(all) < 2 {
		return errors.Join(all...)
	}
	err := fail.With(fail.Code(all[0]), "%w", errors.Join(all...)).WithHint("%s", fail.Hint(all[0]))
	var first *fail.Error
	if errors.As(all[0], &first) {
		err.Output = first.Output
	}
	return err
}

// VerifyAbsent makes sure that something is absent: exists says whether it still is there. Where its creation was never
// confirmed it is looked for once more after a while, because a command that was cut off may still be at work in the
// cloud.
func (o Options) VerifyAbsent(ctx context.Context, what string, confirmed bool,
	exists func(context.Context) (bool, error)) error {
	for look := range 2 {
		is, err := exists(ctx)
		if err != nil {
			return fmt.Errorf("ask whether %s is gone: %w", what, err)
		}
		if is {
			return fmt.Errorf("%s is still there", what)
		}
		if confirmed || look > 0 {
			return nil
		}
		if err := Pause(ctx, o.Patience.Settle); err != nil {
			return err
		}
	}
	return nil
}

// Pause waits for a while; the error is that of the context where it ends sooner.
func Pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// OutputError is an error about what a tool printed; it carries the text.
func OutputError(text, format string, args ...any) error {
	return &fail.Error{Code: fail.CodeFailed, Output: text, Err: fmt.Errorf(format, args...)}
}

// UnitFolder is the folder of a unit that is to be deployed, absolute.
func (o Options) UnitFolder(u Unit) string {
	return filepath.Join(o.ServiceDir, filepath.FromSlash(u.Dir))
}

// DeployEach deploys units of one function each, some at once, and gives their endpoints in the units' order. What is
// known of a function's package is filled in. label names a unit in an error.
func (o Options) DeployEach(ctx context.Context, units []Unit, label func(Unit) string,
	deploy func(context.Context, Unit) (Endpoint, error)) ([]Endpoint, error) {
	out := make([]Endpoint, len(units))
	numbers := make([]int, len(units))
	for i := range numbers {
		numbers[i] = i
	}
	err := ForEach(ctx, o.Patience.Parallel, numbers, func(ctx context.Context, i int) error {
		e, err := deploy(ctx, units[i])
		if err != nil {
			return fmt.Errorf("deploy %s: %w", label(units[i]), err)
		}
		out[i] = Describe(e, units[i].Functions[0])
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Describe fills in what is known of the function behind an endpoint: its name, memory and package.
func Describe(e Endpoint, f *Function) Endpoint {
	e.Function, e.MemoryMB, e.PackageType = f.Name, f.MemoryMB, f.PackageType
	if f.Package != nil {
		e.ImageSizeMB = f.Package.Bytes.MiB()
	}
	return e
}
