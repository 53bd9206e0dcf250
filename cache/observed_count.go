package cache

import (
	"slices"

	"github.com/entcache/ent-cache/internal/mutant"
)

// tally is how many rows the statements wrote that do the same to a table. Unknown is
// set if not all of them told.
type tally struct {
	verb       verb
	table      *Table
	statements int
	rows       int64
	unknown    bool
}

// Ran notes a statement that ran, and how many rows the database said it wrote;
// negative if it didn't. The text is one of those that write.
//
// No rows is what a database says of a statement that wrote nothing, and MySQL of one
// that changed nothing, but for what triggers and rules made of it: they may have put
// another statement in its place, which is theirs as all that they write. An INSERT
// on PostgreSQL isn't believed: a table that a trigger partitions looks like any other,
// but that all its rows go elsewhere.
func (o *Observed) Ran(s *Schema, dialect, query string, rows int64) {
	w := s.written.of(s, dialect, query)
	if w.table == nil {
		o.blind = true
		return
	}
	i := slices.IndexFunc(o.ran, func(t tally) bool { return t.verb == w.verb && t.table == w.table })
	if i < 0 {
		i, o.ran = len(o.ran), append(o.ran, tally{verb: w.verb, table: w.table})
	}
	t := &o.ran[i]
	t.statements++
	t.rows += max(rows, 0)
	t.unknown = t.unknown || rows < 0 || w.verb == verbInsert && dialect == postgresDialect
}

// done returns what statements did to a table.
func (o *Observed) done(v verb, t *Table) tally {
	for _, x := range o.ran {
		if x.verb == v && x.table == t {
			return x
		}
	}
	return tally{}
}

// none reports whether it is known that statements ran which do that to the table, and
// that no row was written by any.
func (o *Observed) none(v verb, t *Table) bool {
	if o == nil || o.blind || t == nil {
		return false
	}
	done := o.done(v, t)
	return done.statements > 0 && !done.unknown && (done.rows == 0 || mutant.On(mutant.SomeAreNone))
}
