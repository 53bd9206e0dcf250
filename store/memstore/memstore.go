// Package memstore is the near level of the cache: entries in the memory of the
// process, bounded in bytes. Which entries stay is decided by W-TinyLFU, which
// prefers those that are read often; its implementation is otter's.
package memstore

import (
	"math"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/entcache/ent-cache/cache"
)

// DefaultMaxBytes is the bound of a store that names none.
const DefaultMaxBytes = 64 << 20

// Store is a cache.Near. It is safe for concurrent use; a hit takes no lock
// that a hit of another key waits for.
//
// Upkeep runs on the goroutines that use the store, and a Set evicts before it
// returns. Otter's own way, to evict from a goroutine of its own, lets writers
// that are faster than it pass the bound by some hundred entries a processor.
// One goroutine, which Close ends, removes what has expired once a second.
type Store struct {
	entries *otter.Cache[cache.Key, item]
	max     int64
}

var _ cache.Near = (*Store)(nil)

// item is an entry with the lifetime it was stored with.
type item struct {
	entry *cache.Entry
	ttl   time.Duration
}

// overhead is what the table, the queues and the timers take for an entry
// beside its own size, the key included.
const overhead = 128

// New returns a store that keeps entries of at most maxBytes in all; zero or
// less means DefaultMaxBytes. What an entry takes is estimated, within about a
// quarter.
func New(maxBytes int64) *Store {
	if maxBytes <= 0 {
		maxBytes = DefaultMaxBytes
	}
	return &Store{
		max: maxBytes,
		entries: otter.Must(&otter.Options[cache.Key, item]{
			MaximumWeight: uint64(maxBytes),
			Weigher:       func(_ cache.Key, it item) uint32 { return uint32(weight(it.entry)) },
			ExpiryCalculator: otter.ExpiryWritingFunc(func(e otter.Entry[cache.Key, item]) time.Duration {
				return e.Value.ttl
			}),
			Executor: func(upkeep func()) { upkeep() },
		}),
	}
}

func weight(e *cache.Entry) int64 { return int64(e.Size()) + overhead }

// Get returns the entry of a key, unless it expired.
func (s *Store) Get(key cache.Key) (*cache.Entry, bool) {
	it, ok := s.entries.GetIfPresent(key)
	return it.entry, ok
}

// Set stores an entry for ttl; reading it doesn't prolong that. An entry larger
// than the bound isn't kept, nor is one with a ttl of zero or less. Whether the
// new entry is kept or not, the key's old one is gone.
func (s *Store) Set(key cache.Key, e *cache.Entry, ttl time.Duration) {
	if w := weight(e); ttl <= 0 || w > s.max || w > math.MaxUint32 {
		s.Delete(key)
		return
	}
	s.entries.Set(key, item{e, ttl})
	// While another goroutine evicts, this one's entry would only be queued.
	s.entries.CleanUp()
}

// Delete drops the entry of a key.
func (s *Store) Delete(key cache.Key) { s.entries.Invalidate(key) }

// Purge drops every entry.
func (s *Store) Purge() { s.entries.InvalidateAll() }

// Len returns the number of entries held, expired ones that weren't removed yet
// among them.
func (s *Store) Len() int { return s.entries.EstimatedSize() }

// Size returns the bytes held, as they count against the bound.
func (s *Store) Size() int64 { return int64(s.entries.WeightedSize()) }

// Close drops every entry and ends the store's goroutine. Further calls do
// nothing.
func (s *Store) Close() {
	s.entries.StopAllGoroutines()
	s.entries.InvalidateAll()
	s.entries.CleanUp()
}
