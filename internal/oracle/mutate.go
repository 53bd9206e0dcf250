package oracle

import (
	"context"
	"fmt"
	"reflect"
	"runtime/debug"

	"entgo.io/ent"
	"entgo.io/ent/dialect/sql"

	"github.com/entcache/ent-cache/entcache"
	"github.com/entcache/ent-cache/internal/oracle/domain"
)

// writer builds and runs one write.
type writer struct {
	reader // on the client to write with
	// hook is what the client's mutation hook does during this write; plain
	// says that it does nothing.
	hook  *hookPlan
	plain bool
}

// write runs the write that data describes, and returns its error.
func (w *writer) write(kind Kind, t *typ, data []byte) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicError{p, debug.Stack()}
		}
	}()
	c := &choices{data: data, write: true}
	c.heat()
	if t.View {
		return nil
	}
	switch kind {
	case Create:
		b := w.create(c, t)
		w.plan(c, t)
		return w.save(b, "Save")
	case CreateBulk:
		b := w.bulk(c, t)
		w.plan(c, t)
		return w.save(b, "Save")
	case Upsert:
		return w.upsert(c, t)
	case Update:
		b := call(w.of(t), "Update")[0]
		w.where(c, b, t, 1)
		w.change(c, b, t, none)
		w.plan(c, t)
		return w.save(b, "Save")
	case UpdateOne:
		return w.updateOne(c, t)
	case Delete:
		b := call(w.of(t), "Delete")[0]
		if ps := w.m.predicates(c, t, 1+c.n(2), 1); ps != nil {
			call(b, "Where", ps...)
		}
		return w.save(b, "Exec")
	case DeleteOne:
		return w.deleteOne(c, t)
	case Raw:
		return w.raw(c, t)
	}
	panic(fmt.Sprintf("%d isn't a write", kind))
}

func (w *writer) save(b reflect.Value, method string) error {
	ctx := w.ctx
	if w.hook != nil {
		ctx = context.WithValue(ctx, hookKey{}, w.hook)
	}
	out := call(b, method, reflect.ValueOf(ctx))
	return errorOf(out[len(out)-1])
}

// rows are the ids of the rows there are, as the write's own client sees them.
func (w *writer) rows(t *typ) reflect.Value {
	ctx := entcache.Skip(w.ctx)
	out := call(w.query(t), "IDs", reflect.ValueOf(ctx))
	return out[0]
}

// someID chooses the id of a row there is, or once in a while of any. It is
// false if there is no row.
func (w *writer) someID(c *choices, t *typ) (reflect.Value, bool) {
	n := c.byte()
	if !c.rarely(16) {
		have := w.rows(t)
		if have.Len() == 0 {
			return idOf(t.id, 1+n%ids), false
		}
		if c.n(2) == 1 {
			return have.Index(n % min(have.Len(), 3)), true
		}
		return have.Index(n % have.Len()), true
	}
	return idOf(t.id, 1+n%ids), true
}

func (w *writer) create(c *choices, t *typ) reflect.Value {
	b := call(w.of(t), "Create")[0]
	if t.ID != nil && has(b, t.ID.Set) && (t.ID.Required || c.n(4) > 0) {
		call(b, t.ID.Set, idOf(t.id, 1+c.n(ids)))
	}
	for _, f := range t.Fields {
		if has(b, f.Set) && (f.Required || c.n(2) == 1) {
			w.set(c, b, t, f)
		}
	}
	for _, e := range t.edges {
		if e.Field || e.target.id == nil || e.target.View {
			continue
		}
		if e.Required || c.rarely(3) {
			w.link(c, b, e)
		}
	}
	return b
}

// set sets a field.
func (w *writer) set(c *choices, b reflect.Value, t *typ, f *domain.Field) {
	in := b.MethodByName(f.Set).Type().In(0)
	if f.References != "" && w.m.byName[f.References].id == in {
		if id, ok := w.someID(c, w.m.byName[f.References]); ok || f.Required {
			call(b, f.Set, id)
		}
		return
	}
	call(b, f.Set, w.m.fieldValue(c, f, false, in))
}

