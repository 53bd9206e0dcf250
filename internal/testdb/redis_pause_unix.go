//go:build unix

package testdb

import (
	"os"
	"syscall"
)

// stand makes a process stand still, or go on.
func stand(p *os.Process, still bool) error {
	if still {
		return p.Signal(syscall.SIGSTOP)
	}
	return p.Signal(syscall.SIGCONT)
}
