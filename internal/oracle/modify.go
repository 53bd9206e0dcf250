package oracle

import (
	"reflect"

	"entgo.io/ent/dialect/sql"
)

// modified runs a query whose statement a modifier changes.
func (r *reader) modified(c *choices, q reflect.Value, t *typ) answer {
	if t.ID == nil {
		return r.run(q, "Count")
	}
	kids := t.children
	n := c.n(9)
	if len(kids) == 0 && n > 3 {
		n %= 4
	}
	var lv *level
	if n < 7 {
		lv = r.decorate(c, q, t, 1)
	} else {
		// Which of a row's joined rows comes first isn't determined.
		lv = &level{}
		r.where(c, q, t, 2)
	}
	var kid child
	if len(kids) > 0 {
		kid = kids[c.n(len(kids))]
	}
	number := c.n(4)
	numeric := t.ID.Column
	if len(t.numeric) > 0 {
		numeric = t.number(c)
	}
	text := t.ID.Column
	if len(t.texts) > 0 {
		text = t.texts[c.n(len(t.texts))]
	}
	var f func(*sql.Selector)
	switch n {
	case 0: // an expression among the columns
		f = func(s *sql.Selector) { s.AppendSelect(sql.As(sql.Lower(s.C(text)), "lowered")) }
	case 1: // a condition Ent knows nothing of
		f = func(s *sql.Selector) {
			s.Where(sql.P(func(b *sql.Builder) { b.Ident(s.C(numeric)).WriteString(" + 1 > ").Arg(number) }))
		}
	case 2: // a condition that is never parsed
		f = func(s *sql.Selector) { s.Where(sql.ExprP(s.C(numeric) + " > " + string(rune('0'+number)))) }
	case 3: // an argument among the columns
		return r.given(q)
	case 4, 5: // rows that have children, by a subquery
		f = func(s *sql.Selector) {
			k := sql.Dialect(s.Dialect()).Table(kid.table)
			sub := sql.Dialect(s.Dialect()).Select(k.C(kid.column)).From(k)
			if cols := kid.typ.numeric; len(cols) > 0 {
				sub.Where(sql.GT(k.C(cols[0]), number))
			}
			if n == 4 {
				s.Where(sql.In(s.C(t.ID.Column), sub))
			} else {
				// A NULL in the list would make the condition NULL.
				sub.Where(sql.NotNull(k.C(kid.column)))
				s.Where(sql.NotIn(s.C(t.ID.Column), sub))
			}
		}
	case 6: // the number of children among the columns
		f = func(s *sql.Selector) {
			k := sql.Dialect(s.Dialect()).Table(kid.table).As("k")
			sub := sql.Dialect(s.Dialect()).Select(sql.Count("*")).From(k)
			sub.Where(sql.ColumnsEQ(k.C(kid.column), s.C(t.ID.Column)))
			s.AppendSelectExprAs(sub, "kids")
		}
	default: // a join
		f = func(s *sql.Selector) {
			k := sql.Dialect(s.Dialect()).Table(kid.table).As("k")
			s.LeftJoin(k).On(s.C(t.ID.Column), k.C(kid.column))
			if col := kid.typ.columns(); n == 7 {
				s.AppendSelect(sql.As(k.C(col[number%len(col)]), "other"))
			}
		}
	}
	if n >= 7 && c.n(2) == 0 {
		a := r.run(r.modify(q, f), "Count")
		return a
	}
	a := r.run(r.modify(q, f), "All")
	a.level = lv
	return a
}

// given runs a query with an argument among its columns, and again with one
// that only its type tells apart from the first.
func (r *reader) given(q reflect.Value) answer {
	var given any
	q = r.modify(call(q, "Clone")[0], func(s *sql.Selector) {
		s.AppendSelectExprAs(sql.ExprFunc(func(b *sql.Builder) { b.Arg(given) }), "given")
	})
	var a answer
	for _, given = range []any{1, "1", true} {
		b := r.run(q, "All")
		a.values = append(a.values, b.values...)
		if a.err == nil {
			a.err = b.err
		}
	}
	return a
}
