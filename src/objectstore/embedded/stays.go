package embedded

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/vhive-serverless/STeLLAR/src/fail"
	"github.com/vhive-serverless/STeLLAR/src/filelock"
)

// Start starts a store that stays after this process has ended, and writes its address to store.json under the state
// root. If one runs already, Start returns it and started is false. An empty Dir is a folder in the state root, and
// Port 0 is the port of the last start where it is free; Keys are those that the store always has.
func Start(ctx context.Context, root, executable string, o Options) (s State, k Keys, started bool, err error) {
	if err := os.MkdirAll(root, folderMode); err != nil {
		return s, k, false, fail.With(fail.CodeFailed, "object store: %w", err)
	}
	starting, err := filelock.Await(ctx, filepath.Join(root, startLock))
	if err != nil {
		return s, k, false, fail.With(fail.CodeFailed, "object store: another start or stop is in progress: %w", err)
	}
	defer starting.Close()
	running, k, err := Running(root)
	if err != nil || running != nil {
		if running != nil {
			s = *running
		}
		return s, k, false, err
	}
	had, err := recall(root)
	if err != nil {
		return s, k, false, err
	}
	k, o.Keys, o.MD5 = had.Keys, had.Keys, true // other clients may compare ETags with the MD5 of what they sent
	if o.Port == 0 && had.Port != 0 && free(ctx, had.Port) {
		o.Port = had.Port
	}
	if o.Dir == "" {
		o.Dir = filepath.Join(root, dataFolder)
	}
	held, err := hold(o.Dir, filepath.Join(o.Dir, ownerLock))
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return s, k, false, fail.With(fail.CodeFailed, "object store: another store is using folder %s", o.Dir)
	}
	if err != nil {
		return s, k, false, fail.With(fail.CodeFailed, "object store: %w", err)
	}
	defer held.Close() // the store has it then
	s, err = detach(ctx, executable, o, held, filepath.Join(root, logFile))
	if err != nil {
		return s, k, false, err
	}
	return s, k, true, errors.Join(writeJSON(filepath.Join(root, stateFile), s),
		writeJSON(filepath.Join(root, keysFile), kept{Keys: k, Port: portOf(s.URL)}))
}

// portOf is the port of a store's address; 0 where it has none.
func portOf(address string) int {
	u, err := url.Parse(address)
	if err != nil {
		return 0
	}
	port, _ := strconv.Atoi(u.Port()) // 0 where there is none
	return port
}

// detach starts a store with nothing of this process except a log file. It is not waited for, because init becomes its
// parent.
func detach(ctx context.Context, executable string, o Options, held *os.File, log string) (State, error) {
	warnings, err := os.OpenFile(log, os.O_CREATE|os.O_TRUNC|os.O_RDWR, secretMode)
	if err != nil {
		return State{}, fail.With(fail.CodeFailed, "object store: %w", err)
	}
	defer warnings.Close()
	cmd, err := command(executable, o, held)
	if err != nil {
		return State{}, err
	}
	cmd.Stderr = warnings
	s, err := launch(ctx, cmd)
	if err != nil {
		e := fail.With(fail.CodeFailed, "object store: start: %w", err)
		_ = cmd.Wait()
		said, _ := os.ReadFile(log)
		e.Output = string(said)
		return State{}, e
	}
	fail.Go(fail.Report(ctx), func() { _ = cmd.Wait() }) // this process may live on: leave no zombie
	return s, nil
}

// Running finds the store that stays, and its keys; nil if none runs. It runs where its folder is locked.
func Running(root string) (*State, Keys, error) {
	var s State
	found, err := readJSON(filepath.Join(root, stateFile), &s)
	if err != nil || !found {
		return nil, Keys{}, err
	}
	if pid, err := servedBy(s.Dir); err != nil || pid != s.PID {
		return nil, Keys{}, err
	}
	k, err := recall(root)
	return &s, k.Keys, err
}

// servedBy is the process that serves a folder; 0: none does.
func servedBy(dir string) (int, error) {
	path := filepath.Join(dir, ownerLock)
	if absent(path) {
		return 0, nil
	}
	held, err := filelock.Try(path)
	if err == nil {
		return 0, held.Close()
	}
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return 0, fail.With(fail.CodeFailed, "object store: %w", err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, fail.With(fail.CodeFailed, "object store: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 1 {
		return 0, nil // it is starting
	}
	return pid, nil
}

// Stop ends the store that stays and returns when its process has ended; stopped is false if none ran. Its objects are
// still there after the next start, unless objectsToo is set: then its folder is removed, also where no store ran.
func Stop(ctx context.Context, root string, objectsToo bool) (stopped bool, err error) {
	if absent(root) {
		return false, nil
	}
	starting, err := filelock.Await(ctx, filepath.Join(root, startLock))
	if err != nil {
		return false, fail.With(fail.CodeFailed, "object store: another start or stop is in progress: %w", err)
	}
	defer starting.Close()
	s, _, err := Running(root)
	if err != nil {
		return false, err
	}
	if s != nil {
		if err := end(ctx, *s); err != nil {
			return false, err
		}
	}
	if objectsToo {
		if err := removeStaying(root); err != nil {
			return s != nil, err
		}
	}
	if err := remove(filepath.Join(root, stateFile)); err != nil {
		return s != nil, fail.With(fail.CodeLeftBehind, "object store: %w", err)
	}
	return s != nil, nil
}

// end asks a store to end, and kills it if it does not.
func end(ctx context.Context, s State) error {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		// Its folder is still locked by it, so its number is still its own.
		if pid, err := servedBy(s.Dir); err != nil || pid != s.PID {
			return err
		}
		_ = syscall.Kill(s.PID, signal)
		wait, cancel := context.WithTimeout(ctx, endTime)
		held, err := filelock.Await(wait, filepath.Join(s.Dir, ownerLock))
		cancel()
		if err == nil {
			return held.Close()
		}
	}
	return fail.With(fail.CodeLeftBehind, "object store: process %d does not end", s.PID)
}

// removeStaying removes the objects of the store that stays. In a folder that a user has named, there may be other
// files: only what a store makes is removed.
func removeStaying(root string) error {
	dir := filepath.Join(root, dataFolder)
	var s State
	if found, err := readJSON(filepath.Join(root, stateFile), &s); err != nil {
		return err
	} else if found {
		dir = s.Dir
	}
	var errs []error
	for _, name := range []string{DataFolder, AttributesFolder, ownerLock} {
		errs = append(errs, os.RemoveAll(filepath.Join(dir, name)))
	}
	if dir == filepath.Join(root, dataFolder) {
		errs = append(errs, os.RemoveAll(dir))
	}
	if err := errors.Join(errs...); err != nil {
		return fail.With(fail.CodeLeftBehind, "object store: %w", fmt.Errorf("remove its objects: %w", err))
	}
	return nil
}
