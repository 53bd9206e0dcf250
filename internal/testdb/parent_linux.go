package testdb

import "syscall"

// dieWithParent ends a process when the thread that started it does.
func dieWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
