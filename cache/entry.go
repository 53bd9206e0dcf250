package cache

import (
	"database/sql"
	"sync/atomic"
	"time"

	"github.com/entcache/ent-cache/codec"
)

// Entry is a cached result with what it depends on. It is immutable but for the
// position up to which it was last found valid.
type Entry struct {
	// Rows are the result; they are shared and never written.
	Rows *codec.Rows
	// Types are the column types, kept where Ent may ask for them: for columns
	// that aren't the type's own.
	Types []*sql.ColumnType
	// Facts are what the result depends on; Tables is any(T) for each table T
	// it read.
	Facts  []Fact
	Tables []Fact
	// Position is the position in the log of writes the result was read at.
	Position uint64
	// Filled is when the entry was stored.
	Filled time.Time

	valid atomic.Uint64 // no fact was touched in (Position, valid]
	size  int           // what Size returns, if it was found already
	// typeless says that Types should be there and aren't: they don't leave a
	// process.
	typeless bool
	shared   stamped

	// expires is when the entry is to be refreshed, took how long the database
	// took for it, and lastValid when it was last found valid.
	expires   time.Time
	took      time.Duration
	lastValid atomic.Int64
}

const entrySize = 240

// Size estimates the memory the entry holds, in bytes.
func (e *Entry) Size() int {
	if e.size > 0 {
		return e.size
	}
	return entrySize + e.Rows.Size() + 8*(len(e.Facts)+len(e.Tables)) + 128*len(e.Types)
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
