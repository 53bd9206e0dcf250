package cache

import "strings"

// analysis reads a statement in two passes: this one finds the SELECTs, what
// stands in their FROM and which names stand where; the next one resolves the
// names. It isn't a grammar of SQL: an expression is a run of tokens in which
// names, calls and sub-selects matter. Where clauses begin and end decides what
// a result depends on, so what isn't certain there is refused.
type analysis struct {
	schema  *Schema
	dialect string
	tokens  []token
	scopes  []selectScope
	refs    []ref
	outer   int32 // the scope of the outermost SELECT
	// columns counts the items of its projection; starred says that some stand
	// for more columns than one.
	columns    int
	starred    bool
	compound   bool // the outermost SELECT is part of a set operation
	ordinals   bool // the outermost SELECT is ordered by positions
	equalities []equality
	// derived are names that the statement itself introduces.
	derived []string
	tables  []*Table
	// read are the tables of declared functions and names of tables outside a
	// FROM: nothing is known of how they are read.
	read   []*Table
	coarse bool
	filter bool // in a WHERE or ON, where no aggregate of the same SELECT stands

	sensitive bool
	reason    Reason
	detail    string
}

// selectScope is a SELECT, or a WITH around some.
type selectScope struct {
	parent int32
	items  []item
	ctes   []string
	// begin is the first token of the projection, where the range of the WHERE
	// clause, and on those of the conditions of joins.
	begin int32
	where [2]int32
	on    [][2]int32
	// order and limit are the ranges of ORDER BY and LIMIT.
	order, limit [2]int32
	outerJoin    bool // some join isn't an inner one
	aggregated   bool // grouped, or one row made of many
}

// item is an element of FROM: an occurrence of a table, or something derived.
type item struct {
	table     *Table // nil if derived
	name      string
	qualifier string
	pins      []pin
	// referred is set if only rows matter that another one refers to: one of the
	// occurrence by.
	referred bool
	by       place
	// sub is one more than the scope of the only SELECT of a derived table, else
	// zero.
	sub int32
}

// ref is a name, as it stands in the statement.
type ref struct {
	scope, token int32
	parts        int8
	star         bool // "*" or "t.*"
	keyword      bool // may be a keyword instead
	aggregate    bool // inside an aggregate
	projected    bool // in the projection of some SELECT
	// column is one more than the position in the outermost projection, if the
	// name is an item of it and nothing else.
	column int16
}

// fail gives the statement up and returns the index of its end, where every
// reader stops. The first reason counts.
func (a *analysis) fail(r Reason, detail string) int32 {
	if a.reason == Cacheable {
		a.reason, a.detail = r, detail
	}
	return int32(len(a.tokens)) - lookAhead
}

func (a *analysis) unclear(i int32) int32 {
	if t := &a.tokens[i]; t.text != "" {
		return a.fail(NotUnderstood, "near "+t.text)
	}
	return a.fail(NotUnderstood, "the end of the statement")
}

// parse reads the whole statement.
func (a *analysis) parse() {
	end := int32(len(a.tokens)) - lookAhead
	switch a.tokens[0].word {
	case wSelect, wWith:
	default:
		a.fail(NotSelect, "")
		return
	}
	for i := range a.tokens[:end] {
		if t := &a.tokens[i]; t.kind == tokWord && (i == 0 || !a.tokens[i-1].isOp('.')) {
			a.refused(t, &a.tokens[i+1])
		}
	}
	a.outer = -1
	a.query(-1, 0, end, true)
}

// refused looks for keywords that settle the matter wherever they stand.
func (a *analysis) refused(t, next *token) {
	switch t.word {
	case wWrite:
		if !next.isOp('(') {
			a.refuseWrite(t)
		}
	case wLock:
		a.fail(Locking, "")
	case wFor:
		if next.kind == tokWord && (next.word == wWrite || strings.EqualFold(next.text, "share") || strings.EqualFold(next.text, "no") ||
			strings.EqualFold(next.text, "key")) {
			a.fail(Locking, "")
		}
	case wNow:
		a.fail(Volatile, strings.ToUpper(t.text))
	case wSample:
		a.fail(Volatile, "TABLESAMPLE")
	}
}

func (a *analysis) refuseWrite(t *token) { a.fail(NotSelect, strings.ToUpper(t.text)) }

func (a *analysis) newScope(parent int32) int32 {
	a.scopes = append(a.scopes, selectScope{parent: parent})
	return int32(len(a.scopes)) - 1
}

