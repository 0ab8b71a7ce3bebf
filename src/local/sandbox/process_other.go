//go:build !linux

package sandbox

import (
	"os"
	"syscall"
)

// dieWithParent does nothing here: without a parent-death signal it is the watcher that ends instances.
func dieWithParent(*syscall.SysProcAttr) {}

func onMainThread() bool { return false }

// await waits for the process to end and ends what it left in its group.
func (p *Process) await(proc *os.Process) *os.ProcessState {
	state, _ := proc.Wait()
	p.Kill()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reaped = true
	return state
}
