package cache

import (
	"bytes"

	entsql "entgo.io/ent/dialect/sql"
)

// Predicates and orders are functions of the program, so they may say one thing
// in a fingerprint and another in the statement: what they look at may have changed
// in between. A value must not be kept under a fingerprint that its statements
// aren't of. So they are asked again when the query has run, and the arguments of
// the root's statement are compared with those in its fingerprint.
//
// Running a query adds predicates to the builders of its edges and changes where
// its path led to, so a fingerprint remembers what there was.

// part is the statement of one builder in a fingerprint.
type part struct {
	// from is where the builder's path led to, if it has one.
	from       *entsql.Selector
	predicates int
	// The statement is in [start, end) of the fingerprint, its arguments from
	// args on.
	start, args, end int
	// asked says that all conditions and orders said what they are.
	asked bool
}

// agrees reports whether a builder, which has run since, still has the
// fingerprint.
//
// That a statement is what a fingerprint says shows once, by asking again. From
// then on it is enough that a query with that fingerprint, but for the arguments,
// runs that statement.
func (f *Fingerprint) agrees(c *Cache, sc *scope, b ValueBuilder) bool {
	st, args, _ := sc.filling.root()
	if st != nil && f.isOf(st) {
		return f.has(args)
	}
	if !f.again(c, sc, b) || !f.has(args) {
		return false
	}
	if st != nil && len(f.parts) == 1 {
		p := &f.parts[0]
		print := string(f.buf[f.head:p.args]) + string(f.buf[p.end:])
		st.print.Store(&print)
	}
	return true
}

// isOf reports whether the fingerprint is known to be that of the one statement.
func (f *Fingerprint) isOf(st *prepared) bool {
	known := st.print.Load()
	if known == nil || len(f.parts) != 1 {
		return false
	}
	p := &f.parts[0]
	return joined(*known, f.buf[f.head:p.args], f.buf[p.end:])
}

// has reports whether the root's statement in the fingerprint has the arguments.
func (f *Fingerprint) has(args []any) bool {
	if len(f.parts) == 0 {
		return true
	}
	root := &f.parts[0]
	n := len(f.buf)
	var ok bool
	f.buf, ok = appendArgs(f.buf, args)
	same := ok && bytes.Equal(f.buf[n:], f.buf[root.args:root.end])
	f.buf = f.buf[:n]
	return same
}

// again reports whether the builder has the fingerprint if it is asked again.
func (f *Fingerprint) again(c *Cache, sc *scope, b ValueBuilder) bool {
	again := newFingerprint(c, sc)
	defer again.release()
	again.against = f
	return b.EntcacheFingerprint(again) && again.next == len(f.parts)
}

// was returns the next part of the fingerprint that this one is compared with, for
// a builder with so many predicates; nil if there is none.
func (f *Fingerprint) was(predicates int) *part {
	if f.next == len(f.against.parts) || predicates < f.against.parts[f.next].predicates {
		return nil
	}
	f.next++
	return &f.against.parts[f.next-1]
}
