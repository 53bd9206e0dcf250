package oracle

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"

	"github.com/entcache/ent-cache/cache"
)

// rawText is a statement that is being written.
type rawText struct {
	strings.Builder
	dialect string
	args    []any
}

// ident writes a name in quotes.
func (b *rawText) ident(name string) *rawText {
	q := `"`
	if b.dialect == dialect.MySQL {
		q = "`"
	}
	b.WriteString(q + name + q)
	return b
}

func (b *rawText) text(s string) *rawText {
	b.WriteString(s)
	return b
}

// arg writes a placeholder.
func (b *rawText) arg(v any) *rawText {
	b.args = append(b.args, v)
	if b.dialect == dialect.Postgres {
		return b.text("$" + strconv.Itoa(len(b.args)))
	}
	return b.text("?")
}

// raw runs a statement that no hook sees on the driver of the client.
func (w *writer) raw(c *choices, t *typ) error {
	builder := w.query(t).Interface().(cache.Builder)
	drv, schema := builder.EntcacheDriver(), builder.EntcacheType().Schema
	b := &rawText{dialect: drv.Dialect()}
	way := c.n(3)
	w.rawStatement(c, b, t, schema)
	if b.Len() == 0 {
		return nil
	}
	rows := strings.Contains(b.String(), "RETURNING") || strings.HasPrefix(b.String(), "SELECT")
	if c.rarely(6) {
		b.text(" -- by the oracle")
	}
	return execRaw(w.ctx, drv, b, way, rows)
}

// execRaw runs a statement in one of the ways that a driver has.
func execRaw(ctx context.Context, drv dialect.Driver, b *rawText, way int, rows bool) error {
	if way == 1 {
		switch d := drv.(type) {
		case interface {
			QueryContext(context.Context, string, ...any) (*sql.Rows, error)
			ExecContext(context.Context, string, ...any) (sql.Result, error)
		}:
			if !rows {
				_, err := d.ExecContext(ctx, b.String(), b.args...)
				return err
			}
			r, err := d.QueryContext(ctx, b.String(), b.args...)
			if err != nil {
				return err
			}
			defer r.Close()
			for r.Next() {
				continue
			}
			return r.Err()
		}
	}
	args := b.args
	if args == nil {
		args = []any{}
	}
	if !rows {
		var res sql.Result
		return drv.Exec(ctx, b.String(), args, &res)
	}
	var r entsql.Rows
	if err := drv.Query(ctx, b.String(), args, &r); err != nil {
		return err
	}
	// Closed before they end, too.
	for more := r.Next(); more && way == 0; more = r.Next() {
		continue
	}
	return r.Close()
}

// reference is a foreign key of a table.
type reference struct {
	column string
	target *typ
}

func (m *model) references(t *typ) (refs []reference) {
	for _, u := range m.types {
		for _, k := range u.children {
			if k.typ == t {
				refs = append(refs, reference{k.column, u})
			}
		}
	}
	return refs
}

// joinTables are the tables of a schema that no type has.
func (m *model) joinTables(s *cache.Schema) (tables []*cache.Table) {
	for _, name := range m.Tables {
		if slices.ContainsFunc(m.types, func(t *typ) bool { return t.Table == name }) {
			continue
		}
		if t := s.Table(name); t != nil && len(t.ID) == 2 {
			tables = append(tables, t)
		}
	}
	return tables
}

