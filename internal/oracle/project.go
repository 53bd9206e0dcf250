package oracle

import (
	"reflect"
	"strings"
	"sync"

	"entgo.io/ent/dialect/sql"

	"github.com/entcache/ent-cache/internal/oracle/domain"
)

// column is a column of a projection and what it is scanned into.
type column struct {
	name string
	typ  reflect.Type
}

var (
	anyType   = reflect.TypeFor[any]()
	intType   = reflect.TypeFor[*int]()
	floatType = reflect.TypeFor[*float64]()
)

// scanType chooses what a field's values are scanned into: what the driver has,
// or the field's own type.
func (r *reader) scanType(c *choices, t *typ, f *domain.Field) reflect.Type {
	// Ent's Scan takes a type that it can't scan for JSON, and on a text
	// database/sql then deadlocks in the panic.
	if f.Scanner {
		return anyType
	}
	ft := t.fieldType(f)
	if ft.Kind() != reflect.Pointer && ft.Kind() != reflect.Slice && ft.Kind() != reflect.Map {
		ft = reflect.PointerTo(ft)
	}
	return [...]reflect.Type{ft, anyType}[c.n(2)]
}

var structs sync.Map // a string of names and types → reflect.Type

// rowType returns a struct with a field for each column.
func rowType(columns []column) reflect.Type {
	var key strings.Builder
	for _, c := range columns {
		key.WriteString(c.name + " " + c.typ.String() + ";")
	}
	if t, ok := structs.Load(key.String()); ok {
		return t.(reflect.Type)
	}
	fields := make([]reflect.StructField, len(columns))
	for i, c := range columns {
		fields[i] = reflect.StructField{Name: "F" + string(rune('A'+i)), Type: c.typ, Tag: reflect.StructTag(`sql:"` + c.name + `"`)}
	}
	t, _ := structs.LoadOrStore(key.String(), reflect.StructOf(fields))
	return t.(reflect.Type)
}

func (r *reader) scan(q reflect.Value, columns []column, lv *level) answer {
	rows := reflect.New(reflect.SliceOf(rowType(columns)))
	out := call(q, "Scan", reflect.ValueOf(r.ctx), rows)
	return answer{values: []any{rows.Elem().Interface()}, err: errorOf(out[0]), level: lv}
}

// fields chooses n different fields.
func (t *typ) chooseFields(c *choices, n int) []*domain.Field {
	all := t.Fields
	if t.ID != nil {
		all = append([]*domain.Field{t.ID}, all...)
	}
	var out []*domain.Field
	at := c.n(len(all))
	if len(t.Fields) > 0 && c.n(2) == 1 {
		at = len(all) - len(t.Fields) + c.hotOf(t.Name, len(t.Fields))
	}
	for i := 0; i < n && i < len(all); i++ {
		out = append(out, all[(at+i*(1+c.n(3)))%len(all)])
	}
	return uniqueFields(out)
}

func uniqueFields(in []*domain.Field) []*domain.Field {
	var out []*domain.Field
next:
	for _, f := range in {
		for _, g := range out {
			if f == g {
				continue next
			}
		}
		out = append(out, f)
	}
	return out
}

func names(fields []*domain.Field) []string {
	var out []string
	for _, f := range fields {
		out = append(out, f.Column)
	}
	return out
}

func strs(s []string) []reflect.Value {
	var out []reflect.Value
	for _, x := range s {
		out = append(out, reflect.ValueOf(x))
	}
	return out
}

