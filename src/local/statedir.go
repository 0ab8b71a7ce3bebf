package local

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/filelock"
	"github.com/vhive-serverless/STeLLAR/src/local/client"
	"github.com/vhive-serverless/STeLLAR/src/local/container"
	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
	"github.com/vhive-serverless/STeLLAR/src/local/sigv4"
)

const (
	stateFile  = "platform.json" // of the platform that stays, in the state root
	startLock  = "lock"          // in the state root: one start or stop at a time
	ownerLock  = "owner"         // in a platform's folder: locked while the platform lives, holds its id
	dirPrefix  = "platform-"     // of every platform's folder in the state root
	graceToOwn = time.Minute     // a folder younger than this may not have its lock yet
)

// State is what a platform that stays writes for those who look for it.
type State struct {
	URL     string `json:"url"`
	Token   string `json:"token"`
	Gateway string `json:"gateway"`
	PID     int    `json:"pid"`
	Dir     string `json:"dir"`
}

// Client gives a client of the platform.
func (s State) Client() *client.Client { return client.New(s.URL, s.Token) }

// Keys are what requests to the platform's Lambda API are signed with.
func (s State) Keys() sigv4.Keys { return sigv4.Derive(s.Token) }

// own marks a platform's folder as in use and writes its id, for Sweep.
func own(dir, id string) (*os.File, error) {
	f, err := filelock.Try(filepath.Join(dir, ownerLock))
	if err != nil {
		return nil, err
	}
	if _, err := f.WriteString(id); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Sweep removes the folders and control groups of platforms under root that ended without removing them and without a
// watcher (a power cut), and returns their number. Live platforms are not touched.
func Sweep(root string) (removed int, err error) {
	entries, err := os.ReadDir(root)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fail.With(fail.CodeFailed, "local platform: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), dirPrefix) {
			continue
		}
		if strings.HasSuffix(e.Name(), aliveSuffix) {
			errs = append(errs, sweepAlive(filepath.Join(root, e.Name())))
			continue
		}
		if !e.IsDir() {
			continue
		}
		gone, err := sweepOne(filepath.Join(root, e.Name()), graceToOwn)
		if gone {
			removed++
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return removed, fail.With(fail.CodeLeftBehind, "local platform: remove the files of an ended platform: %w", err)
	}
	return removed, nil
}

// sweepOne removes what the platform of a folder has left, unless it lives. grace is for how long a folder without a
// lock may belong to one that is starting.
func sweepOne(dir string, grace time.Duration) (gone bool, err error) {
	info, err := os.Stat(dir)
	if err != nil {
		return false, nil // its platform has just removed it
	}
	path := filepath.Join(dir, ownerLock)
	if _, err := os.Stat(path); err != nil && time.Since(info.ModTime()) < grace {
		return false, nil
	}
	lock, err := filelock.Try(path)
	if errors.Is(err, syscall.EWOULDBLOCK) || errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer lock.Close()
	id, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	if len(id) == 0 && time.Since(info.ModTime()) < grace {
		return false, nil // its platform is about to lock it
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTime)
	defer cancel()
	var groups error
	if left := sandbox.EndStrays(ctx, strayMarker(dir)); len(left) > 0 {
		groups = fmt.Errorf("processes %v do not end", left)
	}
	if strings.HasPrefix(string(id), "stellar-local-") && !strings.Contains(string(id), "/") {
		groups = errors.Join(groups, sandbox.RemoveGroups(string(id)))
	}
	if !absent(filepath.Join(dir, containersMark)) {
		if _, err := container.RemoveAll(ctx, containerOptions(dir, os.Getenv)); err != nil {
			return false, errors.Join(groups, err)
		}
	}
	err = errors.Join(groups, sandbox.RemoveTree(dir))
	return err == nil, err
}

// writeState writes the state file so that a reader sees all of it or nothing.
func writeState(path string, s State) error {
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	tmp := fmt.Sprintf("%s.%d", path, os.Getpid())
	if err := os.WriteFile(tmp, append(text, '\n'), 0o600); err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(err, os.Remove(tmp))
	}
	return nil
}

// readState reads the state file; nil if there is none.
func readState(path string) (*State, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fail.With(fail.CodeFailed, "local platform: %w", err)
	}
	var s State
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fail.With(fail.CodeFailed, "local platform: %s: %w", path,
			err).WithHint("remove the file and start the platform again")
	}
	return &s, nil
}

// dropState removes the state file if it is the one of that platform.
func dropState(path string, dir string) error {
	if path == "" {
		return nil
	}
	s, err := readState(path)
	if err != nil || s == nil || s.Dir != dir {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