// rawStatement writes a statement of the type's table, or of one near it. It
// writes none where the choice doesn't fit the type.
func (w *writer) rawStatement(c *choices, b *rawText, t *typ, s *cache.Schema) {
	switch n := c.n(14); n {
	default: // a row's columns
		b.text("UPDATE ").ident(t.Table).text(" SET ")
		if !w.rawSet(c, b, t, 1+c.n(3)) || !w.rawRow(c, b.text(" WHERE "), t) {
			b.Reset()
			return
		}
		w.returning(c, b, t)
	case 4: // some rows' columns
		b.text("UPDATE ").ident(t.Table).text(" SET ")
		if !w.rawSet(c, b, t, 1+c.n(2)) {
			b.Reset()
			return
		}
		if len(t.numeric) > 0 && c.n(4) > 0 {
			b.text(" WHERE ").ident(t.number(c)).text(" > ").arg(c.n(4))
		}
		w.returning(c, b, t)
	case 5: // rows that move to another parent
		if len(t.children) == 0 {
			return
		}
		kid := t.children[c.n(len(t.children))]
		if kid.typ.View {
			return
		}
		from, _ := w.someID(c, t)
		to, _ := w.someID(c, t)
		b.text("UPDATE ").ident(kid.table).text(" SET ").ident(kid.column).text(" = ").arg(to.Interface()).
			text(" WHERE ").ident(kid.column).text(" = ").arg(from.Interface())
	case 6: // one row goes
		b.text("DELETE FROM ").ident(t.Table).text(" WHERE ")
		if !w.rawRow(c, b, t) {
			b.Reset()
			return
		}
		w.returning(c, b, t)
	case 7: // some rows go
		if len(t.numeric) == 0 {
			return
		}
		b.text("DELETE FROM ").ident(t.Table).text(" WHERE ").ident(t.number(c)).text(" = ").arg(c.n(numValues))
	case 8, 9: // a row is copied, replaced or changed by that
		w.rawCopy(c, b, t, s)
	case 10: // several statements
		if len(t.numeric) == 0 {
			return
		}
		first := []string{"SELECT 1", "DELETE FROM " + quoted(b.dialect, t.Table) + " WHERE 1 = 0"}[c.n(2)]
		other := w.m.types[c.n(len(w.m.types))]
		if other.View || len(other.numeric) == 0 {
			other = t
		}
		for i, u := range []*typ{t, other} {
			if i == 0 && c.n(2) == 1 {
				b.text(first)
			} else {
				column := u.number(c)
				b.text("UPDATE ").ident(u.Table).text(" SET ").ident(column).text(" = " + strconv.Itoa(1+c.n(numValues)))
			}
			b.text(";")
		}
	case 11, 12: // a write in a WITH, or behind one
		if t.id == nil || len(t.numeric) == 0 {
			return
		}
		id, _ := w.someID(c, t)
		column := t.number(c)
		if b.dialect == dialect.Postgres && c.n(4) > 0 {
			b.text("WITH x AS (UPDATE ").ident(t.Table).text(" SET ").ident(column).text(" = " + strconv.Itoa(1+c.n(numValues)) + " WHERE ").
				ident(t.ID.Column).text(" = ").arg(id.Interface()).text(" RETURNING *) SELECT COUNT(*) FROM x")
			return
		}
		b.text("WITH x AS (SELECT ").ident(t.ID.Column).text(" FROM ").ident(t.Table).text(" WHERE ").ident(t.ID.Column).text(" = ").arg(id.Interface()).
			text(") UPDATE ").ident(t.Table).text(" SET ").ident(column).text(" = ").ident(column).text(" % 5 + 1 WHERE ").
			ident(t.ID.Column).text(" IN (SELECT * FROM x)")
	case 13: // rows of a join table
		joins := w.m.joinTables(s)
		if len(joins) == 0 {
			return
		}
		j := joins[c.n(len(joins))]
		near, far := j.ID[0], j.ID[1]
		if near.Kind != cache.KindInt || far.Kind != cache.KindInt {
			return
		}
		if c.n(3) == 0 {
			b.text("DELETE FROM ").ident(j.Name).text(" WHERE ").ident(near.Name).text(" = ").arg(1 + c.n(5))
			return
		}
		b.text("INSERT INTO ").ident(j.Name).text(" (").ident(near.Name).text(", ").ident(far.Name).text(") VALUES (").
			arg(1 + c.n(5)).text(", ").arg(1 + c.n(5)).text(")")
	}
}

func quoted(dialect, name string) string {
	b := &rawText{dialect: dialect}
	return b.ident(name).String()
}

