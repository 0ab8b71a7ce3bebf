package local

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"syscall"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/filelock"
	"github.com/vhive-serverless/STeLLAR/src/local/sandbox"
)

// Detach starts a platform that continues after this process ends (`stellar local start`) and writes its address to
// platform.json under the state root. If one runs already, Detach returns it and started is false.
func Detach(ctx context.Context, o SpawnOptions) (s State, started bool, err error) {
	if !filepath.IsAbs(o.Root) {
		return s, false, fail.Input("local platform: state root %q is not an absolute path", o.Root)
	}
	if o, err = o.complete(); err != nil {
		return s, false, err
	}
	if err := os.MkdirAll(o.Root, 0o700); err != nil {
		return s, false, fail.With(fail.CodeFailed, "local platform: %w", err)
	}
	lock, err := filelock.Await(ctx, filepath.Join(o.Root, startLock))
	if err != nil {
		return s, false, fail.With(fail.CodeFailed, "local platform: %w",
			err).WithHint("another start or stop is in progress")
	}
	defer lock.Close()
	running, err := Running(ctx, o.Root)
	if err != nil {
		return s, false, err
	}
	if running != nil {
		return *running, false, nil
	}
	if _, err := Sweep(o.Root); err != nil {
		return s, false, err
	}
	cmd, secret, err := o.command("--state", filepath.Join(o.Root, stateFile))
	if err != nil {
		return State{}, false, fail.With(fail.CodeFailed, "local platform: %w", err)
	}
	defer secret.Close()
	alive, err := markAlive(o.Dir)
	if err != nil {
		return State{}, false, fail.With(fail.CodeFailed, "local platform: %w", err)
	}
	defer alive.Close() // the child has it then
	cmd.ExtraFiles = append(cmd.ExtraFiles, alive)
	s, output, err := launchDetached(ctx, cmd, filepath.Join(o.Root, "platform.log"))
	if err != nil {
		return State{}, false, errors.Join(startFailed(err, output, o.Dir), dropAlive(o.Dir))
	}
	s.Token = o.Token
	return s, true, nil
}

// Running finds the platform that stays; nil if none runs. A state file whose platform does not answer is stale.
func Running(ctx context.Context, root string) (*State, error) {
	s, err := readState(filepath.Join(root, stateFile))
	if err != nil || s == nil {
		return nil, err
	}
	status, err := s.Client().Status(ctx)
	if err == nil && status.PID == s.PID {
		return s, nil
	}
	if ctx.Err() != nil {
		return nil, fail.With(fail.CodeFailed, "local platform: %w", ctx.Err())
	}
	return nil, nil
}

// Stop ends the platform that stays and returns when it and its folder are gone; stopped is false if none ran. It also
// removes what a killed one left.
func Stop(ctx context.Context, root string) (stopped bool, err error) {
	if absent(root) {
		return false, nil
	}
	lock, err := filelock.Await(ctx, filepath.Join(root, startLock))
	if err != nil {
		return false, fail.With(fail.CodeFailed, "local platform: %w", err).
			WithHint("another start or stop is in progress")
	}
	defer lock.Close()
	s, err := Running(ctx, root)
	if err != nil {
		return false, err
	}
	if s != nil {
		if err := s.Client().Stop(ctx); err != nil {
			return false, err
		}
		if err := awaitEnd(ctx, s); err != nil {
			return false, err
		}
		if err := RemoveDead(ctx, s.Dir); err != nil { // the watcher ends after the platform
			return true, err
		}
	}
	if err := os.Remove(filepath.Join(root, stateFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return s != nil, fail.With(fail.CodeLeftBehind, "local platform: %w", err)
	}
	_, err = Sweep(root)
	return s != nil, err
}

// awaitEnd waits for the end of a platform that was asked to stop. A platform that does not end is killed, and its
// watcher cleans up.
func awaitEnd(ctx context.Context, s *State) error {
	gone := func() bool { return absent(s.Dir) && errors.Is(syscall.Kill(s.PID, 0), syscall.ESRCH) }
	for range 2 {
		wait, cancel := context.WithTimeout(ctx, closeTime+closeTime/2)
		ok := sandbox.WaitUntil(wait, closeTime/500, gone)
		cancel()
		if ok {
			return nil
		}
		if !absent(filepath.Join(s.Dir, ownerLock)) { // still its folder, so its number is still its own
			_ = syscall.Kill(s.PID, syscall.SIGKILL)
		}
	}
	if err := endLeft(ctx, s.Dir); err != nil {
		return err
	}
	if gone() {
		return nil
	}
	return fail.With(fail.CodeLeftBehind, "local platform: process %d or folder %s is still there", s.PID, s.Dir)
}
