package shell

import "syscall"

// dieWithParent makes the kernel kill the program when stellar dies, also by kill -9.
func dieWithParent(a *syscall.SysProcAttr) { a.Pdeathsig = syscall.SIGKILL }
