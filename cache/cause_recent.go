package cache

import (
	"sync"
	"time"
)

// recentWrites is how many writes a cache remembers for explanations, and of how
// many positions of a log that processes share it knows when it heard of them.
const recentWrites = 1024

// recentWrite is a write that a position in a log stands for.
type recentWrite struct {
	position uint64
	at       time.Time
	by       Cause
}

// recent remembers the last writes of this process, in a ring. Reads don't look at
// it unless they are explained and were invalidated. Its zero value is ready; it is
// safe for concurrent use.
type recent struct {
	mu   sync.Mutex
	ring []recentWrite
	next int // where the next one goes, once the ring is full
}

// add remembers a write. It is given its position by record, under the ring's
// lock, so that whoever finds a position in the ledger finds the write here.
func (r *recent) add(by Cause, record func() uint64) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := recentWrite{position: record(), at: time.Now(), by: by}
	if len(r.ring) < recentWrites {
		r.ring = append(r.ring, w)
	} else {
		r.ring[r.next] = w
		r.next = (r.next + 1) % recentWrites
	}
	return w.position
}

// find returns the write at a position. If it isn't there, overrun says that it
// may have been.
func (r *recent) find(position uint64) (w recentWrite, ok, overrun bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.ring {
		if r.ring[i].position == position {
			return r.ring[i], true, false
		}
	}
	return w, false, len(r.ring) == recentWrites && position < r.ring[r.next].position
}

// heard remembers when this process heard of the last positions of a log that
// processes share, and which of them are its own. Its zero value is ready; it is
// safe for concurrent use.
type heard struct {
	mu   sync.Mutex
	last uint64
	// Positions are contiguous, so each has a place of its own.
	at [recentWrites]struct {
		position uint64
		unixNano int64
		own      bool
	}
}

// add notes that a position was heard of, or that it was given to this process.
// The two come in any order.
func (h *heard) add(position uint64, own bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	x := &h.at[position%recentWrites]
	if x.position != position {
		x.position, x.unixNano, x.own = position, time.Now().UnixNano(), false
	}
	x.own = x.own || own
	h.last = max(h.last, position)
}

// find is that of recent.
func (h *heard) find(position uint64) (w recentWrite, ok, overrun bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	x := &h.at[position%recentWrites]
	if x.position != position || position == 0 {
		return w, false, position+recentWrites <= h.last
	}
	w = recentWrite{position: position, at: time.Unix(0, x.unixNano), by: Cause{Op: WriteElsewhere}}
	if x.own {
		w.by.Op = WriteRecorded
	}
	return w, true, false
}