// selectFields scans some columns into structs, or one into a slice.
func (r *reader) selectFields(c *choices, q reflect.Value, t *typ) answer {
	fields := t.chooseFields(c, 1+c.n(3))
	lv := &level{}
	if c.rarely(4) {
		// Of distinct rows only what they hold tells them apart.
		r.where(c, q, t, 2)
		call(q, "Unique", reflect.ValueOf(true))
	} else {
		lv = r.decorate(c, q, t, 0)
	}
	sel := call(q, "Select", strs(names(fields))...)[0]
	if len(fields) == 1 && c.n(2) == 1 {
		method := "Strings"
		if k := t.fieldType(fields[0]).Kind(); k == reflect.Int || k == reflect.Int64 {
			method = "Ints"
		}
		a := r.run(sel, method)
		a.level = lv
		return a
	}
	var columns []column
	for _, f := range fields {
		columns = append(columns, column{f.Column, r.scanType(c, t, f)})
	}
	return r.scan(sel, columns, lv)
}

// selectEntities loads entities with some of their fields.
func (r *reader) selectEntities(c *choices, q reflect.Value, t *typ) answer {
	fields := t.chooseFields(c, 1+c.n(3))
	lv := r.decorate(c, q, t, 1)
	a := r.run(call(q, "Select", strs(names(fields))...)[0], "All")
	a.level = lv
	return a
}

// aggregates chooses aggregate functions of type fnType and their columns.
func (r *reader) aggregates(c *choices, t *typ, fnType reflect.Type) (fns []reflect.Value, columns []column) {
	add := func(name string, typ reflect.Type, f func(*sql.Selector) string) {
		for _, have := range columns {
			if have.name == name {
				return
			}
		}
		fns = append(fns, reflect.ValueOf(func(s *sql.Selector) string { return sql.As(f(s), name) }).Convert(fnType))
		columns = append(columns, column{name, typ})
	}
	for range 1 + c.n(2) {
		numeric := ""
		if len(t.numeric) > 0 {
			numeric = t.number(c)
		}
		typed := c.n(2) == 0
		choose := func(typ reflect.Type) reflect.Type {
			if typed {
				return typ
			}
			return anyType
		}
		text := t.columns()[c.n(len(t.columns()))]
		switch n := c.n(6); {
		case n == 0 || n < 4 && numeric == "":
			add("n", intType, func(*sql.Selector) string { return sql.Count("*") })
		case n == 1:
			add("total", choose(intType), func(s *sql.Selector) string { return sql.Sum(s.C(numeric)) })
		case n == 2:
			add("mean", choose(floatType), func(s *sql.Selector) string { return sql.Avg(s.C(numeric)) })
		case n == 3:
			add("spread", intType, func(s *sql.Selector) string { return sql.Count(sql.Distinct(s.C(numeric))) })
		case n == 4:
			add("least", anyType, func(s *sql.Selector) string { return sql.Min(s.C(text)) })
		default:
			add("most", anyType, func(s *sql.Selector) string { return sql.Max(s.C(text)) })
		}
	}
	return fns, columns
}

func (r *reader) groupBy(c *choices, q reflect.Value, t *typ) answer {
	r.where(c, q, t, 2)
	fields := t.chooseFields(c, 1+c.n(2))
	lv := &level{}
	if c.n(3) == 2 {
		option := q.MethodByName("Order").Type().In(0).Elem()
		call(q, "Order", reflect.ValueOf(byKey(names(fields))).Convert(option))
		lv.ordered = true
		if c.n(2) == 1 {
			call(q, "Limit", reflect.ValueOf(1+c.n(3)))
		}
	}
	g := call(q, "GroupBy", strs(names(fields))...)[0]
	fns, columns := r.aggregates(c, t, g.MethodByName("Aggregate").Type().In(0).Elem())
	g = call(g, "Aggregate", fns...)[0]
	var all []column
	for _, f := range fields {
		all = append(all, column{f.Column, r.scanType(c, t, f)})
	}
	return r.scan(g, append(all, columns...), lv)
}

func (r *reader) aggregate(c *choices, q reflect.Value, t *typ) answer {
	r.where(c, q, t, 2)
	fns, columns := r.aggregates(c, t, q.MethodByName("Aggregate").Type().In(0).Elem())
	return r.scan(call(q, "Aggregate", fns...)[0], columns, &level{})
}
