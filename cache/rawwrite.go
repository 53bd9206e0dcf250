package cache

import (
	"strings"
	"sync"
	"sync/atomic"
)

// RawWrite is what the text of a statement says it writes: one that isn't a
// mutation's, which no hook sees. It knows no schema and no arguments, is
// immutable, and serves every execution of the text.
//
// A text that isn't understood may write anything. The tokenizer refuses what a
// database could read in two ways, so what is read here is read as the database
// reads it.
type RawWrite struct {
	dialect string
	effects []rawEffect
	// calls are functions of which it isn't known that they don't write.
	calls []string
	// unread says, for people, why the text may write anything; expected that
	// nobody needs to be told.
	unread   string
	expected bool
	control  RawControl
	// savepoint is the name of one that the text sets or releases.
	savepoint string
	escapes   bool
	args      int
}

// RawControl says what a text does to the transaction of its connection.
type RawControl uint8

// The controls. A text of several statements has that of the last that has one.
const (
	// RawNone leaves it alone, as savepoints within a transaction do.
	RawNone RawControl = iota
	// RawBegin begins one.
	RawBegin
	// RawSavepoint begins one if there is none.
	RawSavepoint
	// RawRelease ends one that began with the savepoint.
	RawRelease
	// RawCommit and RawRollback end one.
	RawCommit
	RawRollback
)

// Control returns what the text does to transactions.
func (w *RawWrite) Control() RawControl { return w.control }

// Savepoint returns the name that goes with RawSavepoint and RawRelease.
func (w *RawWrite) Savepoint() string { return w.savepoint }

// Escapes reports whether the text may end the transaction that it runs in, in a
// way that database/sql doesn't know of: COMMIT, what commits in MySQL, and what
// isn't understood.
func (w *RawWrite) Escapes() bool { return w.escapes || w.unread != "" }

// Writes reports whether the text may write, or controls transactions.
func (w *RawWrite) Writes() bool {
	return w.unread != "" || len(w.effects)+len(w.calls) > 0 || w.control != RawNone
}

type rawKind uint8

const (
	// rawInsert adds rows and leaves those that are there alone.
	rawInsert rawKind = iota + 1
	// rawUpdate changes columns of rows.
	rawUpdate
	// rawRemove deletes rows.
	rawRemove
	// rawAny does whatever a statement may do to a table.
	rawAny
)

// rawEffect is what a statement does to one table.
type rawEffect struct {
	kind rawKind
	// table is the table's name without its schema. An empty one isn't known.
	table string
	// columns are those that are updated.
	columns []string
	// pins are conditions that every row meets which is updated or removed.
	pins []rawPin
}

// rawPin says that a column has one of some values.
type rawPin struct {
	column string
	values []value
}

// Bounds of what is read. Longer texts may write anything, and longer ones than
// the second aren't remembered.
const (
	maxRaw        = 1 << 20
	maxRemembered = 8 << 10
)

// ReadRaw reads a text in one of the dialects that Ent names sqlite3, postgres
// and mysql. It accepts any text.
func ReadRaw(dialect, text string) *RawWrite {
	p := rawParser{dialect: dialect, w: &RawWrite{dialect: dialect}}
	if p.tokenize(text) {
		p.parse()
	}
	return p.w
}

// RawMemo keeps what was read of texts. Its zero value is ready. It holds between
// one and two generations of memoSize texts, and look-ups take no lock.
type RawMemo struct {
	current, last atomic.Pointer[rawGeneration]
	mu            sync.Mutex
}

type rawGeneration struct {
	texts sync.Map // string → *RawWrite
	n     atomic.Int64
}

// Read is ReadRaw for a driver's own dialect, which is always the same.
func (m *RawMemo) Read(dialect, text string) *RawWrite {
	if g := m.current.Load(); g != nil {
		if w, ok := g.texts.Load(text); ok {
			return w.(*RawWrite)
		}
	}
	var w *RawWrite
	if g := m.last.Load(); g != nil {
		if v, ok := g.texts.Load(text); ok {
			w = v.(*RawWrite)
		}
	}
	if w == nil {
		w = ReadRaw(dialect, text)
	}
	if len(text) <= maxRemembered {
		m.put(strings.Clone(text), w)
	}
	return w
}

func (m *RawMemo) put(text string, w *RawWrite) {
	m.mu.Lock()
	defer m.mu.Unlock()
	g := m.current.Load()
	if g == nil || g.n.Load() >= memoSize {
		if g != nil {
			m.last.Store(g)
		}
		g = &rawGeneration{}
		m.current.Store(g)
	}
	if _, known := g.texts.LoadOrStore(text, w); !known {
		g.n.Add(1)
	}
}
