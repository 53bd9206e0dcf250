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
	// path says that the builder has one, which leads to from.
	path       bool
	from       entsql.Selector
	predicates int
	// The statement is in [start, end) of the fingerprint, its arguments from
	// args on.
	start, args, end int
}

// agrees reports whether a builder, which has run since with these arguments of
// the root's statement, still has the fingerprint.
func (f *Fingerprint) agrees(c *Cache, sc *scope, b ValueBuilder, args []any) bool {
	again := newFingerprint(c, sc)
	defer again.release()
	again.against = f
	if !b.EntcacheFingerprint(again) || again.next != len(f.parts) {
		return false
	}
	if len(f.parts) == 0 {
		return true
	}
	root := &f.parts[0]
	start := len(again.buf)
	var ok bool
	if again.buf, ok = appendArgs(again.buf, args); !ok {
		return false
	}
	return bytes.Equal(again.buf[start:], f.buf[root.args:root.end])
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
