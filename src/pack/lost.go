package pack

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"

	"github.com/vhive-serverless/STeLLAR/src/dockerengine"
	"github.com/vhive-serverless/STeLLAR/src/run"
	"github.com/vhive-serverless/STeLLAR/src/shell"
)

// RemoveLost removes the images of a run whose journal is lost: from the Engine those with its label, and from
// registries those that the Engine's tags name. If no Engine answers, there is no source of names: looked is then
// false, which is no error, because most machines without images have no Engine.
func RemoveLost(ctx context.Context, getenv func(string) string, runner shell.Runner, id string) (looked bool,
	err error) {
	c, err := dockerengine.Open(ctx, getenv)
	if err != nil {
		return false, ctx.Err()
	}
	defer c.Close()
	found, err := c.ImageList(ctx, image.ListOptions{All: true,
		Filters: filters.NewArgs(filters.Arg("label", dockerengine.LabelRun+"="+id))})
	if err != nil {
		return true, err
	}
	containers, err := c.ContainerList(ctx, container.ListOptions{All: true,
		Filters: filters.NewArgs(filters.Arg("name", "^/?"+containersOf(id)))})
	if err != nil {
		return true, err
	}
	var errs []error
	for _, one := range containers {
		res := run.Resource{Kind: KindContainer, Name: one.ID}
		errs = append(errs, RemoveContainer(ctx, getenv, res, true))
	}
	for _, one := range found {
		for _, name := range one.RepoTags {
			repository, tag, ok := cutTag(name)
			if !ok || !strings.HasPrefix(tag, strings.ToLower(id)+"-") {
				continue // another user's or tool's name for it
			}
			if strings.Contains(repository, "/") {
				attrs := map[string]string{attrRepository: repository, attrTag: tag,
					attrPlain: strconv.FormatBool(plainHTTP(ctx, c, dockerengine.Host(repository)))}
				if err := RemovePushed(ctx, getenv, runner,
					run.Resource{Kind: KindPushed, Name: name, Attrs: attrs}); err != nil {
					errs = append(errs, err)
					continue // the Engine's tag leads to it
				}
			}
			res := run.Resource{Kind: KindImage, Name: name, Attrs: map[string]string{attrRun: id}}
			errs = append(errs, RemoveImage(ctx, getenv, res, false))
		}
	}
	return true, errors.Join(errs...)
}
