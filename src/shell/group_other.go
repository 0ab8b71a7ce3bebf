//go:build !unix

package shell

import (
	"context"
	"os"
	"os/exec"
	"time"
)

func setGroup(*exec.Cmd) {}

// startAndWait runs the command to its end; where there are no process groups only the program itself is ended.
func startAndWait(ctx context.Context, cmd *exec.Cmd, _ time.Duration) (stopped bool, err error) {
	if err := cmd.Start(); err != nil {
		return false, err
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	select {
	case err := <-done:
		return false, err
	case <-ctx.Done():
		_ = cmd.Process.Kill()
		return true, <-done
	}
}

func signalOf(*os.ProcessState) string { return "" }
