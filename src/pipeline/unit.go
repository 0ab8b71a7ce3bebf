package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/provider"
	"github.com/vhive-serverless/STeLLAR/src/run"
)

// removeUnit runs `serverless remove`, or the CLI that the provider has instead. A local service whose platform has
// ended has ended with it.
func (j *Job) removeUnit(ctx context.Context, r *run.Run, res run.Resource) error {
	here := onThisMachine(res.Attrs["provider"])
	if here {
		ended, err := j.platform.reach(ctx, res)
		if ended || err != nil {
			return err
		}
		yml := filepath.Join(res.Attrs[provider.DetailDir], provider.YMLName)
		if _, err := os.Stat(yml); errors.Is(err, fs.ErrNotExist) { // deleted by hand: the platform knows the name
			return DeleteService(ctx, j.platform.client, res.Name)
		}
	}
	conn, err := j.connectUnit(r, res)
	if err != nil {
		return err
	}
	err = conn.RemoveFunctions(ctx, []provider.Unit{provider.UnitOf(res.Attrs, confirmed(r, res))})
	if !here {
		return err
	}
	if err != nil { // the CLI needs a disk with free space, the platform does not
		if derr := DeleteService(ctx, j.platform.client, res.Name); derr != nil {
			return errors.Join(err, derr)
		}
		r.Log.Warnf("the local platform has deleted service %s, as serverless remove failed: %v", res.Name, err)
	}
	return j.platform.verifyAbsent(ctx, res.Name)
}

// DeleteService asks the local platform to remove a service. That it is not there is success.
func DeleteService(ctx context.Context, c *client.Client, name string) error {
	err := c.Delete(ctx, name)
	var status *client.StatusError
	if errors.As(err, &status) && status.Status == http.StatusNotFound {
		return nil
	}
	return err
}

// reach connects to the platform that a local service is on. ended says that there is none any more: the service has
// ended with it. A run's own platform is removed next, and that removal verifies it.
func (p *localPlatform) reach(ctx context.Context, res run.Resource) (ended bool, err error) {
	if p.client != nil && p.client.URL == res.Attrs["url"] {
		if _, err := p.client.Status(ctx); err == nil {
			return false, nil
		}
	}
	stays, err := p.config.RunningPlatform(ctx)
	if err != nil {
		return false, err
	}
	if stays != nil && stays.URL == res.Attrs["url"] {
		p.client = stays
		return false, nil
	}
	return true, nil
}

func (p *localPlatform) verifyAbsent(ctx context.Context, service string) error {
	all, err := p.client.Services(ctx)
	if err != nil {
		return fmt.Errorf("ask the platform whether the service is gone: %w", err)
	}
	for _, s := range all {
		if s.Service == service {
			return fmt.Errorf("the platform still has service %s", service)
		}
	}
	return nil
}
