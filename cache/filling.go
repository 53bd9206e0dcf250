package cache

import (
	"sync"

	"github.com/entcache/ent-cache/internal/mutant"
	"github.com/entcache/ent-cache/schema"
)

// filling collects what proves the value of a query that runs: the proofs of its
// statements, the root's and those of the edges it loads.
//
// It is complete only if every statement has left one. Each is counted before
// anything else happens to it, and what isn't a statement that the cache took in
// taints the whole: a read that was turned away, a result that wasn't stored, one
// served in grace. A statement that no driver of the cache sees can't be counted;
// fingerprints rule those out, which demand the cache's interceptor of every
// builder that loads an edge. All methods are safe for concurrent use and for nil.
type filling struct {
	mu      sync.Mutex
	begun   int
	tainted bool
	proven  []proven
	// owed are rows that are stored unless a value stands for them, and key is
	// theirs.
	owed *Entry
	key  Key
	// rows are those of the root's statement, st is what it was, and args are its
	// arguments.
	rows *Entry
	st   *prepared
	args []any

	// What is stored in the end, and the proof of a query of one statement: that
	// saves allocations.
	entry Entry
	value typed
	first [1]proven
}

// proven is a statement's proof, and its policy if that refreshes entries.
type proven struct {
	// Entry has no rows: a value must not keep them.
	Entry
	refreshing *schema.Policy
}

func newFilling() *filling {
	f := new(filling)
	f.proven = f.first[:0]
	return f
}

// collector returns what the statements of a scope are collected in; nil if nobody
// asked for it.
func (sc *scope) collector() *filling {
	if sc.root {
		return sc.filling
	}
	if sc.top != nil {
		return sc.top.filling
	}
	return nil
}

// begin counts a statement.
func (f *filling) begin() {
	if f == nil {
		return
	}
	f.mu.Lock()
	f.begun++
	f.mu.Unlock()
}

// taint says that something was read that nothing proves.
func (f *filling) taint() {
	if f == nil || mutant.On(mutant.ValueUntainted) {
		return
	}
	f.mu.Lock()
	f.tainted = true
	f.mu.Unlock()
}

// collect takes in the proof of a statement that the read was served with.
func (r *reading) collect(e *Entry) {
	f := r.scope.collector()
	if f == nil {
		return
	}
	p := proven{Entry: Entry{Proof: e.Proof}}
	if pol := r.scope.typ.Policy; refreshing(pol) {
		p.refreshing = pol
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tainted {
		return
	}
	f.proven = append(f.proven, p)
	if r.scope.root {
		f.rows, f.st, f.args = e, r.st, r.args
	}
}

// root returns the statement of the query itself, its arguments and its rows; nil if
// none was taken in.
func (f *filling) root() (st *prepared, args []any, rows *Entry) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.st, f.args, f.rows
}

// end returns the proofs of all statements, and none if one is missing.
func (f *filling) end() []proven {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.tainted || f.begun != len(f.proven) && !mutant.On(mutant.ValueUntainted) {
		return nil
	}
	proofs := f.proven
	// Who comes now is late.
	f.tainted = true
	return proofs
}
