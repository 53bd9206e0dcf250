package cache

import (
	"strings"
	"sync"
	"sync/atomic"
)

// verb is what a statement does to the rows of its table.
type verb uint8

const (
	verbNone verb = iota
	verbInsert
	verbUpdate
	verbDelete
)

// writtenText is what the text of an INSERT, UPDATE or DELETE as Ent writes them says.
type writtenText struct {
	// verb is verbNone, and table nil, if the text isn't understood.
	verb  verb
	table *Table
	// pins are what its conditions say of the rows that it writes.
	pins []pin
	// rows finds the rows that it is about to write; nil if nothing does for sure.
	rows *lockedRows
}

// writtenTexts keeps what the texts of INSERTs, UPDATEs and DELETEs say, but for long
// ones, which lists of arguments make and hardly repeat. Look-ups take no lock.
type writtenTexts struct {
	byText sync.Map // writtenKey → *writtenText
	n      atomic.Int64
}

const maxWrittenText = 4 << 10

type writtenKey struct{ dialect, query string }

func (w *writtenTexts) of(s *Schema, dialect, query string) *writtenText {
	key := writtenKey{dialect, query}
	if x, ok := w.byText.Load(key); ok {
		return x.(*writtenText)
	}
	x := readWritten(s, dialect, query)
	if len(query) > maxWrittenText {
		return x
	}
	if w.n.Add(1) > memoSize {
		// Lists of arguments make new texts; the others are soon here again.
		w.byText.Clear()
		w.n.Store(1)
	}
	w.byText.Store(key, x)
	return x
}

// readWritten reads a text.
func readWritten(s *Schema, dialect, query string) *writtenText {
	w := &writtenText{}
	a := &analysis{schema: s, dialect: dialect, outer: -1}
	a.tokens, a.reason, _ = tokenize(dialect, query)
	if a.reason != Cacheable {
		return w
	}
	var (
		i    int32
		verb verb
	)
	switch first := &a.tokens[0]; {
	case first.kind != tokWord:
		return w
	case strings.EqualFold(first.text, "update"):
		verb, i = verbUpdate, 1
	case strings.EqualFold(first.text, "delete") && a.tokens[1].word == wFrom:
		verb, i = verbDelete, 2
	case strings.EqualFold(first.text, "insert") && strings.EqualFold(a.tokens[1].text, "into"):
		verb, i = verbInsert, 2
	default:
		return w
	}
	target := i
	for a.tokens[i].isName() && a.tokens[i+1].isOp('.') {
		i += 2
	}
	if !a.tokens[i].isName() {
		return w
	}
	t := s.Table(a.tokens[i].text)
	if t == nil || t.View {
		return w
	}
	if verb == verbInsert {
		w.verb, w.table = verb, t
		return w
	}
	next := &a.tokens[i+1]
	if verb == verbUpdate && !strings.EqualFold(next.text, "set") || verb == verbDelete && next.kind != tokEnd && next.word != wWhere {
		return w
	}
	where, end, ok := a.conditions(i + 1)
	if !ok {
		return w
	}
	w.verb, w.table = verb, t
	if where < end {
		it := item{table: t, name: a.tokens[i].text}
		sc := a.newScope(-1)
		a.scopes[sc].items = []item{it}
		a.conjuncts(sc, where, end)
		w.pins = a.scopes[sc].items[0].pins
	}
	if end == int32(len(a.tokens))-lookAhead {
		w.rows = a.lockedRows(query, verb, t, target, i, where, end)
	}
	return w
}

// conditions finds the WHERE of an UPDATE or DELETE behind its table. It reports false
// if there is more to the statement than Ent writes.
func (a *analysis) conditions(i int32) (where, end int32, ok bool) {
	end = int32(len(a.tokens)) - lookAhead
	where = end
	for j := i; j < end; j++ {
		switch x := &a.tokens[j]; {
		case x.isOp('('):
			j = x.n
		case x.isOp(';'), x.kind == tokWord && (x.word == wFrom || x.word == wSelect || x.word == wUsing || x.word.join()),
			x.word == wWhere && where < end:
			return 0, 0, false
		case x.word == wWhere:
			where = j + 1
		case x.word.clause() || x.kind == tokWord && strings.EqualFold(x.text, "returning"):
			return where, j, true
		}
	}
	return where, end, true
}

func (w word) join() bool { return w == wJoin || w == wJoinKind || w == wNatural }
