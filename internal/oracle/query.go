package oracle

import (
	"context"
	"fmt"
	"reflect"
	"runtime/debug"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"

	"github.com/entcache/ent-cache/cache"
)

// reader builds and runs one read on one client.
type reader struct {
	m       *model
	dialect string
	client  reflect.Value
	ctx     context.Context
	// tx is set while a transaction is open: its locks would stop a locking
	// read outside of it for ever, since both run in one goroutine.
	tx bool
}

// answer is what a read returned.
type answer struct {
	values []any
	err    error
	// level says in which order rows must come.
	level *level
	// never is why the read must not be cached, if it must not; explained is
	// then what the cache made of it.
	never     cache.Reason
	explained []cache.Explanation
}

// level is a list of entities and the lists below it. One that isn't ordered is
// compared as a multiset.
type level struct {
	ordered bool
	edges   map[string]*level // by the name of the edge, or of the load
}

// maxDepth is how deep eager loads and predicates are nested.
const maxDepth = 3

// read runs the read that data describes.
func (r *reader) read(t *typ, data []byte) (a answer) {
	defer func() {
		if p := recover(); p != nil {
			a.err = &panicError{p, debug.Stack()}
		}
	}()
	c := &choices{data: data}
	c.heat()
	q, t, err := r.root(c, t)
	if err != nil {
		return answer{err: err}
	}
	return r.terminal(c, q, t)
}

// panicError is a panic. Ent itself panics over some statements on some
// databases, with a cache or without.
type panicError struct {
	value any
	stack []byte
}

func (e *panicError) Error() string { return fmt.Sprintf("panic: %v", e.value) }

// root chooses where a query starts: at a type, at the end of a path of edges
// from a type, or at an entity.
func (r *reader) root(c *choices, t *typ) (reflect.Value, *typ, error) {
	q := r.query(t)
	switch c.n(8) {
	case 5: // a path
		for range 1 + c.n(2) {
			if len(t.edges) == 0 {
				break
			}
			r.where(c, q, t, 1)
			e := t.edge(c)
			q, t = call(q, "Query"+e.Name)[0], e.target
		}
	case 6, 7: // an entity
		if t.id == nil || len(t.edges) == 0 {
			break
		}
		out := call(r.of(t), "Get", reflect.ValueOf(r.ctx), idOf(t.id, c.id()))
		if err := errorOf(out[1]); err != nil {
			return q, t, err
		}
		e := t.edge(c)
		q, t = call(out[0], "Query"+e.Name)[0], e.target
	}
	return q, t, nil
}

// edge chooses an edge, mostly one of the two that are hot. An edge is as hot as
// its way back, so that both of its ends are read and written.
func (t *typ) edge(c *choices) *edge {
	if c.hot == 0 || len(t.edges) <= 2 || c.rarely(4) {
		return t.edges[c.n(len(t.edges))]
	}
	var first, second *edge
	for _, e := range t.edges {
		switch {
		case first == nil || e.heat(c) < first.heat(c):
			first, second = e, first
		case second == nil || e.heat(c) < second.heat(c):
			second = e
		}
	}
	return [2]*edge{first, second}[c.n(2)]
}

func (e *edge) heat(c *choices) uint64 {
	const golden = 0x9e3779b97f4a7c15
	x := (e.relation + c.hot) * golden
	return (x ^ x>>29) * golden
}

// of is the client of a type.
func (r *reader) of(t *typ) reflect.Value { return clientOf(r.client, t) }

func clientOf(client reflect.Value, t *typ) reflect.Value { return client.Elem().FieldByName(t.Name) }

func (r *reader) query(t *typ) reflect.Value { return call(r.of(t), "Query")[0] }

// where adds up to two predicates.
func (r *reader) where(c *choices, q reflect.Value, t *typ, depth int) {
	if ps := r.m.predicates(c, t, [...]int{0, 1, 1, 2}[c.n(4)], depth); ps != nil {
		call(q, "Where", ps...)
	}
}

// decorate adds predicates, orders, bounds and eager loads to a query.
func (r *reader) decorate(c *choices, q reflect.Value, t *typ, depth int) *level {
	r.where(c, q, t, 2)
	lv := r.sort(c, q, t)
	if c.rarely(10) {
		call(q, "Unique", reflect.ValueOf(c.n(2) == 1))
	}
	if depth > 0 {
		r.load(c, q, t, lv, depth-1)
	}
	return lv
}

// sort orders and bounds a query. Bounds need an order that tells all rows
// apart, or the database may choose which to return.
func (r *reader) sort(c *choices, q reflect.Value, t *typ) *level {
	lv := &level{}
	n := [...]int{0, 0, 1, 2}[c.n(4)]
	bound := c.rarely(4)
	for range n {
		if o := r.m.order(c, t, r.dialect); o.IsValid() {
			call(q, "Order", o)
		}
	}
	if n > 0 || bound {
		r.byKey(q, t)
		lv.ordered = true
	}
	if bound {
		call(q, "Limit", reflect.ValueOf(1+c.n(4)))
		if c.rarely(3) {
			call(q, "Offset", reflect.ValueOf(1+c.n(3)))
		}
	}
	return lv
}

// byKey orders a query by what tells its rows apart.
func (r *reader) byKey(q reflect.Value, t *typ) {
	option := q.MethodByName("Order").Type().In(0).Elem()
	call(q, "Order", reflect.ValueOf(byKey(t.key())).Convert(option))
}