// rawSet writes assignments to so many columns, and reports false if the type has
// none that it could write to.
func (w *writer) rawSet(c *choices, b *rawText, t *typ, n int) bool {
	refs := w.m.references(t)
	var done []string
	for range n {
		var column string
		var write func()
		switch k := c.n(4); {
		case k == 3 && len(refs) > 0:
			r := refs[c.n(len(refs))]
			id, ok := w.someID(c, r.target)
			column, write = r.column, func() {
				if ok {
					b.arg(id.Interface())
				} else {
					b.text("NULL")
				}
			}
		case k == 2 && len(t.texts) > 0:
			column = t.texts[c.n(len(t.texts))]
			text := texts[c.n(len(texts))]
			write = func() { b.arg(text) }
		case len(t.numeric) > 0:
			column = t.number(c)
			number, add := 1+c.n(numValues), c.n(2) == 1
			write = func() {
				if add {
					b.ident(column).text(" % 5 + 1")
				} else {
					b.arg(number)
				}
			}
		default:
			continue
		}
		if slices.Contains(done, column) {
			continue
		}
		if done = append(done, column); len(done) > 1 {
			b.text(", ")
		}
		b.ident(column).text(" = ")
		write()
	}
	return len(done) > 0
}

// rawRow writes a condition that names rows by their ids.
func (w *writer) rawRow(c *choices, b *rawText, t *typ) bool {
	if t.id == nil {
		return false
	}
	id, _ := w.someID(c, t)
	b.ident(t.ID.Column)
	switch n := c.n(6); {
	case n == 0:
		other, _ := w.someID(c, t)
		b.text(" IN (").arg(id.Interface()).text(", ").arg(other.Interface()).text(")")
	case n == 1 && id.CanInt():
		b.text(" = " + strconv.FormatInt(id.Int(), 10))
	default:
		b.text(" = ").arg(id.Interface())
	}
	switch c.n(6) {
	case 0:
		if len(t.numeric) > 0 {
			b.text(" OR ").ident(t.number(c)).text(" = ").arg(c.n(numValues))
		}
	case 1:
		if len(t.numeric) > 0 {
			b.text(" AND ").ident(t.number(c)).text(" < ").arg(c.n(numValues))
		}
	}
	return true
}

// returning makes a statement give the rows it writes.
func (w *writer) returning(c *choices, b *rawText, t *typ) {
	if c.n(2) == 1 && b.dialect != dialect.MySQL {
		b.text(" RETURNING ").ident(t.columns()[0])
	}
}

// rawCopy writes an INSERT of a row's copy, most often with another id, that may
// replace or change the row that is there.
func (w *writer) rawCopy(c *choices, b *rawText, t *typ, s *cache.Schema) {
	if t.id == nil {
		return
	}
	var columns []string
	for _, col := range s.Table(t.Table).Columns {
		if !col.Computed && col.Name != t.ID.Column {
			columns = append(columns, col.Name)
		}
	}
	from, _ := w.someID(c, t)
	to := idOf(t.id, 1+c.n(ids))
	kind := c.n(3)
	verb := "INSERT"
	if kind == 1 && b.dialect != dialect.Postgres {
		verb = "REPLACE"
	}
	b.text(verb + " INTO ").ident(t.Table).text(" (").ident(t.ID.Column)
	for _, name := range columns {
		b.text(", ").ident(name)
	}
	b.text(") SELECT ")
	if b.dialect == dialect.Postgres {
		// The type of an argument alone isn't known.
		b.text("CASE WHEN TRUE THEN ").arg(to.Interface()).text(" ELSE ").ident(t.ID.Column).text(" END")
	} else {
		b.arg(to.Interface())
	}
	for _, name := range columns {
		b.text(", ").ident(name)
	}
	b.text(" FROM ").ident(t.Table).text(" WHERE ").ident(t.ID.Column).text(" = ").arg(from.Interface())
	if kind == 2 && len(t.numeric) > 0 {
		column := t.number(c)
		if b.dialect == dialect.MySQL {
			b.text(" ON DUPLICATE KEY UPDATE ")
		} else {
			b.text(" ON CONFLICT (").ident(t.ID.Column).text(") DO UPDATE SET ")
		}
		b.ident(column).text(" = " + strconv.Itoa(1+c.n(numValues)))
	}
	if verb == "INSERT" {
		w.returning(c, b, t)
	}
}
