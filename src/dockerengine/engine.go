// Package dockerengine finds the Docker Engine and connects to it. Its users are pack and local.
package dockerengine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/docker/docker/api/types"
	"github.com/docker/docker/client"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Labels of everything that stellar creates in an Engine.
const (
	LabelRun      = "stellar-run"      // id of the run
	LabelPlatform = "stellar-platform" // state folder of the local platform that started a container
)

const (
	answerTimeout = 5 * time.Second
	hint          = "start the Docker Engine (`sudo systemctl start docker`, or `sudo dockerd` by hand, or Docker " +
		"Desktop), " +
		"or do not use PackageType Image"
)

// Open connects to the Engine that DOCKER_HOST, the current Docker context, or the usual socket names, uses the highest
// API version that both sides support, and checks that it answers. getenv is the environment; the caller closes the
// client. The error (exit code 2) says at which address no Engine answered, or why the address cannot be used, and what
// to do.
func Open(ctx context.Context, getenv func(string) string) (*client.Client, error) {
	at, err := find(getenv)
	if err != nil {
		return nil, err
	}
	opts, err := at.options()
	if err != nil {
		return nil, err
	}
	c, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return nil, fail.Input("no Docker Engine: %w", err).WithHint(hint)
	}
	pingCtx, cancel := context.WithTimeout(ctx, answerTimeout)
	defer cancel()
	ping, err := c.Ping(pingCtx)
	if err != nil {
		_ = c.Close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fail.Input("no Docker Engine answers at %s%s: %w", shown(c.DaemonHost()), at.because(), err).
			WithHint(hint)
	}
	if err := linux(ping); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func linux(ping types.Ping) error {
	if ping.OSType != "" && ping.OSType != "linux" {
		return fail.Input("the Docker Engine runs %s containers; Linux containers are needed", ping.OSType).
			WithHint(hint)
	}
	return nil
}

// because says in brackets what names the address.
func (a address) because() string {
	if a.source == "" {
		return ""
	}
	return " (" + a.source + ")"
}

// ConfigDir is the folder of the Docker CLI's configuration.
func ConfigDir(getenv func(string) string) string {
	if dir := getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	return filepath.Join(getenv("HOME"), ".docker")
}

func readJSON(name string, into any) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
