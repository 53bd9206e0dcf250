package cache

import (
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/entcache/ent-cache/schema"
)

const numOps = 8

// Stats are the counters of a cache since it was made.
type Stats struct {
	// Types holds the counters of each Ent type that was read.
	Types map[string]TypeStats
	// Invalidations are the writes that touched something.
	Invalidations uint64
	// Irrelevant is how often an entry stayed that writes had touched, because none of
	// them mattered to it, by what the rows had and have that were written.
	Irrelevant uint64
	// InDoubt are the writes that the database didn't answer.
	InDoubt uint64
	// Held is how many facts writes hold that are going on or in doubt; what
	// depends on one isn't served.
	Held int
	// Entries and Bytes are what the near level holds, roughly.
	Entries int
	Bytes   int64
	// Position is the position in the log of writes.
	Position uint64
	// Remote counts for the level that processes share; nil if there is none.
	Remote *RemoteStats
}

// TypeStats are the counters of a type by operation.
type TypeStats map[schema.Op]OpStats

// OpStats are the counters of one operation.
type OpStats struct {
	// Hits were served from the cache: ValueHits of them as typed values, each a
	// whole query and not a statement, RemoteHits from the level that processes
	// share. Misses ran on the database, Coalesced took the result of a
	// read that ran at the same time.
	Hits, ValueHits, RemoteHits, Misses, Coalesced uint64
	// Refreshed entries were read again in the background. Stale hits had been
	// touched by a write; a policy's grace allowed them.
	Refreshed, Stale uint64
	// Invalidated are the misses that found an entry a write had touched.
	Invalidated uint64
	// Fills are the misses that were stored, of Bytes together; Refused are
	// those that were not, by reason. Errors are those the database refused.
	Fills, Bytes, Errors uint64
	Refused              map[Reason]uint64
	// Bypasses never looked at the cache, by reason.
	Bypasses map[Reason]uint64
}

// HitRatio is the share of hits and coalesced reads in all reads that looked at
// the cache; zero if there were none.
func (s OpStats) HitRatio() float64 {
	n := s.Hits + s.Coalesced + s.Misses
	if n == 0 {
		return 0
	}
	return float64(s.Hits+s.Coalesced) / float64(n)
}

// Total adds up the counters of all types and operations.
func (s Stats) Total() OpStats {
	total := OpStats{Refused: map[Reason]uint64{}, Bypasses: map[Reason]uint64{}}
	for _, t := range s.Types {
		for _, o := range t {
			total.Hits += o.Hits
			total.ValueHits += o.ValueHits
			total.RemoteHits += o.RemoteHits
			total.Refreshed += o.Refreshed
			total.Stale += o.Stale
			total.Misses += o.Misses
			total.Coalesced += o.Coalesced
			total.Invalidated += o.Invalidated
			total.Fills += o.Fills
			total.Bytes += o.Bytes
			total.Errors += o.Errors
			for r, n := range o.Refused {
				total.Refused[r] += n
			}
			for r, n := range o.Bypasses {
				total.Bypasses[r] += n
			}
		}
	}
	return total
}

type statsTable struct {
	types         sync.Map // *Type → *typeStats
	unknown       typeStats
	invalidations atomic.Uint64
	inDoubt       atomic.Uint64
	irrelevant    atomic.Uint64
}

type typeStats struct {
	ops [numOps]opStats
}

// opStats fills cache lines of its own, or counting hits of one operation would
// slow down those of the next.
type opStats struct {
	hits, valueHits, remoteHits, refreshed, stale, misses, coalesced, invalidated, fills, bytes, errors atomic.Uint64
	refused, bypasses                                                                                   [numReasons]atomic.Uint64
	_                                                                                                   [64]byte
}

func (t *typeStats) op(op schema.Op) *opStats {
	if op == 0 {
		return &t.ops[0]
	}
	return &t.ops[bits.TrailingZeros16(uint16(op))%numOps]
}

func (s *statsTable) of(t *Type) *typeStats {
	if t == nil {
		return &s.unknown
	}
	if v, ok := s.types.Load(t); ok {
		return v.(*typeStats)
	}
	v, _ := s.types.LoadOrStore(t, new(typeStats))
	return v.(*typeStats)
}

func (s *statsTable) bypass(t *Type, op schema.Op, r Reason) { s.of(t).op(op).bypasses[r].Add(1) }

func (c *Cache) statsOf(t *Type) *typeStats {
	if v, ok := c.stats.types.Load(t); ok {
		return v.(*typeStats)
	}
	c.learn(t.Schema)
	return c.stats.of(t)
}

// Stats returns the counters. They are read one after the other while reads go
// on, so they needn't add up to the last unit.
func (c *Cache) Stats() Stats {
	s := Stats{
		Types:         make(map[string]TypeStats),
		Invalidations: c.stats.invalidations.Load(),
		Irrelevant:    c.stats.irrelevant.Load(),
		InDoubt:       c.stats.inDoubt.Load(),
		Held:          c.ledger.Held(),
		Position:      c.ledger.Now(),
	}
	if c.shared != nil {
		s.Remote = c.shared.stats()
	}
	if !c.closed.Load() {
		s.Entries, s.Bytes = c.near.Len(), c.near.Size()
	}
	c.stats.types.Range(func(k, v any) bool {
		s.add(k.(*Type).Name, v.(*typeStats))
		return true
	})
	s.add("", &c.stats.unknown)
	return s
}

func (s *Stats) add(name string, t *typeStats) {
	for i := range t.ops {
		o, used := t.ops[i].snapshot()
		if !used {
			continue
		}
		if s.Types[name] == nil {
			s.Types[name] = make(TypeStats)
		}
		s.Types[name][1<<i] = o
	}
}

func (o *opStats) snapshot() (OpStats, bool) {
	s := OpStats{
		Hits: o.hits.Load(), ValueHits: o.valueHits.Load(), RemoteHits: o.remoteHits.Load(), Refreshed: o.refreshed.Load(), Stale: o.stale.Load(), Misses: o.misses.Load(), Coalesced: o.coalesced.Load(), Invalidated: o.invalidated.Load(),
		Fills: o.fills.Load(), Bytes: o.bytes.Load(), Errors: o.errors.Load(),
		Refused: make(map[Reason]uint64), Bypasses: make(map[Reason]uint64),
	}
	used := s.Hits+s.Misses+s.Coalesced > 0
	for r := range numReasons {
		if n := o.refused[r].Load(); n > 0 {
			s.Refused[r] = n
		}
		if n := o.bypasses[r].Load(); n > 0 {
			s.Bypasses[r] = n
			used = true
		}
	}
	return s, used
}
