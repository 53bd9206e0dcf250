package cache

import (
	"context"
	"reflect"
	"strings"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/entcache/ent-cache/internal/mutant"
)

// Generated conditions and orders say what they are if a fingerprint asks, instead
// of building SQL. They are functions, like all that Ent takes, so what is to be
// asked is told from others by its code: every term is made by newTerm, and
// whatever has the code of the function in it is one. A function of the program
// never runs on the selector that asks, not even one that calls a term: it might
// look at the selector, which holds nothing.
//
// The functions below are what Ent has under the same names; generated code calls
// them in its stead.

// term is a condition or an order of generated code.
type term struct {
	op termOp
	// column is that of a field, or the name of an edge.
	column string
	// value is the value that the column is compared with, with its wildcards for those
	// of LIKE, a termList for termIn and termNotIn, a termGroup for those of terms, an
	// *entsql.OrderFieldTerm for termOrder, a termEdge for those of edges.
	value any
}

type termOp byte

const (
	termEQ termOp = iota + 1
	termNEQ
	termGT
	termGTE
	termLT
	termLTE
	termIn
	termNotIn
	termIsNull
	termNotNull
	termPrefix
	termSuffix
	termContains
	termHasEdge
	termHasEdgeWith
	termAnd
	termOr
	termNot
	termOrder
	// termEnd comes after the last term.
	termEnd
)

// newTerm returns the function of a term. It isn't inlined, for then there would be
// a copy of the function's code in each of its callers.
//
//go:noinline
func newTerm(t term) func(*entsql.Selector) {
	return func(s *entsql.Selector) {
		if q, ok := s.Context().(*question); ok {
			q.of.appendTerm(t)
			return
		}
		t.apply(s)
	}
}

// termCode is the code of every term.
var termCode = reflect.ValueOf(newTerm(term{})).Pointer()

// question is the context of the selector that terms are run on to be asked.
type question struct {
	context.Context
	of       *Fingerprint
	selector entsql.Selector
}

func newQuestion(of *Fingerprint) *question {
	q := &question{Context: context.Background(), of: of}
	q.selector.WithContext(q)
	return q
}

// apply adds the term to a selector, as Ent does.
func (t term) apply(s *entsql.Selector) {
	switch t.op {
	case termEQ:
		s.Where(entsql.EQ(s.C(t.column), t.value))
	case termNEQ:
		s.Where(entsql.NEQ(s.C(t.column), t.value))
	case termGT:
		s.Where(entsql.GT(s.C(t.column), t.value))
	case termGTE:
		s.Where(entsql.GTE(s.C(t.column), t.value))
	case termLT:
		s.Where(entsql.LT(s.C(t.column), t.value))
	case termLTE:
		s.Where(entsql.LTE(s.C(t.column), t.value))
	case termIn:
		s.Where(entsql.In(s.C(t.column), valuesOf(t.value.(termList))...))
	case termNotIn:
		s.Where(entsql.NotIn(s.C(t.column), valuesOf(t.value.(termList))...))
	case termIsNull:
		s.Where(entsql.IsNull(s.C(t.column)))
	case termNotNull:
		s.Where(entsql.NotNull(s.C(t.column)))
	case termPrefix:
		s.Where(entsql.HasPrefix(s.C(t.column), t.word()))
	case termSuffix:
		s.Where(entsql.HasSuffix(s.C(t.column), t.word()))
	case termContains:
		s.Where(entsql.Contains(s.C(t.column), t.word()))
	case termHasEdge, termHasEdgeWith:
		t.value.(termEdge).fn(s)
	case termAnd, termOr, termNot:
		t.value.(termGroup).apply(t.op, s)
	case termOrder:
		t.value.(*entsql.OrderFieldTerm).ToFunc()(s)
	}
}

// word is what stands between the wildcards of LIKE.
func (t term) word() string {
	pattern := t.value.(string)
	if t.op != termPrefix {
		pattern = pattern[1:]
	}
	if t.op != termSuffix {
		pattern = pattern[:len(pattern)-1]
	}
	return pattern
}

// termList is a listOf any type.
type termList interface {
	size() int
	at(i int) any
}

type listOf[T any] []T

func (l listOf[T]) size() int    { return len(l) }
func (l listOf[T]) at(i int) any { return l[i] }

func valuesOf(l termList) []any {
	v := make([]any, l.size())
	for i := range v {
		v[i] = l.at(i)
	}
	return v
}

