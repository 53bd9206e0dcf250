package faults

import "syscall"

// dieWithParent ends a worker when the thread that started it does.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
