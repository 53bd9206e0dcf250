//go:build faults

package crash

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Enabled reports whether the program was built with the tag faults.
const Enabled = true

// point is where something happens to this process.
type point struct {
	label string
	n     int64
	// signal is zero for a delay.
	signal syscall.Signal
	delay  time.Duration
	passed atomic.Int64
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
	var err error
	if len(parts) == 3 {
		if p.signal = syscall.SIGSTOP; parts[2] != "stop" {
			p.signal = 0
			p.delay, err = time.ParseDuration(parts[2])
		}
	}
	if len(parts) == 2 || len(parts) == 3 {
		p.n, _ = strconv.ParseInt(parts[1], 10, 64)
	}
	if err != nil || p.n <= 0 || !slices.Contains(Labels(), p.label) {
		fmt.Fprintf(os.Stderr, "entcache: %s=%q: use label:n, label:n:stop or label:n:50ms, with one of %q\n", Env, s, Labels())
		os.Exit(2)
	}
	return p
}

// At ends the process, or makes it stand still or wait, if this is the point for
// that.
func At(label string) {
	p := planned
	if p == nil || p.label != label {
		return
	}
	switch passed := p.passed.Add(1); {
	case p.signal == 0:
		if passed%p.n == 0 {
			time.Sleep(p.delay)
		}
	case passed == p.n:
		_ = syscall.Kill(os.Getpid(), p.signal)
		// The signal may reach another thread first, and nothing must happen
		// here before the process has ended or stands still.
		time.Sleep(20 * time.Millisecond)
	}
}
