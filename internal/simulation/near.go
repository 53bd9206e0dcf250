package simulation

import (
	"sync"
	"time"

	"github.com/entcache/ent-cache/cache"
)

// near is the near level of a process. Memstore's would do, but for what it
// costs to make one for every history, and its goroutine.
type near struct {
	mu sync.Mutex
	m  map[cache.Key]nearEntry
	// longest is how long an entry stays at most; 0 for as long as it may.
	longest time.Duration
}

type nearEntry struct {
	*cache.Entry
	expires time.Time
}

var _ cache.Near = (*near)(nil)

func newNear() *near { return &near{m: make(map[cache.Key]nearEntry)} }

func (n *near) Get(key cache.Key) (*cache.Entry, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	e, ok := n.m[key]
	return e.Entry, ok && time.Now().Before(e.expires)
}

func (n *near) Set(key cache.Key, e *cache.Entry, ttl time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if ttl <= 0 {
		delete(n.m, key)
		return
	}
	if n.longest > 0 {
		ttl = min(ttl, n.longest)
	}
	n.m[key] = nearEntry{e, time.Now().Add(ttl)}
}

func (n *near) Delete(key cache.Key) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.m, key)
}

func (n *near) Purge() {
	n.mu.Lock()
	defer n.mu.Unlock()
	clear(n.m)
}

// remember makes entries stay from now on.
func (n *near) remember() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.longest = 0
}

func (n *near) Len() int    { return 0 }
func (n *near) Size() int64 { return 0 }
func (n *near) Close()      {}
