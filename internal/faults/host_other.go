//go:build !unix

package faults

import (
	"errors"
	"os"
	"time"
)

// suitable reports whether processes can be stopped here and share a clock.
const suitable = false

var started = time.Now()

// now returns nanoseconds of a clock of this process only.
func now() int64 { return int64(time.Since(started)) + 1 }

// No signal makes a process stand still here.
func stand(*os.Process, bool) error { return errors.ErrUnsupported }