// load adds eager loads to a query.
func (r *reader) load(c *choices, q reflect.Value, t *typ, lv *level, depth int) {
	if len(t.edges) == 0 {
		return
	}
	lv.edges = make(map[string]*level)
	for range [...]int{0, 1, 1, 2}[c.n(4)] {
		e := t.edge(c)
		method, name := "With"+e.Name, e.Name
		var args []reflect.Value
		if c.rarely(5) && has(q, "WithNamed"+e.Name) {
			method, name = "WithNamed"+e.Name, "named"
			args = append(args, reflect.ValueOf(name))
		}
		var below *level
		fn := q.MethodByName(method)
		config := reflect.MakeFunc(fn.Type().In(len(args)).Elem(), func(in []reflect.Value) []reflect.Value {
			below = r.decorate(c, in[0], e.target, depth)
			r.perParent(c, in[0], e, below)
			return nil
		})
		fn.Call(append(args, config))
		lv.edges[name] = below
	}
}

// perParent bounds the rows an eager load returns for each parent.
func (r *reader) perParent(c *choices, q reflect.Value, e *edge, lv *level) {
	if !c.rarely(5) || e.Column == "" || lv.ordered || e.target.ID == nil || !has(q, "Modify") {
		return
	}
	var order []sql.Querier
	if cols := e.target.numeric; len(cols) > 0 && c.n(2) == 1 {
		order = []sql.Querier{sql.Raw(cols[c.n(len(cols))]), sql.Raw(e.target.ID.Column)}
	}
	r.modify(q, sqlgraph.LimitNeighbors(e.Column, 1+c.n(2), order...))
}

func (r *reader) modify(q reflect.Value, f func(*sql.Selector)) reflect.Value {
	return call(q, "Modify", reflect.ValueOf(f))[0]
}

func (r *reader) run(q reflect.Value, method string) answer {
	return result(call(q, method, reflect.ValueOf(r.ctx)))
}

func result(out []reflect.Value) answer {
	return answer{values: []any{out[0].Interface()}, err: errorOf(out[1])}
}

// terminal chooses how the query is run.
func (r *reader) terminal(c *choices, q reflect.Value, t *typ) answer {
	switch n := c.n(24); n {
	case 1, 2: // First
		lv := r.decorate(c, q, t, maxDepth)
		if !lv.ordered {
			r.byKey(q, t)
		}
		if n == 2 && t.ID != nil {
			return r.run(q, "FirstID")
		}
		a := r.run(q, "First")
		a.level = lv
		return a
	case 3, 4: // Only
		lv := r.decorate(c, q, t, maxDepth)
		if t.ID != nil && c.n(3) > 0 {
			r.whereID(c, q, t)
		}
		if n == 4 && t.ID != nil {
			return r.run(q, "OnlyID")
		}
		a := r.run(q, "Only")
		a.level = lv
		return a
	case 5, 6:
		if t.id == nil {
			return r.run(q, "Count")
		}
		return result(call(r.of(t), "Get", reflect.ValueOf(r.ctx), idOf(t.id, c.id())))
	case 7:
		if t.ID == nil {
			break
		}
		lv := r.decorate(c, q, t, 0)
		a := r.run(q, "IDs")
		a.level = lv
		return a
	case 8, 9:
		r.decorate(c, q, t, 0)
		return r.run(q, "Count")
	case 10:
		r.decorate(c, q, t, 0)
		if t.ID == nil {
			return r.run(q, "Count")
		}
		return r.run(q, "Exist")
	case 11, 12:
		return r.selectFields(c, q, t)
	case 13, 14:
		return r.groupBy(c, q, t)
	case 15:
		return r.aggregate(c, q, t)
	case 16:
		return r.selectEntities(c, q, t)
	case 17, 18, 19:
		if has(q, "Modify") {
			return r.modified(c, q, t)
		}
	case 20:
		return r.cloned(c, q, t)
	case 21:
		if has(q, "Modify") && c.n(3) == 0 {
			return r.uncacheable(c, q, t)
		}
	}
	lv := r.decorate(c, q, t, maxDepth)
	a := r.run(q, "All")
	a.level = lv
	return a
}

// whereID narrows a query to one id.
func (r *reader) whereID(c *choices, q reflect.Value, t *typ) {
	pred := q.MethodByName("Where").Type().In(0).Elem()
	id := idOf(t.id, c.id()).Interface()
	call(q, "Where", reflect.ValueOf(sql.FieldEQ(t.ID.Column, id)).Convert(pred))
}

// cloned runs a copy of a query and the query.
func (r *reader) cloned(c *choices, q reflect.Value, t *typ) answer {
	lv := r.decorate(c, q, t, 1)
	copied := call(q, "Clone")[0]
	r.where(c, copied, t, 1)
	a, b := r.run(copied, "All"), r.run(q, "Count")
	a.level = lv
	a.values = append(a.values, b.values...)
	if a.err == nil {
		a.err = b.err
	}
	return a
}

// uncacheable runs a query that must never be cached.
func (r *reader) uncacheable(c *choices, q reflect.Value, t *typ) answer {
	r.where(c, q, t, 1)
	if r.dialect != dialect.SQLite && c.n(2) == 0 && !r.tx && has(q, "ForUpdate") {
		call(q, "ForUpdate")
		return r.bypass(q, cache.Locking)
	}
	random := "RANDOM()"
	if r.dialect == dialect.MySQL {
		random = "RAND()"
	}
	// The rows are the same in whatever order they come.
	call(q, "Unique", reflect.ValueOf(false))
	r.modify(q, func(s *sql.Selector) { s.OrderExpr(sql.Expr(random)) })
	return r.bypass(q, cache.Volatile)
}

func (r *reader) bypass(q reflect.Value, why cache.Reason) (a answer) {
	x, _ := cache.Explain(r.ctx, func(ctx context.Context) error {
		a = result(call(q, "All", reflect.ValueOf(ctx)))
		return nil
	})
	a.level, a.never, a.explained = &level{}, why, x
	return a
}
