//go:build unix

package faults

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// suitable reports whether processes can be stopped here and share a clock.
const suitable = true

// now returns nanoseconds of the host's monotonic clock, which processes share
// and which goes on while one of them stands still.
func now() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(fmt.Errorf("entcache: no monotonic clock: %w", err))
	}
	return ts.Nano()
}

// stand makes a process stand still, or go on.
func stand(p *os.Process, still bool) error {
	if still {
		return p.Signal(syscall.SIGSTOP)
	}
	return p.Signal(syscall.SIGCONT)
}
