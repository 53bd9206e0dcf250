package cache

import "github.com/entcache/ent-cache/internal/mutant"

// effect is what statements do to a table.
type effect struct {
	verb  verb
	table *Table
}

// tally is how many rows statements of one effect wrote. Unknown is set if not all of
// them told.
type tally struct {
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
	if o.ran == nil {
		o.ran = make(map[effect]tally)
	}
	e := effect{w.verb, w.table}
	t := o.ran[e]
	t.statements++
	t.rows += max(rows, 0)
	t.unknown = t.unknown || rows < 0 || w.verb == verbInsert && dialect == postgresDialect
	o.ran[e] = t
}

// none reports whether it is known that statements ran of an effect, and that no row
// was written by any.
func (o *Observed) none(v verb, t *Table) bool {
	if o == nil || o.blind || t == nil {
		return false
	}
	done := o.ran[effect{v, t}]
	return done.statements > 0 && !done.unknown && (done.rows == 0 || mutant.On(mutant.SomeAreNone))
}
