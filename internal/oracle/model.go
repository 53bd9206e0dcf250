package oracle

import (
	"fmt"
	"hash/fnv"
	"reflect"
	"slices"
	"strings"

	"entgo.io/ent/dialect/sql"

	"github.com/entcache/ent-cache/internal/oracle/domain"
)

// model is a domain with what reflection adds.
type model struct {
	*domain.Package
	types  []*typ
	byName map[string]*typ
}

// typ is a type of the model.
type typ struct {
	*domain.Type
	id     reflect.Type // nil without an id
	cached bool         // has a policy
	entity reflect.Type // the struct
	// Predicates by what they are about; those of fields and edges stand where
	// the field or edge does. keys name values of foreign keys, enums and groups,
	// logic is And, Or and Not.
	idPreds, keys, logic  []function
	fieldPreds, edgePreds [][]function
	// Orders likewise.
	fieldOrders, edgeOrders [][]function
	edges                   []*edge
	// children are the other tables that have a foreign key to this one.
	children []child
	numeric  []string // columns of numbers that aren't keys
	texts    []string // columns of plain texts
}

type edge struct {
	*domain.Edge
	target *typ
	index  int
	// relation is the same for the edge and its way back.
	relation uint64
}

type child struct {
	table, column string
	typ           *typ
}

// function is a predicate or an order of a type.
type function struct {
	name string
	fn   reflect.Value
	in   []reflect.Type
	// field is the field the function is about, nil if it is about something
	// else; ofID says that it is about the id.
	field *domain.Field
	ofID  bool
	edge  *edge
	rest  string // the name without the field's or edge's
}

func newModel(p *domain.Package) *model {
	m := &model{Package: p, byName: make(map[string]*typ)}
	for _, t := range p.Types {
		x := &typ{Type: t, entity: reflect.TypeOf(t.Entity).Elem()}
		if f, ok := x.entity.FieldByName("ID"); ok && t.ID != nil {
			x.id = f.Type
		}
		m.types = append(m.types, x)
		m.byName[t.Name] = x
	}
	for _, t := range m.types {
		for i, e := range t.Type.Edges {
			t.edges = append(t.edges, &edge{Edge: e, target: m.byName[e.Target], index: i, relation: hashOf(e.Relation)})
			if e.Column != "" {
				to := m.byName[e.Target]
				t.children = append(t.children, child{table: to.Table, column: e.Column, typ: to})
			}
		}
		for _, f := range t.Fields {
			if f.Numeric && f.References == "" {
				t.numeric = append(t.numeric, f.Column)
			}
			if ft := t.fieldType(f); ft == reflect.TypeFor[string]() || ft == reflect.TypeFor[*string]() {
				t.texts = append(t.texts, f.Column)
			}
		}
		m.addPredicates(t)
		for _, f := range t.Orders {
			switch p := t.function(f); {
			case p.edge != nil:
				i := slices.Index(t.edges, p.edge)
				t.edgeOrders[i] = append(t.edgeOrders[i], p)
			case p.field != nil && !p.ofID:
				i := slices.Index(t.Fields, p.field)
				t.fieldOrders[i] = append(t.fieldOrders[i], p)
			}
		}
	}
	return m
}

func hashOf(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s))
	return h.Sum64()
}

func (m *model) addPredicates(t *typ) {
	t.fieldPreds, t.fieldOrders = make([][]function, len(t.Fields)), make([][]function, len(t.Fields))
	t.edgePreds, t.edgeOrders = make([][]function, len(t.edges)), make([][]function, len(t.edges))
	for _, f := range t.Predicates {
		p := t.function(f)
		if !m.callable(p) {
			continue
		}
		switch {
		case p.ofID:
			t.idPreds = append(t.idPreds, p)
		case p.edge != nil:
			i := slices.Index(t.edges, p.edge)
			t.edgePreds[i] = append(t.edgePreds[i], p)
		case p.field != nil:
			i := slices.Index(t.Fields, p.field)
			t.fieldPreds[i] = append(t.fieldPreds[i], p)
			if (p.field.References != "" || p.field.Values != nil) && (p.rest == "" || p.rest == "EQ" || p.rest == "In") {
				t.keys = append(t.keys, p)
			}
		default:
			t.logic = append(t.logic, p)
		}
	}
}

