//go:build !unix

package benchmarks

import "time"

var started = time.Now()

// CPUTime returns wall time, where the processor time can't be had.
func CPUTime() time.Duration { return time.Since(started) }
