//go:build !linux

package main

import (
	"os"
	"syscall"
)

// Elsewhere a process is signalled alone, and isn't told when this one dies.

func ownGroup(syscall.Signal) *syscall.SysProcAttr { return nil }

func runAs(*syscall.SysProcAttr, *account) {}

func signalGroup(p *os.Process, s syscall.Signal) { _ = p.Signal(s) }
