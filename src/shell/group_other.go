//go:build !linux && !darwin

package shell

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"time"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

func setGroup(*exec.Cmd) {}

func setSession(*exec.Cmd) {}

// startAndWait runs the command to its end. On systems without process groups, only the program itself is ended.
func startAndWait(ctx context.Context, cmd *exec.Cmd, out *capture, _ time.Duration) (stopped bool, err error) {
	if err := cmd.Start(); err != nil {
		out.close()
		return false, err
	}
	out.begin()
	done := make(chan error, 2)
	fail.Go(func(err error) { done <- err }, func() { done <- cmd.Wait() })
	select {
	case err = <-done:
	case <-ctx.Done():
		stopped = true
		_ = cmd.Process.Kill()
		err = <-done
	}
	return stopped, errors.Join(err, out.finish(drain))
}

func signalOf(*os.ProcessState) string { return "" }
