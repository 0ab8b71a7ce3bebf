package sandbox

import (
	"time"

	"golang.org/x/sys/unix"
)

// stamps are a folder's number and when it was changed last.
type stamps struct {
	inode  uint64
	change unix.Timespec
}

// stampsOf is the zero value where the folder cannot be read.
func stampsOf(path string) stamps {
	var info unix.Stat_t
	if unix.Lstat(path, &info) != nil {
		return stamps{}
	}
	return stamps{info.Ino, info.Ctim}
}

// clockStep is the step of the kernel's clock for files: mostly 4 ms.
func clockStep() time.Duration {
	var step unix.Timespec
	if unix.ClockGetres(unix.CLOCK_REALTIME_COARSE, &step) != nil {
		return time.Hour
	}
	return time.Duration(step.Nano())
}

func (s stamps) known() bool { return s.inode != 0 }

func (s stamps) changed() time.Time { return time.Unix(s.change.Unix()) }
