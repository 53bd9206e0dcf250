package main

import (
	"os"
	"syscall"
)

// ownGroup puts a process in a group of its own; it gets the signal should this
// process die.
func ownGroup(s syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: s}
}

func runAs(attr *syscall.SysProcAttr, a *account) {
	attr.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

// signalGroup signals a process that has a group of its own, and all of the
// group.
func signalGroup(p *os.Process, s syscall.Signal) { _ = syscall.Kill(-p.Pid, s) }
