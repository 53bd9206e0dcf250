package cache

import (
	"context"
	"database/sql"
	"hash/maphash"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"entgo.io/ent"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/entcache/ent-cache/internal/mutant"
)

// A query whose conditions and order say what they are, and which loads no edges,
// runs a statement whose text follows from its fingerprint without the values. Once
// it was seen to run one, the next with that fingerprint needn't be built: its text
// is known, and its arguments are the values. Ent takes as long to build a statement
// as a small database does to run it, so that pays for what a miss costs.

// knownStatements are the statements of queries by the hash of their fingerprints.
// One replaces another in the same set. All methods are safe for concurrent use.
type knownStatements struct {
	sets [1024]knownSet
}

type knownSet [4]atomic.Pointer[knownStatement]

// knownStatement is what queries with a fingerprint run.
type knownStatement struct {
	print string // without the arguments
	// st is nil if such queries are left to Ent.
	st *prepared
	// like is an empty result of the type that the query returns.
	like ent.Value
	// dests are destinations of a row that can be used again, *rowDest.
	dests sync.Pool
}

type rowDest struct {
	columns []string
	values  []any
}

// asQuery returns what the query is in the fingerprint, without its arguments, in two
// parts. It is false if more than that decides what statements it runs.
func (f *Fingerprint) asQuery() (before, behind []byte, ok bool) {
	if len(f.parts) != 1 || !f.parts[0].asked {
		return nil, nil, false
	}
	p := &f.parts[0]
	return f.buf[f.query:p.args], f.buf[p.end:], true
}

// set returns the set of a query, and where in it the query's statement is put.
func (s *knownStatements) set(before []byte) (set *knownSet, place uint64) {
	h := maphash.Bytes(keySeeds[0], before)
	if mutant.On(mutant.KnownByHash) {
		h %= 16 // or two would seldom have one
	}
	return &s.sets[h%uint64(len(s.sets))], h >> 62
}

// get returns the statement of a query, or nil if it isn't known.
func (s *knownStatements) get(f *Fingerprint) *knownStatement {
	before, behind, ok := f.asQuery()
	if !ok {
		return nil
	}
	set, _ := s.set(before)
	if k := set.find(before, behind); k != nil && k.st != nil {
		return k
	}
	return nil
}

func (set *knownSet) find(before, behind []byte) *knownStatement {
	for i := range set {
		if k := set[i].Load(); k != nil && (joined(k.print, before, behind) || mutant.On(mutant.KnownByHash)) {
			return k
		}
	}
	return nil
}

// joined reports whether s is the two parts.
func joined(s string, before, behind []byte) bool {
	n := len(before)
	return len(s) == n+len(behind) && s[:n] == string(before) && s[n:] == string(behind)
}

// learn takes in what Ent ran for the query of a builder, which was compared with its
// fingerprint, and what it made of the rows. If the same doesn't come of them without
// Ent, because another version of Ent makes something else of them, such queries are
// left to it.
func (s *knownStatements) learn(sc *scope, f *Fingerprint, b ScanBuilder, result ent.Value) {
	before, behind, ok := f.asQuery()
	st, _, rows := sc.filling.root()
	if !ok || result == nil || st == nil || rows.Rows.N == 0 || !f.isOf(st) {
		return
	}
	set, place := s.set(before)
	if set.find(before, behind) != nil {
		return
	}
	k := &knownStatement{print: string(before) + string(behind), like: reflect.Zero(reflect.TypeOf(result)).Interface()}
	again, err := b.EntcacheScan(k.scan(newReplay(rows.Rows, rows.Types)))
	d := difference{met: make(map[unsafe.Pointer]bool)}
	if err == nil && !d.find(reflect.ValueOf(result), reflect.ValueOf(again), "") {
		k.st = st
	}
	for i := range set {
		if set[i].CompareAndSwap(nil, k) {
			return
		}
	}
	set[place].Store(k)
}

// run runs the query of a builder, which has the fingerprint, as Ent would.
func (k *knownStatement) run(ctx context.Context, c *Cache, sc *scope, f *Fingerprint, b ScanBuilder) (ent.Value, error) {
	s := k.scan(nil)
	// Drivers may keep the arguments.
	if err := c.readPrepared(ctx, sc, k.st, append([]any(nil), f.values...), &s.rows); err != nil {
		return nil, err
	}
	defer s.rows.Close()
	return b.EntcacheScan(s)
}

// Scan is the rows of a statement that are to become the result of a query.
type Scan struct {
	// Like is an empty result of the type that is wanted.
	Like ent.Value

	rows entsql.Rows
	of   *knownStatement
}

func (k *knownStatement) scan(rows entsql.ColumnScanner) *Scan {
	return &Scan{Like: k.like, rows: entsql.Rows{ColumnScanner: rows}, of: k}
}

// ScanNodes returns the entities in the rows, with the functions that Ent generated for
// their type. It does what sqlgraph.QueryNodes does with rows.
func ScanNodes[T any](s *Scan, scanValues func(*T, []string) ([]any, error), assign func(*T, []string, []any) error) ([]*T, error) {
	columns, err := s.rows.Columns()
	if err != nil {
		return nil, err
	}
	nodes := []*T{}
	var slab Slab[T]
	if r, ok := s.rows.ColumnScanner.(*replay); ok && r.rows.N > 0 {
		nodes, slab = NewNodes[T](r.rows.N)
	}
	dest, _ := s.of.dests.Get().(*rowDest)
	again := dest != nil && slices.Equal(dest.columns, columns)
	for s.rows.Next() {
		if !again {
			values, err := scanValues(nil, columns)
			if err != nil {
				return nil, err
			}
			dest, again = &rowDest{columns, values}, reusable(values)
		}
		for i, v := range dest.values {
			if _, ok := v.(*entsql.UnknownType); ok {
				dest.values[i] = entsql.ScanTypeOf(&s.rows, i)
			}
		}
		if err := s.rows.Scan(dest.values...); err != nil {
			return nil, err
		}
		n := slab.Take()
		nodes = append(nodes, n)
		if err := assign(n, columns, dest.values); err != nil {
			return nil, err
		}
	}
	if again {
		s.of.putBack(dest)
	}
	return nodes, s.rows.Err()
}

// putBack keeps destinations, but nothing that was read into them.
func (k *knownStatement) putBack(dest *rowDest) {
	for _, v := range dest.values {
		if v, ok := v.(*sql.NullString); ok {
			v.String = ""
		}
	}
	k.dests.Put(dest)
}

// ScanIDs returns the only column of the rows. The first argument only says the type.
func ScanIDs[T any](_ T, s *Scan) ([]T, error) {
	var list []T
	if r, ok := s.rows.ColumnScanner.(*replay); ok && r.list(&list) {
		return list, nil
	}
	err := entsql.ScanSlice(s.rows, &list)
	if err != nil {
		return nil, err
	}
	return list, nil
}

// ScanCount returns the number in the only row.
func ScanCount(s *Scan) (int, error) { return entsql.ScanInt(s.rows) }
