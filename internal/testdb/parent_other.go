//go:build !linux

package testdb

import "syscall"

// Elsewhere only the end of the test ends its servers.
func dieWithParent() *syscall.SysProcAttr { return nil }