// link sets an edge or adds to it.
func (w *writer) link(c *choices, b reflect.Value, e *edge) {
	switch {
	case has(b, e.Set):
		if id, ok := w.someID(c, e.target); ok || e.Required {
			call(b, e.Set, id)
		}
	case has(b, e.Add):
		var list []reflect.Value
		for range 1 + c.n(2) {
			if id, ok := w.someID(c, e.target); ok {
				list = append(list, id)
			}
		}
		call(b, e.Add, list...)
	}
}

func (w *writer) bulk(c *choices, t *typ) reflect.Value {
	var bs []reflect.Value
	for range 1 + c.n(3) {
		bs = append(bs, w.create(c, t))
	}
	return call(w.of(t), "CreateBulk", bs...)[0]
}

// upsert inserts one row or several with a conflict clause.
func (w *writer) upsert(c *choices, t *typ) error {
	var b reflect.Value
	if c.rarely(3) {
		b = w.bulk(c, t)
	} else {
		b = w.create(c, t)
	}
	if !has(b, "OnConflict") {
		return w.save(b, "Exec")
	}
	var options []reflect.Value
	switch {
	case len(t.Unique) > 0:
		options = append(options, reflect.ValueOf(sql.ConflictColumns(t.Unique[c.n(len(t.Unique))]...)))
	case t.ID != nil:
		options = append(options, reflect.ValueOf(sql.ConflictColumns(t.ID.Column)))
	}
	u := call(b, "OnConflict", options...)[0]
	switch c.n(4) {
	case 0:
		u = call(u, "UpdateNewValues")[0]
	case 1:
		u = call(u, "Ignore")[0]
	case 2:
		u = call(u, "DoNothing")[0]
	default:
		fn := u.MethodByName("Update").Type().In(0)
		set := reflect.MakeFunc(fn, func(in []reflect.Value) []reflect.Value {
			for _, f := range t.Fields {
				if has(in[0], f.Set) && c.n(3) == 1 {
					w.set(c, in[0], t, f)
				}
			}
			return nil
		})
		u = call(u, "Update", set)[0]
	}
	w.plan(c, t)
	return w.save(u, "Exec")
}

// none is the id of an update that isn't of one row.
var none reflect.Value

// change chooses what an update, of the row with the id, changes.
func (w *writer) change(c *choices, b reflect.Value, t *typ, id reflect.Value) {
	if c.rarely(4) && len(t.numeric) > 0 && has(b, "Modify") {
		column := t.number(c)
		call(b, "Modify", reflect.ValueOf(func(u *sql.UpdateBuilder) {
			u.Set(column, sql.ExprFunc(func(b *sql.Builder) { b.Ident(column).WriteString(" % 5 + 1") }))
		}))
		if c.n(2) == 1 {
			return
		}
	}
	if len(t.edges) > 0 && c.n(4) == 3 {
		// Nothing but an edge: there is little else to invalidate by.
		w.changeEdge(c, b, t, id, t.edge(c))
		return
	}
	for range 1 + c.n(3) {
		if len(t.edges) > 0 && c.n(2) == 1 {
			w.changeEdge(c, b, t, id, t.edge(c))
			continue
		}
		if len(t.Fields) == 0 {
			continue
		}
		f := t.Fields[c.hotOf(t.Name, len(t.Fields))]
		switch n := c.n(4); {
		case n == 2 && has(b, f.Clear):
			call(b, f.Clear)
		case n == 3 && has(b, f.Add):
			call(b, f.Add, w.m.fieldValue(c, nil, false, b.MethodByName(f.Add).Type().In(0)))
		case has(b, f.Set):
			w.set(c, b, t, f)
		}
	}
}

func (w *writer) changeEdge(c *choices, b reflect.Value, t *typ, id reflect.Value, e *edge) {
	if e.target.id == nil || e.target.View {
		return
	}
	switch n := c.n(4); {
	case n == 2 && has(b, e.Remove):
		if far, ok := w.neighbour(c, t, id, e); ok {
			call(b, e.Remove, far)
		}
	case n == 3 && has(b, e.Clear):
		call(b, e.Clear)
	default:
		w.link(c, b, e)
	}
}

