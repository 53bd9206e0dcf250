package cache

import (
	"sync/atomic"
	"time"
)

// handed are the rows of queries whose values were stored, or are about to be, for
// reads that looked for the value before it was there. A value stands for the rows
// of a query that is one statement, which then don't go to the near level at all:
// to store them there only to drop them costs more than all the rest of a fill.
//
// Which rows it has is a matter of chance, for the next with the same slot replace
// them. They are served like those of the near level, if they are valid, but no longer
// than they linger. All methods are safe for concurrent use.
type handed struct {
	slots [64]atomic.Pointer[handedRows]
}

type handedRows struct {
	key  Key
	rows *Entry
}

// maxHanded bounds the rows that are handed on so, and with the number of slots the
// memory of all: half a megabyte.
const maxHanded = 8 << 10

func (h *handed) slot(key Key) *atomic.Pointer[handedRows] {
	return &h.slots[key[14]%byte(len(h.slots))]
}

// put replaces what is in the slot of a key.
func (h *handed) put(key Key, e *Entry) {
	if old := h.slot(key).Swap(&handedRows{key, e}); old != nil && old.key == key {
		old.rows.age.Store(replaced)
	}
}

// get returns the rows of a key.
func (h *handed) get(key Key) (*Entry, bool) {
	have := h.slot(key).Load()
	if have == nil || have.key != key {
		return nil, false
	}
	e, now := have.rows, time.Now()
	if !now.Before(e.ends) || now.Sub(e.Filled) >= linger {
		return nil, false
	}
	return e, true
}

// drop forgets the rows of a key, of which newer ones go to the near level.
func (h *handed) drop(key Key) {
	slot := h.slot(key)
	if have := slot.Load(); have != nil && have.key == key && slot.CompareAndSwap(have, nil) {
		have.rows.age.Store(replaced)
	}
}

// rowsOf returns the rows that the process has of a key.
func (c *Cache) rowsOf(key Key) (*Entry, bool) {
	if e, ok := c.near.Get(key); ok {
		return e, true
	}
	return c.handed.get(key)
}

// linger is how long rows are there for reads that looked for the value before it was.
// Those that are too large to be handed on are in the near level for so long, as are
// all where the remote level has been asked, beside which that costs nothing.
const linger = time.Second

// owe keeps rows that a query's own statement filled for as long as it takes to see
// whether a value will stand for them, and reports whether it did: settle has to
// follow. It doesn't where rows are in the near level that they replace, since those
// are somebody's, nor for a policy that refreshes, which needs the rows to do so.
func (r *reading) owe(e *Entry, ttl time.Duration) bool {
	c, f := r.cache, r.scope.filling
	if !r.scope.root || f == nil || r.replaces != nil || refreshing(r.scope.typ.Policy) {
		return false
	}
	if _, ok := c.near.Get(r.key); ok || !f.owes(e, r.key) {
		return false
	}
	e.ends = e.Filled.Add(ttl)
	if e.Size() <= maxHanded && c.shared == nil {
		c.handed.put(r.key, e)
	} else {
		c.handed.drop(r.key)
		c.near.Set(r.key, e, min(ttl, linger))
	}
	return true
}

// owes notes the rows of a key that are owed, or that none are any more, and reports
// whether there were none.
func (f *filling) owes(e *Entry, key Key) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if e != nil && f.owed != nil {
		return false
	}
	f.owed, f.key = e, key
	return true
}

// settle stores the rows that a query owes, unless its value stands for them, which
// is so where the query is one statement: value and rows then say the same for the
// same time, and a query that would find only the rows has the same SQL without
// being the same query, which is rare. Of a query that loads edges all rows are
// stored: a write to a child invalidates the value and not the root's rows, and the
// statement that loads an edge is often that of other roots too. What of them nobody
// reads makes room first.
func (c *Cache) settle(f *filling) {
	f.mu.Lock()
	e, key := f.owed, f.key
	f.owed = nil
	f.mu.Unlock()
	if e == nil || e.age.Load() == replaced {
		return
	}
	if have, ok := c.near.Get(key); ok && have != e {
		return // somebody's, who read them since
	}
	c.near.Set(key, e, time.Until(e.ends))
}
