package cache

import (
	"bytes"
	"slices"

	entsql "entgo.io/ent/dialect/sql"
)

// witness tells whether predicates and orders come to the same as when a
// fingerprint was taken. They are functions of the program, so they may say one
// thing in the fingerprint and another in the statement: what they look at may
// have changed in between. A value must not be kept under a fingerprint that its
// statements aren't of.
//
// Running a query adds predicates to the builders of its edges and changes where
// its path led to, so a witness remembers what there was.
type witness struct {
	parts []part
	// next is the part that is compared next; it is negative while there is
	// nothing to compare with.
	next int
}

// part is the statement of one builder.
type part struct {
	from       *entsql.Selector
	predicates int
	statement  []byte
}

// newWitness returns a witness that is yet to see a fingerprint.
func newWitness() *witness { return &witness{next: -1} }

// agrees reports whether a builder, which has run since, still has the fingerprint
// that the witness saw.
func (w *witness) agrees(c *Cache, sc *scope, b ValueBuilder) bool {
	f := newFingerprint(c, sc)
	defer f.release()
	f.witness, w.next = w, 0
	return b.EntcacheFingerprint(f) && w.next == len(w.parts)
}

// begin returns the part of a builder, before its statement is appended.
func (w *witness) begin(sel *Selection, predicates int) *part {
	if w.next < 0 {
		p := part{predicates: predicates}
		if sel.From != nil {
			from := *sel.From
			p.from = &from
		}
		w.parts = append(w.parts, p)
		return &w.parts[len(w.parts)-1]
	}
	if w.next == len(w.parts) || predicates < w.parts[w.next].predicates {
		return nil
	}
	w.next++
	return &w.parts[w.next-1]
}

// end takes the statement of a builder, or compares it.
func (w *witness) end(p *part, statement []byte) bool {
	if w.next < 0 {
		p.statement = slices.Clone(statement)
		return true
	}
	return bytes.Equal(p.statement, statement)
}
