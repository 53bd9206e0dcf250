//go:build faults

package crash

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Enabled reports whether the program was built with the tag faults.
const Enabled = true

// point is where this process ends, if it does.
type point struct {
	label  string
	signal syscall.Signal
	left   atomic.Int64
}

var planned = plan(os.Getenv(Env))

// plan reads the variable. What isn't understood ends the process: a fault that
// silently never comes would make a test that proves nothing.
func plan(s string) *point {
	if s == "" {
		return nil
	}
	parts := strings.Split(s, ":")
	p := &point{label: parts[0], signal: syscall.SIGKILL}
	if len(parts) == 3 && parts[2] == "stop" {
		p.signal = syscall.SIGSTOP
		parts = parts[:2]
	}
	n := int64(0)
	if len(parts) == 2 {
		n, _ = strconv.ParseInt(parts[1], 10, 64)
	}
	if n <= 0 {
		fmt.Fprintf(os.Stderr, "entcache: %s=%q: use label:n or label:n:stop\n", Env, s)
		os.Exit(2)
	}
	p.left.Store(n)
	return p
}

// At ends the process, or makes it stand still, if this is the point for that.
func At(label string) {
	p := planned
	if p == nil || p.label != label || p.left.Add(-1) != 0 {
		return
	}
	_ = syscall.Kill(os.Getpid(), p.signal)
	// The signal may reach another thread first, and nothing must happen here
	// before the process has ended or stands still.
	time.Sleep(20 * time.Millisecond)
}
