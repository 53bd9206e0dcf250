package music

import (
	"math/rand/v2"
	"sync"
)

// Recent remembers what was read lately. It is safe for concurrent use.
type Recent struct {
	mu   sync.Mutex
	ring [4096]Read
	n    int
}

// Add remembers a read, and forgets the oldest if there are many.
func (r *Recent) Add(q Read) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ring[r.n%len(r.ring)] = q
	r.n++
}

// Draw returns one of the reads, or false if there are none.
func (r *Recent) Draw(random *rand.Rand) (Read, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.n == 0 {
		return Read{}, false
	}
	return r.ring[random.IntN(min(r.n, len(r.ring)))], true
}
