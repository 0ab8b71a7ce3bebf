package container

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

// A container is created under a name that is written into a folder before, as an intent. The Engine finishes what it
// was asked for after the platform was killed, too: whoever removes what the platform has left waits for these names.

const (
	lateTime   = 7 * time.Second // how long after the platform's end a container that was asked for may appear
	cancelTime = 2 * time.Second // the same after a call that was cancelled
	askTime    = 100 * time.Millisecond
)

// create creates a container, with an intent for as long as it is not known whether there is one.
func (e *Engine) create(ctx context.Context, config *container.Config, host *container.HostConfig) (string, error) {
	random := make([]byte, 8)
	_, _ = rand.Read(random) // never fails (crypto/rand)
	name := "stellar-" + hex.EncodeToString(random)
	intent := filepath.Join(e.opts.Intents, name)
	if err := os.WriteFile(intent, nil, 0o600); err != nil {
		return "", fmt.Errorf("note a container before it is created: %w", err)
	}
	made, err := e.client.ContainerCreate(ctx, config, host, nil, nil, name)
	if err != nil && ctx.Err() != nil {
		clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
		defer cancel()
		if err := removeLate(clean, e.client, []string{name}, cancelTime, e.opts.RemoveTree); err != nil {
			return "", err // the intent stays
		}
	}
	_ = os.Remove(intent) // it says of a container that is known, and removed with the others, that it may exist
	return made.ID, err
}

// intents are the names of containers that may appear in the Engine.
func intents(folder string) (names []string) {
	entries, _ := os.ReadDir(folder) // without a folder nothing was asked for
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// removeLate removes containers by name as they appear, for at most that long. One that does not appear was not made.
func removeLate(ctx context.Context, c *client.Client, names []string, wait time.Duration,
	removeTree func(string) error) error {
	for end := time.Now().Add(wait); len(names) > 0; {
		var missing []string
		for _, name := range names {
			info, err := c.ContainerInspect(ctx, name)
			switch {
			case err == nil:
				_ = c.ContainerKill(ctx, info.ID, "KILL") // one that has ended is what is wanted
				if err := remove(ctx, c, info.ID, TmpOf(info.Mounts), removeTree); err != nil {
					return fmt.Errorf("remove container %s: %w", name, err)
				}
			case isDeleted(err):
				missing = append(missing, name)
			default:
				return fmt.Errorf("look for container %s: %w", name, err)
			}
		}
		if names = missing; len(names) == 0 || !time.Now().Before(end) {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(askTime):
		}
	}
	return nil
}
