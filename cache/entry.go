package cache

import (
	"database/sql"
	"sync/atomic"
	"time"

	"github.com/entcache/ent-cache/codec"
)

// Entry is what the near level keeps under a key: the rows of a statement with
// what proves them, or the value of a query, which has the proofs of its
// statements. It is immutable.
type Entry struct {
	// Proof is nil for a value.
	*Proof
	// Rows are the result; they are shared and never written.
	Rows *codec.Rows
	// Types are the column types, kept where Ent may ask for them: for columns
	// that aren't the type's own.
	Types []*sql.ColumnType

	value *typed
	size  int // what Size returns, if it was found already
	// typeless says that Types should be there and aren't: they don't leave a
	// process.
	typeless bool
}

// Proof is what proves a result: what it depends on and where in the log of
// writes it belongs. It is kept apart from the rows because values need it
// longer: they hold the proofs of their statements, so whatever becomes of one
// holds for both. It is immutable but for the positions up to which it was last
// found valid.
type Proof struct {
	// Facts are what the result depends on; Tables is any(T) for each table T
	// it read.
	Facts  []Fact
	Tables []Fact
	// Position is the position in the log of writes the result was read at.
	Position uint64
	// Filled is when the result was stored.
	Filled time.Time

	valid  atomic.Uint64 // no fact was touched in (Position, valid], but by what doesn't matter
	shared stamped
	// relevance tells writes that matter from others; nil if nothing does. No write up
	// to judged mattered.
	relevance *relevance
	judged    atomic.Uint64

	// expires is when the result is to be refreshed, took how long the database
	// took for it, and lastValid when it was last found valid. age ends the values
	// that hold the proof, and not the rows.
	expires   time.Time
	took      time.Duration
	lastValid atomic.Int64
	age       atomic.Uint32
	// ends is when the near level drops the rows; zero if it never had them.
	ends time.Time
}

// entrySize is the memory of an Entry and its Proof, and of what the garbage
// collector has to round up for them.
const entrySize = 288

// Size estimates the memory the entry holds, in bytes.
func (e *Entry) Size() int {
	if e.size > 0 {
		return e.size
	}
	return entrySize + e.Rows.Size() + 8*(len(e.Facts)+len(e.Tables)) + 128*len(e.Types)
}

// The ages of a proof.
const (
	current = iota
	// overdue rows are to be refreshed by the next read of them: a value was due.
	overdue
	// replaced ones aren't in the near level any more, because newer ones are. Who
	// reads the statement gets those, so a value must not show what was before.
	replaced
)

// keep stores rows in the near level, which drops them after ttl.
func (c *Cache) keep(key Key, e *Entry, ttl time.Duration) {
	e.ends = time.Now().Add(ttl)
	if have, ok := c.near.Get(key); ok {
		have.age.Store(replaced)
	}
	c.handed.drop(key)
	c.near.Set(key, e, ttl)
}

// Near is the level inside the process. Implementations are safe for concurrent
// use, share no lock between hits of different keys, and are bounded in bytes.
type Near interface {
	// Get returns the entry of a key, unless it expired.
	Get(Key) (*Entry, bool)
	// Set stores an entry for at most ttl, counted from now, whatever reads it
	// meanwhile. It may drop the entry, or others, to stay in its bound.
	Set(key Key, e *Entry, ttl time.Duration)
	// Delete drops the entry of a key.
	Delete(Key)
	// Purge drops every entry.
	Purge()
	// Len and Size are the entries and bytes held, roughly.
	Len() int
	Size() int64
	// Close drops everything and ends the level's goroutines. The level is not
	// used afterwards.
	Close()
}
