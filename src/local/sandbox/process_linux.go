package sandbox

import (
	"os"
	"syscall"
	"unsafe"
)

// dieWithParent makes the kernel kill the process when the thread that forks it ends, however it ends.
func dieWithParent(sys *syscall.SysProcAttr) { sys.Pdeathsig = syscall.SIGKILL }

func onMainThread() bool { return syscall.Gettid() == syscall.Getpid() }

// awaitExit waits for the process to end and does not reap it, so that its number stays in use.
func awaitExit(pid int) {
	const (
		byPID  = 1          // P_PID
		exited = 0x4        // WEXITED
		leave  = 0x01000000 // WNOWAIT
	)
	var info [128]byte // siginfo_t
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, byPID, uintptr(pid), uintptr(unsafe.Pointer(&info)),
			exited|leave, 0, 0)
		if errno != syscall.EINTR {
			return
		}
	}
}

// await waits for the process to end, ends what it left in its group, and reaps it last: until then, no other process
// can get the group's number.
func (p *Process) await(proc *os.Process) *os.ProcessState {
	awaitExit(proc.Pid)
	p.Kill()
	p.mu.Lock()
	defer p.mu.Unlock()
	state, _ := proc.Wait()
	p.reaped = true
	return state
}
