package faults

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// now returns nanoseconds of the host's monotonic clock, which processes share
// and which goes on while one of them stands still.
func now() int64 {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		panic(fmt.Errorf("entcache: no monotonic clock: %w", err))
	}
	return ts.Nano()
}

// ms prints a span of nanoseconds.
func ms(ns int64) string { return time.Duration(ns).Round(10 * time.Microsecond).String() }