// termGroup is a groupOf any type.
type termGroup interface {
	appendTo(*Fingerprint)
	apply(termOp, *entsql.Selector)
}

// termEdge is a condition on an edge, or on what is at its other end. Its function
// is that of Ent, which follows from the name of the edge.
type termEdge struct {
	fn   func(*entsql.Selector)
	with termGroup
}

type groupOf[P ~func(*entsql.Selector)] []P

func (g groupOf[P]) appendTo(f *Fingerprint) {
	f.appendCount(len(g))
	f.depth++
	defer func() { f.depth-- }()
	for _, p := range g {
		if !askable(p) {
			f.unasked = true
			return
		}
		p(&f.question.selector)
	}
}

func (g groupOf[P]) apply(op termOp, s *entsql.Selector) {
	switch op {
	case termAnd:
		entsql.AndPredicates(g...)(s)
	case termOr:
		entsql.OrPredicates(g...)(s)
	case termNot:
		entsql.NotPredicates(g...)(s)
	}
}

// askable reports whether a function is a term.
func askable[F ~func(*entsql.Selector)](fn F) bool {
	return fn != nil && reflect.ValueOf(fn).Pointer() == termCode
}

func allAskable[F ~func(*entsql.Selector)](fns []F) bool {
	for _, fn := range fns {
		if !askable(fn) {
			return false
		}
	}
	return true
}

// askTerms appends the conditions and the order of a statement that has nothing
// else, and reports whether all of them could be asked. Else nothing is appended.
// Their values are in f.values and f.args then, in the order of Ent.
func askTerms[O, P ~func(*entsql.Selector)](f *Fingerprint, schema string, order []O, predicates []P) bool {
	if !allAskable(order) || !allAskable(predicates) {
		return false
	}
	start := len(f.buf)
	clear(f.values)
	f.values, f.args, f.unasked = f.values[:0], f.args[:0], false
	f.buf = appendString(append(f.buf, 't'), schema)
	if f.question == nil {
		f.question = newQuestion(f)
	}
	// In the order of Ent, which is that of the arguments.
	if f.kind == ids {
		apply(&f.question.selector, predicates)
		apply(&f.question.selector, order)
	} else {
		apply(&f.question.selector, order)
		apply(&f.question.selector, predicates)
	}
	f.buf = append(f.buf, byte(termEnd))
	if f.unasked {
		f.buf = f.buf[:start]
	}
	return !f.unasked
}

