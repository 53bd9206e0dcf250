package oracle

import (
	"reflect"
	"strings"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
)

// predicate chooses a predicate of a type.
func (m *model) predicate(c *choices, t *typ, depth int) reflect.Value {
	var list []function
	switch n := c.n(8); {
	case n < 2:
		list = t.idPreds
	case n < 3:
		list = t.keys
	case n < 6 && len(t.Fields) > 0:
		list = t.fieldPreds[c.hotOf(t.Name, len(t.Fields))]
		if equal := equalities(list); c.n(3) == 0 && len(equal) > 0 {
			list = equal
		}
	case n < 7 && len(t.edges) > 0:
		list = t.edgePreds[t.edge(c).index]
	case depth > 0:
		list = t.logic
	}
	if c.write && len(list) > 0 && list[0].field != nil && list[0].field.Scanner {
		// Ent panics over these in the WHERE of an update.
		list = nil
	}
	for i := 0; len(list) == 0; i++ {
		list = append(t.fieldPreds, t.idPreds)[i]
	}
	i := c.n(len(list))
	for depth <= 0 && nested(list[i]) {
		i = (i + 1) % len(list) // HasX stands beside HasXWith
	}
	p := list[i]
	return p.fn.Call(m.arguments(c, p, depth))[0]
}

// equalities are those of a field's predicates that name the values they want.
func equalities(list []function) []function {
	var equal []function
	for _, p := range list {
		if p.rest == "" || p.rest == "EQ" || p.rest == "In" {
			equal = append(equal, p)
		}
	}
	return equal
}

// nested reports whether a function takes predicates.
func nested(p function) bool {
	if len(p.in) == 0 {
		return false
	}
	in := p.in[0]
	return isPredicate(in) || in.Kind() == reflect.Slice && isPredicate(in.Elem())
}

func (m *model) arguments(c *choices, p function, depth int) []reflect.Value {
	var args []reflect.Value
	one := func(t reflect.Type) {
		if isPredicate(t) {
			args = append(args, m.predicate(c, m.typeOf(t), depth-1))
			return
		}
		args = append(args, m.fieldValue(c, p.field, p.ofID, t))
	}
	for i, in := range p.in {
		if i < len(p.in)-1 || !p.fn.Type().IsVariadic() {
			one(in)
			continue
		}
		// And, Or and HasXWith of nothing are of no use; an empty In is.
		n := 1 + c.n(3)
		if !isPredicate(in.Elem()) && c.rarely(8) {
			n = 0
		}
		for range n {
			one(in.Elem())
		}
	}
	return args
}

// predicates chooses up to two predicates as the variadic argument of method.
func (m *model) predicates(c *choices, t *typ, n, depth int) []reflect.Value {
	var out []reflect.Value
	for range n {
		out = append(out, m.predicate(c, t, depth))
	}
	return out
}

// order chooses an order of a type. The value is invalid if there is none.
func (m *model) order(c *choices, t *typ, dialectName string) reflect.Value {
	var list []function
	if c.n(3) == 2 && len(t.edges) > 0 {
		list = t.edgeOrders[t.edge(c).index]
	} else if len(t.Fields) > 0 {
		list = t.fieldOrders[c.hotOf(t.Name, len(t.Fields))]
	}
	if len(list) == 0 {
		return reflect.Value{}
	}
	p := list[c.n(len(list))]
	options := []sql.OrderTermOption{sql.OrderAsc(), sql.OrderDesc()}
	if dialectName != dialect.MySQL {
		options = append(options, sql.OrderNullsFirst(), sql.OrderNullsLast())
	}
	option := func() reflect.Value { return reflect.ValueOf(options[c.n(len(options))]) }
	switch {
	case p.edge == nil || p.rest == "Count":
		return p.fn.Call([]reflect.Value{option()})[0]
	case p.rest == "Field":
		columns := p.edge.target.columns()
		return p.fn.Call([]reflect.Value{reflect.ValueOf(columns[c.n(len(columns))]), option()})[0]
	default:
		// Of several neighbours only what is the same in whatever order they
		// are in.
		o := options[c.n(2)]
		var term sql.OrderTerm = sql.OrderByCount(p.edge.target.columns()[0], o)
		if cols := p.edge.target.numeric; len(cols) > 0 && c.n(2) == 1 {
			term = sql.OrderBySum(cols[c.n(len(cols))], o)
		}
		return p.fn.Call([]reflect.Value{reflect.ValueOf(term)})[0]
	}
}

// columns are the columns of the type's fields, its id first.
func (t *typ) columns() []string {
	var out []string
	if t.ID != nil {
		out = append(out, t.ID.Column)
	}
	for _, f := range t.Fields {
		out = append(out, f.Column)
	}
	return out
}

// byKey orders by what tells rows apart.
func byKey(columns []string) func(*sql.Selector) {
	return func(s *sql.Selector) {
		for _, c := range columns {
			s.OrderBy(s.C(c))
		}
	}
}

// title is a name as it stands in methods.
func title(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
