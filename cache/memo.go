package cache

import (
	"crypto/sha256"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/entcache/ent-cache/codec"
)

// memoSize is how many statements a generation of the memo holds. The texts of
// a program are few, but lists of arguments and offsets make new ones.
const memoSize = 4096

// memo keeps the analysis of statements by their text. It holds between one and
// two generations: a full one becomes the old one, and what is still used moves
// over. Look-ups take no lock.
type memo struct {
	gen  atomic.Pointer[generation]
	mu   sync.Mutex
	last atomic.Pointer[generation]
}

type generation struct {
	statements sync.Map // memoKey → *prepared
	n          atomic.Int64
}

type memoKey struct {
	schema         *Schema
	dialect, query string
}

// prepared is a statement with the part of its key that is the same for all
// arguments.
type prepared struct {
	*Statement
	query string
	seed  [32]byte
	// tables is any(T) for each table read.
	tables []Fact
	// columns are the names of the first result's columns.
	columns atomic.Pointer[[]string]
	// foreign is set once a result had columns that aren't the type's own.
	foreign atomic.Bool
	// print is the fingerprint, without arguments, of a query of this one
	// statement; see Fingerprint.agrees.
	print atomic.Pointer[string]
}

// shareColumns makes a result that wasn't handed out yet use the column names of
// an earlier one of the statement, and reports whether it did: else every entry
// would keep its own.
func (st *prepared) shareColumns(rows *codec.Rows) bool {
	known := st.columns.Load()
	if known == nil {
		columns := rows.Columns // a pointer into rows would keep all of them
		st.columns.CompareAndSwap(nil, &columns)
		return false
	}
	if !slices.Equal(*known, rows.Columns) {
		return false
	}
	rows.Columns = *known
	return true
}

// columnsSize is what codec.Rows.Size counts for column names.
func columnsSize(columns []string) int {
	return (&codec.Rows{Columns: columns}).Size() - (&codec.Rows{}).Size()
}

func (m *memo) get(s *Schema, namespace, dialect, query string) *prepared {
	key := memoKey{schema: s, dialect: dialect, query: query}
	g := m.gen.Load()
	if g != nil {
		if st, ok := g.statements.Load(key); ok {
			return st.(*prepared)
		}
	}
	var st *prepared
	if old := m.last.Load(); old != nil {
		if v, ok := old.statements.Load(key); ok {
			st = v.(*prepared)
		}
	}
	if st == nil {
		st = prepare(s, namespace, dialect, query)
	}
	m.put(key, st)
	return st
}

func (m *memo) put(key memoKey, st *prepared) {
	m.mu.Lock()
	defer m.mu.Unlock()
	g := m.gen.Load()
	if g == nil || g.n.Load() >= memoSize {
		if g != nil {
			m.last.Store(g)
		}
		g = &generation{}
		m.gen.Store(g)
	}
	if _, known := g.statements.LoadOrStore(key, st); !known {
		g.n.Add(1)
	}
}

func prepare(s *Schema, namespace, dialect, query string) *prepared {
	st := &prepared{Statement: Analyze(s, dialect, query), query: query}
	var b []byte
	for _, part := range []string{"2", namespace, dialect, s.Fingerprint, query} {
		b = appendString(b, part)
	}
	st.seed = sha256.Sum256(b)
	if st.Reason() == Cacheable {
		for _, t := range st.Tables() {
			st.tables = append(st.tables, t.any)
		}
	}
	return st
}
