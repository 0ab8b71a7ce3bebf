package fidelity

import (
	"os/exec"
	"syscall"
)

// dieWithParent has the kernel end the program when the thread that started it ends, a killed test included.
func dieWithParent(c *exec.Cmd) { c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
