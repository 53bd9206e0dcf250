package cache

import (
	"sort"
	"sync"
	"time"

	"github.com/entcache/ent-cache/internal/mutant"
)

// The bounds of what is remembered of the last writes: how many they are, and about
// how many bytes what they touched and did to rows takes.
const (
	recentWrites = 2048
	recentBytes  = 4 << 20
)

// heardOf is of how many positions of a log that processes share a process knows when
// it heard of them.
const heardOf = 1024

// recentWrite is a write that a position in a log stands for.
type recentWrite struct {
	position uint64
	at       time.Time
	by       Cause
	// facts are what it touched, changes what it did to rows.
	facts   []Fact
	changes []change
	// unknown says that what it touched isn't remembered.
	unknown bool
}

// size estimates the memory of what the write touched and did to rows.
func (w *recentWrite) size() int {
	n := 8 * len(w.facts)
	for i := range w.changes {
		ch := &w.changes[i]
		n += 160 + cellSize*(len(ch.before.cells)+len(ch.after.cells))
	}
	return n
}

// recent remembers the last writes of this process, in a ring. Reads look at it if
// one touched what they depend on. Its zero value is ready; it is safe for concurrent
// use.
type recent struct {
	mu       sync.Mutex
	ring     []recentWrite
	first, n int // the oldest write, and how many there are
	bytes    int
	// forgotten is the position of the last write that isn't remembered any more.
	forgotten uint64
}

// add remembers a write. It is given its position by record, under the ring's
// lock, so that whoever finds a position in the ledger finds the write here.
func (r *recent) add(by Cause, f *Facts, record func() uint64) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	w := recentWrite{position: record(), at: time.Now(), by: by, facts: f.List, changes: f.changes}
	size := w.size()
	if size > recentBytes/16 {
		w.facts, w.changes, w.unknown, size = nil, nil, true, 0
	}
	for r.n == recentWrites || r.n > 0 && r.bytes+size > recentBytes {
		r.forget()
	}
	if r.n == len(r.ring) {
		r.grow()
	}
	r.bytes += size
	r.ring[(r.first+r.n)%len(r.ring)] = w
	r.n++
	return w.position
}

// grow makes room for more writes.
func (r *recent) grow() {
	ring := make([]recentWrite, max(64, 2*len(r.ring)))
	for i := range r.n {
		ring[i] = *r.at(i)
	}
	r.ring, r.first = ring, 0
}

// forget drops the oldest write.
func (r *recent) forget() {
	w := &r.ring[r.first]
	r.bytes -= w.size()
	if !mutant.On(mutant.RecentDropped) {
		r.forgotten = w.position
	}
	*w = recentWrite{}
	r.first = (r.first + 1) % len(r.ring)
	r.n--
}

// find returns the write at a position. If it isn't there, overrun says that it
// may have been.
func (r *recent) find(position uint64) (w recentWrite, ok, overrun bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := r.after(position - 1); i < r.n && r.at(i).position == position {
		return *r.at(i), true, false
	}
	return w, false, position <= r.forgotten
}

func (r *recent) at(i int) *recentWrite { return &r.ring[(r.first+i)%len(r.ring)] }

// after returns how many of the writes there are up to a position.
func (r *recent) after(position uint64) int {
	return sort.Search(r.n, func(i int) bool { return r.at(i).position > position })
}

// maxJudged bounds the writes that a read looks at.
const maxJudged = 512

// mattered returns the first write after a position that matters, with the facts by
// which it does, as matters says. It isn't known if some of those writes aren't
// remembered, or they are too many.
func (r *recent) mattered(position uint64, matters func(*recentWrite) []Fact) (w recentWrite, by []Fact, known bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.after(position)
	if position < r.forgotten || r.n-i > maxJudged {
		return w, nil, false
	}
	for ; i < r.n; i++ {
		if w := r.at(i); w.unknown {
			return recentWrite{}, nil, false
		} else if by := matters(w); by != nil {
			return *w, by, true
		}
	}
	return w, nil, true
}

// heard remembers when this process heard of the last positions of a log that
// processes share, and which of them are its own. Its zero value is ready; it is
// safe for concurrent use.
type heard struct {
	mu   sync.Mutex
	last uint64
	// Positions are contiguous, so each has a place of its own.
	at [heardOf]struct {
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
	x := &h.at[position%heardOf]
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
	x := &h.at[position%heardOf]
	if x.position != position || position == 0 {
		return w, false, position+heardOf <= h.last
	}
	w = recentWrite{position: position, at: time.Unix(0, x.unixNano), by: Cause{Op: WriteElsewhere}}
	if x.own {
		w.by.Op = WriteRecorded
	}
	return w, true, false
}
