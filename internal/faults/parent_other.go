//go:build !linux

package faults

import "syscall"

// Elsewhere a worker ends with its orders, which is the end of the parent.
func dieWithParent() *syscall.SysProcAttr { return nil }
