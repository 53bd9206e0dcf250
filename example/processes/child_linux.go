package main

import "syscall"

// endWithParent also keeps a Ctrl-C away, which is for this program.
func endWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
