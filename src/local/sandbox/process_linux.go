package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"unsafe"
)

// dieWithParent has the kernel kill the process when the thread that forks it ends, however it ends.
func dieWithParent(sys *syscall.SysProcAttr) { sys.Pdeathsig = syscall.SIGKILL }

func onMainThread() bool { return syscall.Gettid() == syscall.Getpid() }

// awaitExit waits for the process to end and leaves it unreaped, so that its number stays taken.
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

// peakOf gives the most memory that the process had resident, in bytes, 0 where the kernel does not tell.
func peakOf(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := bytes.Cut(status, []byte("\nVmHWM:"))
	line, _, _ := bytes.Cut(rest, []byte(" kB"))
	kB, _ := strconv.ParseInt(string(bytes.TrimSpace(line)), 10, 64)
	return kB << 10
}

// await waits for the process to end, ends what it left in its group, and reaps it last: until then the group's number
// cannot be another's.
func (p *Process) await(proc *os.Process) *os.ProcessState {
	awaitExit(proc.Pid)
	p.Kill()
	p.mu.Lock()
	defer p.mu.Unlock()
	state, _ := proc.Wait()
	p.reaped = true
	return state
}