// beginsQuery reports whether a query stands at i.
func (a *analysis) beginsQuery(i int32) bool {
	return a.tokens[i].word == wSelect || a.tokens[i].word == wWith
}

// query reads [WITH …] SELECT … up to end. It is main if it isn't part of
// another one.
func (a *analysis) query(parent, i, end int32, main bool) {
	defer func(filter bool) { a.filter = filter }(a.filter)
	a.filter = false
	if a.tokens[i].word == wWith {
		parent = a.newScope(parent)
		i = a.with(parent, i+1, end)
	}
	for first := true; ; first = false {
		if i >= end || a.reason != Cacheable {
			a.unclear(end)
			return
		}
		if a.tokens[i].isOp('(') && !first && a.beginsQuery(i+1) {
			a.query(parent, i+1, a.tokens[i].n, main)
			i = a.tokens[i].n + 1
			if i < end && a.tokens[i].word != wSetOp {
				a.unclear(i)
				return
			}
		} else if a.tokens[i].word == wSelect {
			s := a.newScope(parent)
			if main && a.outer < 0 {
				a.outer = s
			}
			i = a.selection(s, i+1, end)
		} else {
			a.unclear(i)
			return
		}
		if i >= end {
			return
		}
		a.compound = a.compound || main
		if i++; a.tokens[i].word == wAll || a.tokens[i].word == wDistinct {
			i++
		}
	}
}

// with reads the common table expressions of a WITH and returns the index
// behind them. A name is visible in what follows it, and in its own query if
// the WITH is recursive.
func (a *analysis) with(s, i, end int32) int32 {
	recursive := a.tokens[i].word == wRecursive
	if recursive {
		i++
	}
	for a.reason == Cacheable {
		if !a.tokens[i].isName() || a.tokens[i].word.structural() {
			return a.unclear(i)
		}
		name := a.tokens[i].text
		a.derive(name)
		if i++; a.tokens[i].isOp('(') {
			i = a.columnList(i)
		}
		if a.tokens[i].word != wAs {
			return a.unclear(i)
		}
		if i++; a.tokens[i].word == wNot {
			i++
		}
		if a.tokens[i].word == wMaterialized {
			i++
		}
		if !a.tokens[i].isOp('(') || !a.beginsQuery(i+1) {
			return a.unclear(i)
		}
		if recursive {
			a.scopes[s].ctes = append(a.scopes[s].ctes, name)
		}
		a.query(s, i+1, a.tokens[i].n, false)
		if !recursive {
			a.scopes[s].ctes = append(a.scopes[s].ctes, name)
		}
		if i = a.tokens[i].n + 1; i >= end || !a.tokens[i].isOp(',') {
			return i
		}
		i++
	}
	return end
}

// columnList reads names in parentheses and returns the index behind them.
func (a *analysis) columnList(i int32) int32 {
	end := a.tokens[i].n
	for i++; i < end; i++ {
		if t := &a.tokens[i]; t.isName() {
			a.derive(t.text)
		} else if !t.isOp(',') {
			return a.unclear(i)
		}
	}
	return end + 1
}

func (a *analysis) derive(name string) { a.derived = append(a.derived, name) }

// selection reads a SELECT behind its keyword, and returns end or the index of
// the set operator that ended it.
func (a *analysis) selection(s, i, end int32) int32 {
	if w := a.tokens[i].word; w == wDistinct || w == wAll {
		if i++; w == wDistinct && a.tokens[i].word == wOn && a.tokens[i+1].isOp('(') {
			a.expression(s, i+2, a.tokens[i+1].n, false)
			i = a.tokens[i+1].n + 1
		}
	}
	a.scopes[s].begin = i
	stop := a.clauseEnd(i, end, true)
	a.project(s, i, stop)
	for i = stop; i < end && a.reason == Cacheable; {
		w := a.tokens[i].word
		switch w {
		case wSetOp:
			return i
		case wFrom:
			if a.scopes[s].items != nil {
				return a.unclear(i)
			}
			i = a.from(s, i+1, end)
			continue
		case wGroup, wOrder:
			i++
		case wWhere, wHaving, wWindow, wLimit, wOffset, wFetch:
		default:
			return a.unclear(i)
		}
		if w == wGroup || w == wHaving {
			a.scopes[s].aggregated = true
		}
		i++
		stop = a.clauseEnd(i, end, false)
		if w == wWhere {
			if a.scopes[s].where[1] != 0 {
				return a.unclear(i)
			}
			a.scopes[s].where = [2]int32{i, stop}
		}
		switch w {
		case wWindow:
			a.windows(i, stop)
		case wOrder:
			a.scopes[s].order = [2]int32{i, stop}
		case wLimit:
			a.scopes[s].limit = [2]int32{i, stop}
		}
		if w == wOrder && s == a.outer {
			a.ordinals = a.ordinals || a.ordinal(i, stop)
		}
		a.filter = w == wWhere
		a.expression(s, i, stop, false)
		a.filter = false
		i = stop
	}
	return i
}