// neighbour chooses the id of a row that the edge leads to, or of any row there
// is.
func (w *writer) neighbour(c *choices, t *typ, id reflect.Value, e *edge) (reflect.Value, bool) {
	if id.IsValid() {
		q := w.query(t)
		pred := q.MethodByName("Where").Type().In(0).Elem()
		call(q, "Where", reflect.ValueOf(sql.FieldEQ(t.ID.Column, id.Interface())).Convert(pred))
		far := call(call(q, "Query"+e.Name)[0], "IDs", reflect.ValueOf(entcache.Skip(w.ctx)))[0]
		if far.Len() > 0 {
			return far.Index(c.n(far.Len())), true
		}
	}
	return w.someID(c, e.target)
}

func (w *writer) updateOne(c *choices, t *typ) error {
	if t.id == nil {
		b := call(w.of(t), "Update")[0]
		w.where(c, b, t, 1)
		w.change(c, b, t, none)
		return w.save(b, "Save")
	}
	id, _ := w.someID(c, t)
	var b reflect.Value
	if c.rarely(4) {
		// An entity that was read from the cache carries its driver.
		out := call(w.of(t), "Get", reflect.ValueOf(w.ctx), id)
		if err := errorOf(out[1]); err != nil {
			return err
		}
		b = call(out[0], "Update")[0]
	} else {
		b = call(w.of(t), "UpdateOneID", id)[0]
	}
	if c.rarely(8) {
		w.where(c, b, t, 1)
	}
	w.change(c, b, t, id)
	if c.rarely(8) {
		call(b, "Select", strs(names(t.chooseFields(c, 1)))...)
	}
	w.plan(c, t)
	return w.save(b, "Save")
}

func (w *writer) deleteOne(c *choices, t *typ) error {
	if t.id == nil {
		b := call(w.of(t), "Delete")[0]
		call(b, "Where", w.m.predicates(c, t, 1, 1)...)
		return w.save(b, "Exec")
	}
	id, _ := w.someID(c, t)
	b := call(w.of(t), "DeleteOneID", id)[0]
	if c.rarely(8) {
		w.where(c, b, t, 1)
	}
	return w.save(b, "Exec")
}

// hookPlan is what the program's own mutation hook does during one write.
type hookPlan struct {
	done bool
	// field and value are set on the mutation before it runs.
	field string
	value any
	// after runs once the mutation ran.
	after func()
}

type hookKey struct{}

// programHook is the hook a program might have registered: it does what the
// write's plan says.
func programHook(next ent.Mutator) ent.Mutator {
	return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
		p, _ := ctx.Value(hookKey{}).(*hookPlan)
		if p == nil || p.done {
			return next.Mutate(ctx, m)
		}
		p.done = true
		if p.field != "" {
			if err := m.SetField(p.field, p.value); err != nil {
				return nil, err
			}
		}
		v, err := next.Mutate(ctx, m)
		if p.after != nil {
			p.after()
		}
		return v, err
	})
}

// plan chooses what the program's hook does: nothing most often, or set another
// field, or write to another row when the mutation ran.
func (w *writer) plan(c *choices, t *typ) {
	w.hook = nil
	if w.plain {
		return
	}
	switch c.n(12) {
	case 10:
		if len(t.numeric) == 0 {
			return
		}
		f := t.field(t.number(c))
		if f.Set == "" || f.Immutable {
			return
		}
		ft := t.fieldType(f)
		if ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		w.hook = &hookPlan{field: f.Column, value: w.m.fieldValue(c, f, false, ft).Interface()}
	case 11:
		other := w.m.types[c.n(len(w.m.types))]
		if other.id == nil || other.View {
			return
		}
		w.hook = &hookPlan{after: func() {
			id, _ := w.someID(c, other)
			b := call(w.of(other), "UpdateOneID", id)[0]
			w.change(c, b, other, id)
			_ = errorOf(call(b, "Save", reflect.ValueOf(w.ctx))[1])
		}}
	}
}

func (t *typ) field(column string) *domain.Field {
	for _, f := range t.Fields {
		if f.Column == column {
			return f
		}
	}
	return nil
}
