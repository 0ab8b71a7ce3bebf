package local

import "os"

// nameProcess sets the name under which tools like ps, killall and pkill find this process. Without it, it has the
// name of its program, which is the one to kill.
func nameProcess(name string) { _ = os.WriteFile("/proc/self/comm", []byte(name), 0) }
