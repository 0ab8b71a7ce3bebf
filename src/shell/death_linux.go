package shell

import "syscall"

// dieWithParent has the kernel kill the program when stellar dies, kill -9 included.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
