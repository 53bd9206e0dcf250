package cache

import "github.com/entcache/ent-cache/internal/mutant"

// refer finds the occurrences of tables in which a row that is created has no part,
// because nothing refers to it yet: if X.id = Y.c must hold, and c is a foreign key to
// the table of X that the database enforces, then what X depends on needn't say that
// rows are created.
//
// Why: let a transaction create rows of X, and touch nothing that the statement
// depends on otherwise. What may become of X is then what it was, and the new rows.
// Let one of them have the key k, and fulfill X.id = Y.c with a row of Y afterwards. Y
// is an occurrence of the same statement and has facts of its own, so that its rows
// that matter, and what they have in c, are what they were: the row was there before
// and had k in c. But no row of X had the key k, and the database keeps no reference to
// what isn't there when a transaction has ended. So the new row fails the condition,
// with every row of Y that matters. The condition is certain, as for propagate: in a
// WHERE, which also drops what an outer join made up for want of a partner in X, or in
// the ON of a SELECT that has inner joins only. A row of Y that refers to the new one
// later is a write to Y. One that isn't of the same SELECT is of one around it or of a
// derived table, as for propagate.
//
// A row that is deleted and created again in one transaction may keep what refers to
// it, where constraints are deferred. It isn't new: X depends on deleted(X) even where
// it wouldn't otherwise.
//
// Y may itself need no created rows because of a third occurrence, as a row of Y that
// nothing refers to fails that condition. It may not be because of X, by whatever way:
// two rows that refer to one another may come to be at once. A row may refer to itself
// too, and the table of Y is another than that of X.
func (a *analysis) refer() {
	if len(a.equalities)*len(a.scopes) > maxWork {
		return
	}
	for i := range a.equalities {
		e := &a.equalities[i]
		a.referTo(e, 0, 1)
		a.referTo(e, 1, 0)
	}
}

// referTo notes that the one side of a condition refers to the other.
func (a *analysis) referTo(e *equality, from, to int) {
	source, target := a.source(e.scope, e.sides[from]), a.side(e.scope, e.sides[to])
	if !source.exact || !target.exact || target.scope != e.scope && !mutant.On(mutant.ForeignOutwards) {
		return
	}
	x, y := target.column, source.column
	if !immutable(x) || y.references != x.Table || x.Table == y.Table || !sameEquality(x, y) {
		return
	}
	it, by := &a.scopes[target.scope].items[target.item], place{source.scope, source.item}
	if it.referred {
		return
	}
	for at := by; ; {
		if at == (place{target.scope, target.item}) {
			return
		}
		next := &a.scopes[at.scope].items[at.item]
		if !next.referred {
			break
		}
		at = next.by
	}
	it.referred, it.by = true, by
}

// place is that of an element of a FROM.
type place struct{ scope, item int32 }
