package cache

import (
	"sync"
	"sync/atomic"
	"time"
)

// maxFailures is how many calls of the remote level in a row may fail before it
// is left alone.
const maxFailures = 5

// The breaker stays open for that long at least. It doubles each time the breaker
// opens again soon after it was closed, so that a level which answers the probe
// and fails the others doesn't cost reads their patience three times a second.
const (
	minOpen = 100 * time.Millisecond
	maxOpen = 10 * time.Second
)

// breaker keeps calls away from a remote level that fails. Only the probe still
// calls it then, in the background, and closes the breaker when it succeeds. All
// methods are safe for concurrent use.
type breaker struct {
	failures atomic.Int32
	open     atomic.Bool

	mu             sync.Mutex
	opened, closed time.Duration
	pause          time.Duration
}

// failed counts a failure and reports whether it opened the breaker.
func (b *breaker) failed(now time.Duration) bool {
	if b.failures.Add(1) < maxFailures || b.open.Swap(true) {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pause == 0 || now-b.closed > 4*b.pause {
		b.pause = minOpen
	} else {
		b.pause = min(2*b.pause, maxOpen)
	}
	b.opened = now
	return true
}

// succeeded counts a success of a call that the breaker let through.
func (b *breaker) succeeded() {
	if b.failures.Load() != 0 {
		b.failures.Store(0)
	}
}

// close lets calls through, if the breaker was open for long enough, and reports
// whether that changed anything.
func (b *breaker) close(now time.Duration) bool {
	if !b.open.Load() {
		return false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if now-b.opened < b.pause {
		return false
	}
	b.closed = now
	b.failures.Store(0)
	return b.open.Swap(false)
}
