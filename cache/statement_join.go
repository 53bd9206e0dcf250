package cache

import (
	"strings"

	"github.com/entcache/ent-cache/internal/mutant"
)

// equality is a condition "column = column" of a conjunction, by the tokens of its
// sides.
type equality struct {
	scope int32
	sides [2][2]int32
}

// propagate pins occurrences through equalities: if X.c = Y.d must hold, and Y.d has
// one of some values, so has X.c.
//
// Why: let X be read where the condition stands, in a WHERE or in the ON of a SELECT
// that has inner joins only. What isn't dropped fulfills it, so rows of X with other
// values in c have no part in what the SELECT returns. That Y.d has one of the values
// is likewise a condition of the same SELECT, or of one around it, whose rows with
// other values are dropped whatever this SELECT returns for them, or it follows from
// where Y comes from: a derived table returns in d what a row of its own FROM had
// there, which fulfilled its WHERE, or NULL, which equals nothing. A UNION may return
// what another SELECT had, so its columns say nothing.
//
// Equality must be transitive between the columns, which it is for numbers, booleans
// and UUIDs of one kind, and for texts not where a collation folds them.
func (a *analysis) propagate() {
	if len(a.equalities)*len(a.scopes) > maxWork {
		return
	}
	for range len(a.equalities) {
		changed := false
		for i := range a.equalities {
			e := &a.equalities[i]
			changed = a.carry(e, 0, 1) || changed
			changed = a.carry(e, 1, 0) || changed
		}
		if !changed {
			return
		}
	}
}

// carry pins the one side by what pins the other, and reports whether that was
// news.
func (a *analysis) carry(e *equality, from, to int) bool {
	source, target := a.source(e.scope, e.sides[from]), a.side(e.scope, e.sides[to])
	if !source.exact || !target.exact || target.scope != e.scope && !mutant.On(mutant.PinsOutwards) {
		return false
	}
	x, y := target.column, source.column
	if !sameEquality(x, y) || x.Computed {
		return false
	}
	it := &a.scopes[target.scope].items[target.item]
	for _, p := range a.scopes[source.scope].items[source.item].pins {
		q := pin{column: x, values: p.values}
		if p.column == y && (q.row() || x.Grouped) {
			return it.pin(q)
		}
	}
	return false
}

// sameEquality reports whether the values of two columns are equal in Go if they are
// in the database, by whatever condition.
func sameEquality(x, y *Column) bool {
	return !x.Table.View && !y.Table.View && x.Exact && y.Exact && x.Kind == y.Kind && x.Kind != KindString && x.Kind != KindBytes
}

// side returns what a side of a condition in a SELECT names, if that is a column of
// a table.
func (a *analysis) side(s int32, tokens [2]int32) found {
	return a.resolve(s, tokens[0], parts(tokens))
}

func parts(tokens [2]int32) int8 { return int8(min((tokens[1]-tokens[0])/2+1, 4)) }

// source is side, or the column of a table that a column of a derived table is.
func (a *analysis) source(s int32, tokens [2]int32) found {
	f := a.side(s, tokens)
	if f.exact || !f.derived {
		return f
	}
	qualifier := a.tokens[tokens[1]-3].text
	sc, i, ok := a.element(s, "", qualifier)
	if !ok || parts(tokens) != 2 || a.scopes[sc].items[i].sub == 0 {
		return found{}
	}
	return a.output(a.scopes[sc].items[i].sub-1, a.tokens[tokens[1]-1].text)
}

// single reports whether the tokens are one SELECT, and not several combined or
// one with a WITH.
func (a *analysis) single(i, end int32) bool {
	if a.tokens[i].word != wSelect {
		return false
	}
	for ; i < end; i++ {
		if t := &a.tokens[i]; t.isOp('(') {
			i = t.n
		} else if t.kind == tokWord && t.word == wSetOp && !a.tokens[i-1].isOp('.') && !mutant.On(mutant.UnionPins) {
			return false
		}
	}
	return true
}

// output returns the column of a table that the SELECT returns under a name, if the
// projection has that and nothing else of the name.
func (a *analysis) output(s int32, name string) (out found) {
	i := a.scopes[s].begin
	for n := 0; ; {
		end := i
		for ; a.tokens[end].kind != tokEnd && !a.tokens[end].isOp(',') && !a.tokens[end].isOp(')') && a.tokens[end].word != wFrom; end++ {
			if a.tokens[end].isOp('(') {
				end = a.tokens[end].n
			}
		}
		p, last := a.path(i, end), end
		switch {
		case a.tokens[end-1].isOp('*'):
			return found{}
		case p < end && a.tokens[p].word == wAs:
			last = p + 2
		case p < end && p > i:
			last = p + 1
		}
		if a.tokens[end-1].isName() && strings.EqualFold(a.tokens[end-1].text, name) {
			if n++; n > 1 || p == i || last != end {
				return found{}
			}
			if out = a.resolve(s, i, parts([2]int32{i, p})); !out.exact || out.scope != s {
				return found{}
			}
		}
		if !a.tokens[end].isOp(',') {
			return out
		}
		i = end + 1
	}
}
