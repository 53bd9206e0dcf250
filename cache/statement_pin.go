package cache

import (
	"strconv"
	"strings"

	"github.com/entcache/ent-cache/internal/mutant"
)

// pin says that only some rows of an occurrence of a table matter: those with
// one of some values in a column. A WHERE that is a conjunction with
// "column = value" in it pins the occurrence, under joins of any kind: a row
// that an outer join made up has NULL in the column and fails the condition.
type pin struct {
	column *Column
	values []value
}

// value is an argument or, if arg is negative, a literal.
type value struct {
	arg     int32
	literal any
}

// row reports whether the pin names rows by their key.
func (p *pin) row() bool {
	return len(p.column.Table.ID) == 1 && p.column.Table.ID[0] == p.column
}

// pinScopes finds the pins of every SELECT. The conditions of inner joins are like
// those of the WHERE.
func (a *analysis) pinScopes() {
	for s := range a.scopes {
		sc := &a.scopes[s]
		if w := sc.where; w[1] > w[0] {
			a.conjuncts(int32(s), w[0], w[1])
		}
		if sc.outerJoin && !mutant.On(mutant.OuterPins) {
			continue
		}
		for _, on := range sc.on {
			a.conjuncts(int32(s), on[0], on[1])
		}
	}
	a.propagate()
	a.refer()
}

// conjuncts reads the conditions of a conjunction. What might bind weaker than
// AND, or hold an AND of its own, disqualifies the whole of it.
func (a *analysis) conjuncts(s, i, end int32) {
	a.conjunction(i, end, func(i, end int32) { a.condition(s, i, end) })
}

// conjunction visits the conditions of a conjunction, and reports false, and visits
// none, if it isn't sure that it is one.
func (a *analysis) conjunction(i, end int32, visit func(i, end int32)) bool {
	for j := i; j < end; j++ {
		switch t := &a.tokens[j]; {
		case t.isOp('('):
			j = t.n
		case t.word == wOr, t.word == wCase, t.word == wBetween, t.word == wOperator && strings.EqualFold(t.text, "xor"),
			t.kind == tokOp && a.dialect == mysqlDialect && strings.Contains(t.text, "||"):
			return false
		}
	}
	start := i
	for j := i; j <= end; j++ {
		if j < end && a.tokens[j].isOp('(') {
			j = a.tokens[j].n
			continue
		}
		if j == end || a.tokens[j].word == wAnd && (j == i || !a.tokens[j-1].isOp('.')) {
			inside := a.tokens[start].isOp('(') && a.tokens[start].n == j-1 && !a.beginsQuery(start+1)
			if !(inside && a.conjunction(start+1, j-1, visit)) && start < j {
				visit(start, j)
			}
			start = j + 1
		}
	}
	return true
}

// condition pins an occurrence if the condition says which values a column has.
func (a *analysis) condition(s, i, end int32) {
	if a.tokens[i].word == wNot && a.path(i+1, end) == end {
		a.pinColumn(s, i+1, end, []value{{arg: -1, literal: false}}, KindBool)
		return
	}
	p := a.path(i, end)
	switch {
	case p == i:
	case p == end:
		a.pinColumn(s, i, p, []value{{arg: -1, literal: true}}, KindBool)
	case a.tokens[p].kind == tokOp && (a.tokens[p].text == "=" || a.tokens[p].text == "=="):
		if v, kind, ok := a.value(p + 1); ok && p+2 == end {
			a.pinColumn(s, i, p, []value{v}, kind)
		} else if !ok && a.path(p+1, end) == end {
			a.equalities = append(a.equalities, equality{scope: s, sides: [2][2]int32{{i, p}, {p + 1, end}}})
		}
	case a.tokens[p].word == wIn && a.tokens[p+1].isOp('(') && a.tokens[p+1].n == end-1:
		values := make([]value, 0, (end-p)/2)
		common := KindOther
		for j := p + 2; j < end; j += 2 {
			v, kind, ok := a.value(j)
			if !ok || j+1 < end-1 && !a.tokens[j+1].isOp(',') {
				return
			}
			if kind != KindOther {
				if common != KindOther && common != kind {
					return
				}
				common = kind
			}
			values = append(values, v)
		}
		a.pinColumn(s, i, p, values, common)
	}
}

// value returns the value that is the token at i, and the kind of a literal.
func (a *analysis) value(i int32) (value, Kind, bool) {
	switch t := &a.tokens[i]; {
	case t.kind == tokArg:
		return value{arg: t.n}, KindOther, true
	case t.kind == tokNumber:
		n, err := strconv.ParseInt(t.text, 10, 64)
		return value{arg: -1, literal: n}, KindInt, err == nil
	case t.word == wTrue, t.word == wFalse:
		return value{arg: -1, literal: t.word == wTrue}, KindBool, true
	}
	return value{}, KindOther, false
}

// pinColumn pins the occurrence that the name from i up to end belongs to, if
// it is one of the scope's own and no better pin is known. Literals must be of
// the column's kind.
func (a *analysis) pinColumn(s, i, end int32, values []value, literals Kind) {
	if a.tokens[end-1].isOp('*') {
		return
	}
	f := a.resolve(s, i, int8(min((end-i)/2+1, 4)))
	if !f.exact || f.scope != s || f.column.Table.View || !f.column.Exact || f.column.Computed ||
		literals != KindOther && f.column.Kind != literals {
		return
	}
	if p := (pin{column: f.column, values: values}); p.row() || f.column.Grouped {
		a.scopes[s].items[f.item].pin(p)
	}
}

// pin notes a pin, unless one by the same column names no more rows, and reports
// whether it did.
func (it *item) pin(p pin) bool {
	for i := range it.pins {
		if it.pins[i].column == p.column {
			if len(p.values) >= len(it.pins[i].values) {
				return false
			}
			it.pins[i] = p
			return true
		}
	}
	it.pins = append(it.pins, p)
	return true
}

// byRow returns the pin by key, or nil.
func (it *item) byRow() *pin {
	for i := range it.pins {
		if it.pins[i].row() {
			return &it.pins[i]
		}
	}
	return nil
}

// maxProduct bounds the groups that one occurrence may be pinned to.
const maxProduct = 64

// byGroup returns the grouping by which the pins name the fewest rows, with the
// values of its columns, or nil.
func (it *item) byGroup() (*Grouping, [][]value) {
	var (
		best   *Grouping
		chosen [][]value
		n      int
	)
	for _, g := range it.table.groupings {
		values, product := make([][]value, 0, 2), 1
		for _, c := range g.Columns {
			for i := range it.pins {
				if it.pins[i].column == c {
					values = append(values, it.pins[i].values)
					product *= len(it.pins[i].values)
				}
			}
		}
		switch pair := len(g.Columns) > 1; {
		case len(values) < len(g.Columns):
		case pair && product > maxProduct:
		case best == nil, pair && len(best.Columns) == 1, len(best.Columns) == len(g.Columns) && product < n:
			best, chosen, n = g, values, product
		}
	}
	return best, chosen
}
