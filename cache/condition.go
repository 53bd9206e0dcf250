package cache

import "strings"

// condition is a condition on the columns of one occurrence of a table that can be
// evaluated for a row: comparisons with constants, put together by AND, OR and NOT.
type condition struct {
	op     conditionOp
	column *Column
	// constants are those that the column is compared with, by their place in the
	// list of all of a statement's.
	constants []int
	parts     []condition
}

type conditionOp uint8

const (
	isTrue conditionOp = iota + 1
	isNullOp
	isEqual
	isUnequal
	isLess
	isLessOrEqual
	isGreater
	isGreaterOrEqual
	isIn
	isLike
	allOf
	anyOf
	notOp
)

// constant is a value that a column is compared with.
type constant struct {
	column *Column
	value  value
}

// maxConstants bounds the constants of the conditions of one statement.
const maxConstants = 64

var comparisons = map[string]conditionOp{
	"=": isEqual, "==": isEqual, "<>": isUnequal, "!=": isUnequal, "<": isLess, "<=": isLessOrEqual, ">": isGreater, ">=": isGreaterOrEqual,
}

// conditionReader reads conditions on one occurrence.
type conditionReader struct {
	*analysis
	at        place
	constants []constant
}

// read reads the tokens from i up to end, and reports false if they aren't such a
// condition, or if the database may understand them otherwise.
func (r *conditionReader) read(i, end int32) (condition, bool) {
	for j := i; j < end; j++ {
		switch t := &r.tokens[j]; {
		case t.isOp('('):
			j = t.n
		case t.word == wCase, t.word == wBetween, t.word == wOperator && strings.EqualFold(t.text, "xor"),
			t.kind == tokOp && r.dialect == mysqlDialect && strings.Contains(t.text, "||"):
			return condition{}, false
		}
	}
	if c, ok, several := r.list(i, end, wOr, anyOf); several {
		return c, ok
	}
	if c, ok, several := r.list(i, end, wAnd, allOf); several {
		return c, ok
	}
	switch t := &r.tokens[i]; {
	case i >= end:
		return condition{}, false
	case t.isOp('('):
		if t.n != end-1 || r.beginsQuery(i+1) {
			return condition{}, false
		}
		return r.read(i+1, end-1)
	case t.word == wNot:
		// What follows binds tighter in any mode of any database.
		if p := r.path(i+1, end); p != end && !(r.tokens[i+1].isOp('(') && r.tokens[i+1].n == end-1) {
			return condition{}, false
		}
		c, ok := r.read(i+1, end)
		return condition{op: notOp, parts: []condition{c}}, ok
	}
	return r.comparison(i, end)
}

// list reads conditions with a connective between them, and reports whether there
// are several.
func (r *conditionReader) list(i, end int32, by word, op conditionOp) (c condition, ok, several bool) {
	c.op, ok = op, true
	start := i
	for j := i; j <= end; j++ {
		if j < end && r.tokens[j].isOp('(') {
			j = r.tokens[j].n
			continue
		}
		if j < end && (r.tokens[j].word != by || j > i && r.tokens[j-1].isOp('.')) {
			continue
		}
		if j == end && start == i {
			return condition{}, false, false
		}
		part, known := r.read(start, j)
		ok = ok && known
		c.parts = append(c.parts, part)
		start = j + 1
	}
	return c, ok, true
}

// comparison reads a condition on one column.
func (r *conditionReader) comparison(i, end int32) (condition, bool) {
	p := r.path(i, end)
	if p == i || r.tokens[p-1].isOp('*') {
		return condition{}, false
	}
	f := r.resolve(r.at.scope, i, parts([2]int32{i, p}))
	if !f.exact || f.scope != r.at.scope || f.item != r.at.item || f.column.Computed {
		return condition{}, false
	}
	c := condition{column: f.column}
	if p == end {
		c.op = isTrue
		return c, f.column.Kind == KindBool
	}
	t := &r.tokens[p]
	negated := false
	if t.word == wNot {
		negated = true
		p++
		t = &r.tokens[p]
	}
	ok := false
	switch {
	case t.word == wOperator && strings.EqualFold(t.text, "is") && !negated:
		if r.tokens[p+1].word == wNot {
			negated = true
			p++
		}
		c.op, ok = isNullOp, p+2 == end && r.tokens[p+1].kind == tokWord && strings.EqualFold(r.tokens[p+1].text, "null")
	case t.word == wIn && r.tokens[p+1].isOp('(') && r.tokens[p+1].n == end-1:
		c.op, ok = isIn, p+2 < end-1
		for j := p + 2; j < end-1 && ok; j += 2 {
			ok = r.constant(&c, j) && (j+1 == end-1 || r.tokens[j+1].isOp(','))
		}
	case t.word == wOperator && strings.EqualFold(t.text, "like") && p+2 == end:
		c.op, ok = isLike, c.column.Kind == KindString && r.constant(&c, p+1)
	case t.kind == tokOp && !negated && p+2 == end:
		if c.op, ok = comparisons[t.text]; ok {
			ordered := c.op != isEqual && c.op != isUnequal
			ok = (!ordered || c.column.Kind == KindInt) && r.constant(&c, p+1)
		}
	}
	ok = ok && (c.op == isNullOp || r.compares(c.column))
	if negated {
		c = condition{op: notOp, parts: []condition{c}}
	}
	return c, ok
}

// compares reports whether values of the column are compared as Go compares them, also
// where they differ.
func (r *conditionReader) compares(c *Column) bool {
	switch c.Kind {
	case KindInt, KindBool, KindString:
		return true
	case KindUUID:
		// Elsewhere they are texts or bytes, which differ where the values don't.
		return r.dialect == postgresDialect
	}
	return false
}

// constant adds the constant at token i to a condition. Literals must be of the
// column's kind.
func (r *conditionReader) constant(c *condition, i int32) bool {
	v, kind, ok := r.value(i)
	if !ok || kind != KindOther && kind != c.column.Kind || len(r.constants) == maxConstants {
		return false
	}
	c.constants = append(c.constants, len(r.constants))
	r.constants = append(r.constants, constant{column: c.column, value: v})
	return true
}

// names reports whether the condition is about a column that fulfils f.
func (c *condition) names(f func(*Column) bool) bool {
	if c.column != nil && f(c.column) {
		return true
	}
	for i := range c.parts {
		if c.parts[i].names(f) {
			return true
		}
	}
	return false
}
