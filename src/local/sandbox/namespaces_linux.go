package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/vhive-serverless/STeLLAR/src/fail"
)

// Levels returns the levels to try, best first.
func Levels() []Level { return []Level{LevelFull, LevelMounts, LevelNone} }

// Attributes make a platform of that level: it dies with the thread that starts it, and is out of reach of a signal to
// the watcher's process group. Without the capability, it is a user namespace that allows the others; there the user
// keeps its number.
func (l Level) Attributes() *syscall.SysProcAttr {
	sys := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	switch l {
	case LevelFull:
		sys.Cloneflags = unix.CLONE_NEWNS | unix.CLONE_NEWPID
	case LevelMounts:
		sys.Cloneflags = unix.CLONE_NEWNS
	default:
		return sys
	}
	if !mayAdministrate() {
		sys.Cloneflags |= unix.CLONE_NEWUSER
		sys.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Geteuid(), HostID: os.Geteuid(), Size: 1}}
		sys.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getegid(), HostID: os.Getegid(), Size: 1}}
		sys.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN}
	}
	return sys
}

// mayAdministrate reports whether this process may make namespaces without a user namespace.
func mayAdministrate() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	return unix.Capget(&header, &data[0]) == nil && data[0].Effective&(1<<unix.CAP_SYS_ADMIN) != 0
}

// Enter prepares the namespaces in which this process was started, and tries what instances need of them.
func (l Level) Enter() error {
	if l == LevelNone {
		return nil
	}
	// What is mounted here stays here; what is mounted on the machine later shows here too.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("mounts: %w", err)
	}
	if l == LevelFull {
		if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
			return fmt.Errorf("mount /proc: %w", err)
		}
	}
	return TryPrivateMounts()
}

// TryPrivateMounts reports whether instances can have mounts of their own. It is tried on a thread that then ends.
func TryPrivateMounts() error {
	tried := make(chan error, 1)
	fail.Go(func(err error) { tried <- err }, func() {
		runtime.LockOSThread()
		if onMainThread() { // it cannot end, so it is passed over
			tried <- TryPrivateMounts()
			runtime.UnlockOSThread()
			return
		}
		err := leaveMounts()
		if err == nil {
			err = bindMount(PrivateTmp, PrivateTmp, true)
		}
		tried <- err
	})
	return <-tried
}

// leaveMounts gives the calling thread, and its children, a mount namespace of its own.
func leaveMounts() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("mounts: %w", err)
	}
	return nil
}

// dropPrivileges takes from what the calling thread starts the capabilities of root, except to reach files whatever
// their mode: so a function of root's cannot undo its mounts or read the memory and the environment of the platform,
// which has them. Nothing on the way may give them back.
func dropPrivileges() {
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		if c != unix.CAP_DAC_OVERRIDE {
			_ = unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0) // an ordinary user has none, and may not
		}
	}
	_ = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
	_ = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
}

// bindMount shows source at target.
func bindMount(source, target string, readOnly bool) error {
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s: %w", target, err)
	}
	if !readOnly {
		return nil
	}
	var at unix.Statfs_t
	if err := unix.Statfs(target, &at); err != nil {
		return fmt.Errorf("mount %s: %w", target, err)
	}
	// In a user namespace the flags of the mount below must be kept.
	keep := uintptr(at.Flags) & (unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME)
	if at.Flags&unix.ST_RELATIME != 0 {
		keep |= unix.MS_RELATIME
	}
	if err := unix.Mount("", target, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|keep, ""); err != nil {
		return fmt.Errorf("mount %s read-only: %w", target, err)
	}
	return nil
}

// OuterPID is this process's number outside its namespace, as shown by the /proc that still belongs to the outside.
func OuterPID() int {
	if name, err := os.Readlink("/proc/self"); err == nil {
		if pid, err := strconv.Atoi(filepath.Base(name)); err == nil {
			return pid
		}
	}
	return os.Getpid()
}

// HideMemory prevents other processes of the same user from reading this process's memory, environment and open files.
func HideMemory() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }
