package shell

import (
	"context"
	"fmt"
	"os/exec"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// runStaying starts a program that stays, and waits until it ends, Timeout is over, or ctx ends. Only an end in this
// time can be a failure. Of its streams it has none: their other ends would close with this process.
func runStaying(ctx context.Context, c Command, path string, env []string) (res Result, err error) {
	res.ExitCode, res.Attempts = -1, 1
	cmd := &exec.Cmd{Path: path, Args: append([]string{c.Name}, c.Args...), Dir: c.Dir, Env: env}
	setSession(cmd)
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return res, err
	}
	ended := make(chan error, 2)
	fail.Go(func(err error) { ended <- err }, func() { ended <- cmd.Wait() })
	timer := time.NewTimer(c.Timeout)
	defer timer.Stop()
	select {
	case err = <-ended:
	case <-timer.C:
		return res, nil
	case <-ctx.Done():
		return res, fmt.Errorf("stopped: %w", ctx.Err())
	}
	res.Took = time.Since(start)
	if cmd.ProcessState == nil || fail.DefectIn(err) != nil {
		return res, err
	}
	if res.ExitCode = cmd.ProcessState.ExitCode(); res.ExitCode != 0 {
		return res, &ExitError{Code: res.ExitCode, Signal: signalOf(cmd.ProcessState), After: res.Took}
	}
	return res, nil
}
