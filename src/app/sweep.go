package app

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/experiment"
	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/pipeline"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/provider/vendors"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// sweep removes what carries the tags of a run and has expired: its journal may be lost. What has no tag of ours is not
// touched.
func (a App) sweep(ctx context.Context, c *Cleaned) error {
	errs := []error{a.sweepLocal(ctx, c)}
	for _, row := range vendors.All() {
		if !row.CanDeploy() || row.Standing || row.Local {
			continue
		}
		conn, finder, err := a.openAccount(ctx, row, nil)
		if err != nil {
			c.Unseen = append(c.Unseen, fmt.Sprintf("%s (%s)", row.Name, firstLine(err)))
			continue
		}
		all, err := finder.Tagged(ctx)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: look for what has expired: %w", row.Name, err))
			continue
		}
		errs = append(errs, removeTagged(ctx, conn, row.Name, all, c, func(t provider.Tagged) bool {
			return !t.Expires.IsZero() && time.Now().After(t.Expires) && !c.isLive(t.Run)
		}))
	}
	return errors.Join(errs...)
}

// isLive reports whether the id is that of a live run of this machine, or of a run whose functions a live run uses.
func (c *Cleaned) isLive(id string) bool {
	return slices.ContainsFunc(c.Live, func(dir string) bool { return strings.EqualFold(filepath.Base(dir), id) })
}

// openAccount connects to a provider's account to search it. where is the place that the index of runs names, nil for
// the one that the environment names. The error says what is missing on this machine.
func (a App) openAccount(
	ctx context.Context, row provider.Provider, where map[string]string,
) (provider.Connection, provider.Sweeper, error) {
	exp := &experiment.Experiment{Provider: row.Name}
	r := &run.Run{ID: DraftID, Service: "stellar-" + DraftID, Experiment: exp, Log: a.Log}
	opts := newJob(a, exp).ConnectionOptions(r, row.Name)
	opts.Region, opts.Where = where[provider.DetailRegion], where
	conn, err := row.Open(opts)
	if err != nil {
		return nil, nil, err
	}
	finder, ok := conn.(provider.Sweeper)
	if !ok {
		return nil, nil, errors.New("its tags cannot be searched")
	}
	if c, ok := conn.(provider.Checker); ok {
		if err := c.Ready(ctx).Err(); err != nil {
			return nil, nil, err
		}
	}
	return conn, finder, nil
}

// removeTagged removes the wanted units one by one.
func removeTagged(
	ctx context.Context, conn provider.Connection, kind string, all []provider.Tagged, c *Cleaned,
	wanted func(provider.Tagged) bool,
) error {
	var errs []error
	for _, t := range all {
		if t.Run == "" || !wanted(t) {
			continue
		}
		name := fmt.Sprintf("%s %s", kind, t.Unit.Name)
		if err := conn.RemoveFunctions(ctx, []provider.Unit{t.Unit}); err != nil {
			errs = append(errs, fail.With(fail.CodeLeftBehind, "%s%s: %w", name, ofRun(t.Run, t.Owner), err))
			continue
		}
		if c != nil {
			c.Removed = append(c.Removed, name+ofRun(t.Run, t.Owner))
		}
	}
	return errors.Join(errs...)
}

// ofRun says which run something is of, and who ran it where, as its tags have it.
func ofRun(id, owner string) string {
	if owner == "" {
		return fmt.Sprintf(" of run %s", id)
	}
	return fmt.Sprintf(" of run %s, by %s", id, owner)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}

// sweepLocal removes services of the local platform.
func (a App) sweepLocal(ctx context.Context, c *Cleaned) error {
	client, err := a.RunningPlatform(ctx)
	if err != nil || client == nil {
		return err
	}
	services, err := client.Services(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range services {
		until, err := time.Parse(time.RFC3339, s.Tags["stellar-expires"])
		if s.Tags["stellar-run"] == "" || err != nil || time.Now().Before(until) || c.isLive(s.Tags["stellar-run"]) {
			continue
		}
		if err := pipeline.DeleteService(ctx, client, s.Service); err != nil {
			errs = append(errs, fail.With(fail.CodeLeftBehind, "service %s: %w", s.Service, err))
			continue
		}
		c.Removed = append(c.Removed, "service "+s.Service+ofRun(s.Tags["stellar-run"], s.Tags["stellar-owner"]))
	}
	return errors.Join(errs...)
}