// windows notes the names that a WINDOW clause introduces.
func (a *analysis) windows(i, end int32) {
	for ; i+1 < end; i++ {
		if a.tokens[i].isName() && a.tokens[i+1].word == wAs {
			a.derive(a.tokens[i].text)
		}
	}
}

// ordinal reports whether a term of ORDER BY is a number, the position of a
// column in the projection.
func (a *analysis) ordinal(i, end int32) bool {
	for j := i; j < end; j++ {
		if a.tokens[j].isOp('(') {
			j = a.tokens[j].n
		} else if a.tokens[j].kind == tokNumber && (j == i || a.tokens[j-1].isOp(',')) {
			return true
		}
	}
	return false
}

// clauseEnd returns the index of the keyword that ends the clause begun at i.
// A keyword that can't stand there may be a column, and is refused.
func (a *analysis) clauseEnd(i, end int32, projection bool) int32 {
	for j := i; j < end; j++ {
		t := &a.tokens[j]
		if t.isOp('(') {
			j = t.n
			continue
		}
		if t.kind != tokWord || !t.word.clause() || j > i && a.tokens[j-1].isOp('.') {
			continue
		}
		if t.word == wFrom && a.tokens[j-1].word == wDistinct && !(projection && j-1 < i) {
			continue // IS [NOT] DISTINCT FROM
		}
		if (t.word == wGroup || t.word == wOrder) && a.tokens[j+1].word != wBy {
			continue // WITHIN GROUP
		}
		if j == i || !a.operand(j-1, t.word) {
			return a.unclear(j)
		}
		return j
	}
	return end
}

// operand reports whether an expression may end with the token at i, before the
// keyword next.
func (a *analysis) operand(i int32, next word) bool {
	switch t := &a.tokens[i]; t.kind {
	case tokOp:
		return t.op == ')' || t.op == ']' || t.op == '*' && next == wFrom
	case tokWord:
		return !t.word.open() || i > 0 && a.tokens[i-1].isOp('.')
	}
	return true
}

// project reads the projection of a SELECT.
func (a *analysis) project(s, i, end int32) {
	outer := s == a.outer
	for i < end && a.reason == Cacheable {
		stop := a.itemEnd(i, end)
		switch {
		case stop == i, a.columns == maxColumns:
			a.unclear(i)
		case a.tokens[i].isOp('*') && stop == i+1:
			a.refs = append(a.refs, ref{scope: s, token: i, star: true, projected: true})
			a.starred = a.starred || outer
		case a.path(i, stop) == stop:
			a.name(s, i, stop, true)
			if r := &a.refs[len(a.refs)-1]; outer && !r.star {
				r.column = int16(a.columns + 1)
			} else if outer {
				a.starred = true
			}
		default:
			if t := &a.tokens[stop-1]; stop-1 > i && t.isName() && t.word == wNone && a.operand(stop-2, wNone) && !a.tokens[stop-2].isOp('.') {
				a.derive(t.text) // an alias without AS
			}
			a.expression(s, i, stop, true)
		}
		if outer {
			a.columns++
		}
		if i = stop + 1; i == end {
			a.unclear(stop)
		}
	}
}

// itemEnd returns the index of the comma that ends an item of a projection, or
// end.
func (a *analysis) itemEnd(i, end int32) int32 {
	brackets := 0
	for ; i < end; i++ {
		switch t := &a.tokens[i]; {
		case t.isOp('('):
			i = t.n
		case t.isOp('['):
			brackets++
		case t.isOp(']'):
			brackets--
		case t.isOp(',') && brackets == 0:
			return i
		}
	}
	return end
}

// path returns the index behind the qualified name at i, or i if there is none.
func (a *analysis) path(i, end int32) int32 {
	if i >= end || !a.tokens[i].isName() || a.tokens[i].word != wNone && !a.tokens[i+1].isOp('.') {
		return i
	}
	for i++; i+1 < end && a.tokens[i].isOp('.'); i += 2 {
		if next := &a.tokens[i+1]; next.isOp('*') {
			return i + 2
		} else if !next.isName() {
			a.unclear(i + 1)
			return i
		}
	}
	return i
}
