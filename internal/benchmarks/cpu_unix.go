//go:build unix

package benchmarks

import (
	"syscall"
	"time"
)

// CPUTime returns the processor time the process has used: unlike wall time it
// leaves out what other programs took, and includes the garbage collector.
func CPUTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