// function finds what a function is about. Its name begins with the name of a
// field, By and a field or an edge, Has and an edge.
func (t *typ) function(f domain.Func) function {
	p := function{name: f.Name, fn: reflect.ValueOf(f.Func)}
	for i := range p.fn.Type().NumIn() {
		p.in = append(p.in, p.fn.Type().In(i))
	}
	name, order := strings.CutPrefix(f.Name, "By")
	if edge, ok := strings.CutPrefix(f.Name, "Has"); ok || order {
		if !ok {
			edge = name
		}
		for _, e := range t.edges {
			if rest, ok := strings.CutPrefix(edge, e.Name); ok && (p.edge == nil || len(rest) < len(p.rest)) {
				p.edge, p.rest = e, rest
			}
		}
		// A field may begin with the edge's name: Artist and ArtistID.
		if p.edge != nil && !order {
			return p
		}
	}
	for _, g := range append([]*domain.Field{t.ID}, t.Fields...) {
		if g == nil {
			continue
		}
		rest, ok := strings.CutPrefix(name, g.Name)
		if ok && (p.field == nil || len(rest) < len(p.rest)) && (p.edge == nil || rest == "") {
			p.field, p.rest, p.ofID, p.edge = g, rest, g == t.ID, nil
		}
	}
	return p
}

// callable reports whether arguments for the function can be made.
func (m *model) callable(p function) bool {
	for _, in := range p.in {
		if in.Kind() == reflect.Slice && p.fn.Type().IsVariadic() {
			in = in.Elem()
		}
		if isPredicate(in) {
			continue
		}
		if _, ok := valueOf(in, 0); !ok {
			return false
		}
	}
	return true
}

var predicateKind = reflect.TypeFor[func(*sql.Selector)]()

// isPredicate reports whether t is a predicate of a generated package.
func isPredicate(t reflect.Type) bool {
	return t.Kind() == reflect.Func && t.Name() != "" && t.ConvertibleTo(predicateKind) && strings.HasSuffix(t.PkgPath(), "/predicate")
}

// typeOf returns the type whose predicates have the Go type.
func (m *model) typeOf(pred reflect.Type) *typ {
	t := m.byName[pred.Name()]
	if t == nil {
		panic(fmt.Sprintf("no Ent type for %s", pred))
	}
	return t
}

// key is the order that tells all rows of the type apart.
func (t *typ) key() []string {
	if t.ID != nil {
		return []string{t.ID.Column}
	}
	var columns []string
	for _, f := range t.Fields {
		columns = append(columns, f.Column)
	}
	return columns
}

// fieldType is the Go type of a column.
func (t *typ) fieldType(f *domain.Field) reflect.Type {
	sf, _ := t.entity.FieldByName(f.Name)
	return sf.Type
}

// call calls a method by name. Slices are passed as variadic arguments.
func call(v reflect.Value, method string, args ...reflect.Value) []reflect.Value {
	fn := v.MethodByName(method)
	if !fn.IsValid() {
		panic(fmt.Sprintf("%s has no method %s", v.Type(), method))
	}
	if t := fn.Type(); t.IsVariadic() && len(args) == t.NumIn() && args[len(args)-1].Kind() == reflect.Slice {
		return fn.CallSlice(args)
	}
	return fn.Call(args)
}

func has(v reflect.Value, method string) bool {
	return method != "" && v.MethodByName(method).IsValid()
}

func errorOf(v reflect.Value) error {
	err, _ := v.Interface().(error)
	return err
}

// number chooses a numeric column.
func (t *typ) number(c *choices) string {
	f := t.Fields[c.hotOf(t.Name, len(t.Fields))]
	if f.Numeric && f.References == "" {
		return f.Column
	}
	return t.numeric[c.n(len(t.numeric))]
}
