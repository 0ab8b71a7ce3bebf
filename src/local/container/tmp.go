package container

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/client"
)

// EmptyTmp removes what is in the folder dir that is a container's /tmp. The container's user owns it, so that an
// ordinary user of this machine may not remove a folder in it: the Engine, which may, puts a file in each one's place,
// which the owner of the folder around it may remove. remove removes a file or a tree with this user's own rights.
func EmptyTmp(ctx context.Context, c *client.Client, id, dir string, remove func(string) error) error {
	if dir == "" {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrPermission) {
		_ = os.Chmod(dir, 0o700) // the function may have changed it where it runs as this user
		entries, err = os.ReadDir(dir)
	}
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	var files bytes.Buffer
	archive := tar.NewWriter(&files)
	var left []string
	for _, e := range entries {
		if remove(filepath.Join(dir, e.Name())) == nil {
			continue
		}
		left = append(left, filepath.Join(dir, e.Name()))
		if err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: e.Name(), Mode: 0o600}); err != nil {
			return err
		}
	}
	if len(left) == 0 {
		return nil
	}
	if err := archive.Close(); err != nil {
		return err
	}
	into := container.CopyToContainerOptions{AllowOverwriteDirWithFile: true}
	if err := c.CopyToContainer(ctx, id, "/tmp", &files, into); err != nil {
		return err
	}
	var errs []error
	for _, path := range left {
		errs = append(errs, os.Remove(path))
	}
	return errors.Join(errs...)
}

// TmpOf is the folder of this machine that is /tmp in a container.
func TmpOf(mounts []container.MountPoint) string {
	for _, m := range mounts {
		if m.Destination == "/tmp" {
			return m.Source
		}
	}
	return ""
}
