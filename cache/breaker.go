package cache

import "sync/atomic"

// maxFailures is how many calls of the remote level in a row may fail before it
// is left alone.
const maxFailures = 5

// breaker keeps calls away from a remote level that fails. Only the probe still
// calls it then, in the background, and closes the breaker when it succeeds. All
// methods are safe for concurrent use.
type breaker struct {
	failures atomic.Int32
	open     atomic.Bool
}

// failed counts a failure and reports whether it opened the breaker.
func (b *breaker) failed() bool {
	return b.failures.Add(1) >= maxFailures && !b.open.Swap(true)
}

// succeeded counts a success of a call that the breaker let through.
func (b *breaker) succeeded() {
	if b.failures.Load() != 0 {
		b.failures.Store(0)
	}
}

// close lets calls through and reports whether it didn't before.
func (b *breaker) close() bool {
	b.failures.Store(0)
	return b.open.Swap(false)
}