// appendTerm appends a term. One that Ent writes without a placeholder, or with one
// of its own, isn't told from others by its column and its value; then nothing of
// the statement is.
func (f *Fingerprint) appendTerm(t term) {
	if t.op == termOrder {
		if f.depth > 0 {
			f.unasked = true // where nobody expects one
			return
		}
		if f.kind == count {
			return // Ent drops the order
		}
	}
	f.buf = appendString(append(f.buf, byte(t.op)), t.column)
	switch t.op {
	case termEQ, termNEQ:
		if v, ok := t.value.(bool); ok {
			// Ent writes the condition without an argument.
			f.buf = append(f.buf, 'f')
			if v {
				f.buf[len(f.buf)-1] = 't'
			}
			return
		}
		f.buf = append(f.buf, 'v')
		f.appendTermValue(t.value)
	case termGT, termGTE, termLT, termLTE:
		f.appendTermValue(t.value)
	case termIn, termNotIn:
		l := t.value.(termList)
		n := l.size()
		f.appendCount(n)
		for i := range n {
			f.appendTermValue(l.at(i))
		}
	case termPrefix, termSuffix, termContains:
		if strings.ContainsAny(t.word(), `%_\`) {
			f.unasked = true // Ent escapes them, and some databases have to be told
			return
		}
		f.appendTermValue(t.value)
	case termHasEdgeWith:
		t.value.(termEdge).with.appendTo(f)
	case termAnd, termOr, termNot:
		t.value.(termGroup).appendTo(f)
	case termOrder:
		o := t.value.(*entsql.OrderFieldTerm)
		f.buf = append(f.buf, bit(o.Desc), bit(o.NullsFirst), bit(o.NullsLast))
	}
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func (f *Fingerprint) appendTermValue(v any) {
	switch v.(type) {
	case int, int64, string, float64, bool, time.Time:
	case nil, entsql.Querier, entsql.ParamFormatter:
		f.unasked = true
		return
	}
	var ok bool
	if f.args, ok = appendArg(f.args, v); !ok {
		f.unasked = true
	}
	f.values = append(f.values, v)
}

// appendTermValues appends the values of the terms that were asked.
func (f *Fingerprint) appendTermValues(p *part) {
	p.args = len(f.buf)
	if mutant.On(mutant.PrintSkipsArgs) {
		f.appendCount(0)
		return
	}
	f.appendCount(len(f.values))
	f.buf = append(f.buf, f.args...)
}

// FieldEQ is the condition that a field has a value.
func FieldEQ(name string, v any) func(*entsql.Selector) { return newTerm(term{termEQ, name, v}) }

// FieldNEQ is the condition that a field doesn't have a value.
func FieldNEQ(name string, v any) func(*entsql.Selector) { return newTerm(term{termNEQ, name, v}) }

// FieldGT is the condition that a field is greater than a value.
func FieldGT(name string, v any) func(*entsql.Selector) { return newTerm(term{termGT, name, v}) }

// FieldGTE is the condition that a field is at least a value.
func FieldGTE(name string, v any) func(*entsql.Selector) { return newTerm(term{termGTE, name, v}) }

// FieldLT is the condition that a field is less than a value.
func FieldLT(name string, v any) func(*entsql.Selector) { return newTerm(term{termLT, name, v}) }

// FieldLTE is the condition that a field is at most a value.
func FieldLTE(name string, v any) func(*entsql.Selector) { return newTerm(term{termLTE, name, v}) }

// FieldIn is the condition that a field has one of the values.
func FieldIn[T any](name string, vs ...T) func(*entsql.Selector) {
	return newTerm(term{termIn, name, listOf[T](vs)})
}

// FieldNotIn is the condition that a field has none of the values.
func FieldNotIn[T any](name string, vs ...T) func(*entsql.Selector) {
	return newTerm(term{termNotIn, name, listOf[T](vs)})
}

// FieldIsNull is the condition that a field is NULL.
func FieldIsNull(name string) func(*entsql.Selector) { return newTerm(term{termIsNull, name, nil}) }

// FieldNotNull is the condition that a field isn't NULL.
func FieldNotNull(name string) func(*entsql.Selector) { return newTerm(term{termNotNull, name, nil}) }

// FieldHasPrefix is the condition that a field begins with a text.
func FieldHasPrefix(name, prefix string) func(*entsql.Selector) {
	return newTerm(term{termPrefix, name, prefix + "%"})
}

// FieldHasSuffix is the condition that a field ends with a text.
func FieldHasSuffix(name, suffix string) func(*entsql.Selector) {
	return newTerm(term{termSuffix, name, "%" + suffix})
}

// FieldContains is the condition that a field contains a text.
func FieldContains(name, substr string) func(*entsql.Selector) {
	return newTerm(term{termContains, name, "%" + substr + "%"})
}

// HasEdge is the condition that there is anything at the other end of an edge; fn is
// what Ent does.
func HasEdge(name string, fn func(*entsql.Selector)) func(*entsql.Selector) {
	return newTerm(term{termHasEdge, name, termEdge{fn: fn}})
}

// HasEdgeWith is the condition that there is something that meets conditions at the
// other end of an edge; fn is what Ent does.
func HasEdgeWith[P ~func(*entsql.Selector)](name string, predicates []P, fn func(*entsql.Selector)) func(*entsql.Selector) {
	return newTerm(term{termHasEdgeWith, name, termEdge{fn, groupOf[P](predicates)}})
}

// AndPredicates is the condition that all of the conditions hold.
func AndPredicates[P ~func(*entsql.Selector)](predicates ...P) func(*entsql.Selector) {
	return newTerm(term{termAnd, "", groupOf[P](predicates)})
}

// OrPredicates is the condition that one of the conditions holds.
func OrPredicates[P ~func(*entsql.Selector)](predicates ...P) func(*entsql.Selector) {
	return newTerm(term{termOr, "", groupOf[P](predicates)})
}

// NotPredicates is the condition that the conditions don't hold.
func NotPredicates[P ~func(*entsql.Selector)](predicates ...P) func(*entsql.Selector) {
	return newTerm(term{termNot, "", groupOf[P](predicates)})
}

// OrderByField is the order by a field.
func OrderByField(name string, opts ...entsql.OrderTermOption) func(*entsql.Selector) {
	return newTerm(term{termOrder, name, entsql.OrderByField(name, opts...)})
}
