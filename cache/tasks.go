package cache

import "sync"

// tasks are goroutines that Close waits for. Its zero value is ready; all methods
// are safe for concurrent use.
type tasks struct {
	mu    sync.Mutex
	ended bool
	wg    sync.WaitGroup
}

// start runs f in a goroutine, and reports whether it did: not after end.
func (t *tasks) start(f func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.ended {
		t.wg.Go(f)
	}
	return !t.ended
}

// end lets no more goroutines start.
func (t *tasks) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
}

// wait returns when all goroutines have. It is to be called after end.
func (t *tasks) wait() { t.wg.Wait() }
