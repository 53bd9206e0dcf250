package cache

import (
	"fmt"
	"slices"
	"strings"

	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/stretchr/testify/require"
)

// write changes the database and returns what that touches, by the table of
// writes: as little as is allowed. It returns nil if nothing was written.
func (x *semantics) write() (*Facts, string) {
	t := x.schema.Table([]string{"users", "users", "users", "pets", "pets", "pets", "groups", "group_users", "group_users"}[x.rng.IntN(9)])
	f := &Facts{Spell: true}
	f.Any(t)
	x.certain = x.rng.IntN(2) == 0
	var columns []*Column
	for _, c := range t.Columns {
		if !c.Computed && !slices.Contains([]string{"password", "nick", "created_at", "data"}, c.Name) {
			columns = append(columns, c)
		}
	}
	var (
		query string
		args  []any
	)
	n := x.rng.IntN(10)
	switch {
	case n < 2 && x.enforced && len(t.ID) == 1:
		query, args = x.replace(f, t, columns)
	case n < 3:
		query, args = x.insert(f, t, columns)
	case n < 5 || n < 7 && len(t.ID) == 2:
		query, args = x.remove(f, t)
	case n < 7:
		query, args = x.update(f, t, columns)
	default:
		query, args = x.many(f, t, columns)
	}
	if query == "" {
		return nil, ""
	}
	if _, err := x.db.Exec(query, args...); err != nil {
		require.ErrorContains(x.t, err, "constraint", query)
		return nil, ""
	}
	return f, fmt.Sprint(query, " ", args)
}

func (x *semantics) insert(f *Facts, t *Table, columns []*Column) (string, []any) {
	var (
		names, marks []string
		args         []any
		after        image
	)
	known := x.rng.IntN(2) == 0
	ch := f.change(change{table: t, kind: rowCreated})
	for _, c := range columns {
		v := x.any(c.Name)
		if immutable(c) {
			if !known {
				continue // the database assigns it
			}
			v = 1 + x.rng.IntN(6)
			f.written(t, v, nil)
		}
		x.know(&after, c, v)
		names, marks, args = append(names, c.Name), append(marks, "?"), append(args, v)
	}
	ch.named()
	ch.after = after
	f.inserted(t, after, known)
	ch.end()
	return "INSERT INTO " + t.Name + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ")", args
}

// replace deletes one row and creates another one with its key, to which may refer
// what referred to the old one.
func (x *semantics) replace(f *Facts, t *Table, columns []*Column) (string, []any) {
	id := 1 + x.rng.IntN(4)
	before, ok := x.row(t, "id = ?", []any{id})
	if !ok {
		return "", nil
	}
	var (
		after image
		marks []string
		names []string
		args  []any
	)
	for _, c := range columns {
		v := x.any(c.Name)
		if immutable(c) {
			v = id
		}
		x.know(&after, c, v)
		names, marks, args = append(names, c.Name), append(marks, "?"), append(args, v)
	}
	gone := f.change(change{table: t, kind: rowDeleted, before: before})
	f.written(t, id, nil)
	gone.named()
	f.deleted(t, before)
	gone.end()
	come := f.change(change{table: t, kind: rowCreated, after: after})
	f.written(t, id, nil)
	come.named()
	f.inserted(t, after, true)
	come.end()
	return "REPLACE INTO " + t.Name + " (" + strings.Join(names, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ")", args
}

// know notes the value of a column as one that isn't known, or, more often, is.
func (x *semantics) know(m *image, c *Column, v any) {
	if x.certain || x.rng.IntN(3) > 0 {
		m.set(c, v, false)
	}
}

// row returns what is known of a row, and whether there is one.
func (x *semantics) row(t *Table, where string, args []any) (m image, ok bool) {
	for _, c := range t.Columns {
		var v any
		if err := x.db.QueryRow("SELECT "+c.Name+" FROM "+t.Name+" WHERE "+where, args...).Scan(&v); err != nil {
			return m, false
		}
		x.know(&m, c, v)
	}
	return m, true
}

// remove deletes one row.
func (x *semantics) remove(f *Facts, t *Table) (string, []any) {
	var (
		where []string
		args  []any
	)
	ch := f.change(change{table: t, kind: rowDeleted})
	for _, c := range t.ID {
		v := 1 + x.rng.IntN(4)
		where, args = append(where, c.Name+" = ?"), append(args, v)
		f.written(t, v, nil)
	}
	ch.named()
	before, ok := x.row(t, strings.Join(where, " AND "), args)
	if !ok {
		return "", nil
	}
	ch.before = before
	f.deleted(t, before)
	ch.end()
	return "DELETE FROM " + t.Name + " WHERE " + strings.Join(where, " AND "), args
}

// update changes some columns of one row.
func (x *semantics) update(f *Facts, t *Table, columns []*Column) (string, []any) {
	id := 1 + x.rng.IntN(4)
	before, ok := x.row(t, "id = ?", []any{id})
	if !ok {
		return "", nil
	}
	after, written, set, args := x.set(t, columns)
	for _, c := range t.Columns {
		if !slices.Contains(written, c) {
			after.put(c, before.of(c))
		}
	}
	if len(written) == 0 {
		return "", nil
	}
	ch := f.change(change{table: t, kind: rowUpdated, set: written, before: before, after: after})
	f.written(t, id, written)
	ch.named()
	f.updated(t, written, before, after)
	ch.end()
	return "UPDATE " + t.Name + " SET " + set + " WHERE id = ?", append(args, id)
}

// set returns what an update sets.
func (x *semantics) set(t *Table, columns []*Column) (after image, written []*Column, text string, args []any) {
	var set []string
	for _, c := range columns {
		if immutable(c) || slices.Contains(t.ID, c) || x.rng.IntN(3) > 0 {
			continue
		}
		v := x.any(c.Name)
		set, args, written = append(set, c.Name+" = ?"), append(args, v), append(written, c)
		x.know(&after, c, v)
	}
	return after, written, strings.Join(set, ", "), args
}

// many writes the rows that have a value in a column.
func (x *semantics) many(f *Facts, t *Table, columns []*Column) (string, []any) {
	by := columns[x.rng.IntN(len(columns))]
	v := x.any(by.Name)
	var before image
	remove := x.rng.IntN(2) == 0
	if len(t.ID) == 1 && x.rng.IntN(2) == 0 {
		return x.read(f, t, columns, by, v, remove)
	}
	after, written, set, args := x.set(t, columns)
	if remove {
		written = nil
	} else if len(written) == 0 {
		return "", nil
	}
	ch := f.change(change{table: t, kind: rowUpdated, set: written})
	switch {
	case by == t.ID[0] && len(t.ID) == 1 && x.rng.IntN(2) == 0:
		f.written(t, v, written)
	case !by.Grouped || v == nil || x.rng.IntN(3) == 0:
		f.manyRows(t)
	default:
		f.bulkOf(by, v)
	}
	ch.named()
	if v != nil {
		x.know(&before, by, v)
	}
	if remove {
		ch.kind, ch.before = rowDeleted, before
		f.deleted(t, before)
		ch.end()
		return "DELETE FROM " + t.Name + " WHERE " + by.Name + " = ?", []any{v}
	}
	if !slices.Contains(written, by) {
		after.put(by, before.of(by))
	}
	ch.before, ch.after = before, after
	f.updated(t, written, before, after)
	ch.end()
	return "UPDATE " + t.Name + " SET " + set + " WHERE " + by.Name + " = ?", append(args, v)
}

// read writes the rows that have a value in a column, as a mutation whose rows were
// read before it.
func (x *semantics) read(f *Facts, t *Table, columns []*Column, by *Column, v any, remove bool) (string, []any) {
	where := " FROM " + t.Name + " WHERE " + by.Name + " = ?"
	read := t.oldColumns()
	names := make([]string, len(read))
	for i, c := range read {
		names[i] = c.Name
	}
	found, err := x.run(selected{piece: piece{"SELECT " + strings.Join(names, ", ") + where, []any{v}}})
	require.NoError(x.t, err)
	rows := make([][]any, found.N)
	for i := range rows {
		rows[i] = found.Row(i)
	}
	spec := &sqlgraph.UpdateSpec{Node: &sqlgraph.NodeSpec{Table: t.Name, ID: &sqlgraph.FieldSpec{Column: t.ID[0].Name}}}
	query, args := "DELETE"+where, []any{v}
	if !remove {
		var set []string
		args = nil
		for _, c := range columns {
			if immutable(c) || slices.Contains(t.ID, c) || x.rng.IntN(3) > 0 {
				continue
			}
			fs := &sqlgraph.FieldSpec{Column: c.Name, Value: x.any(c.Name)}
			spec.Fields.Set = append(spec.Fields.Set, fs)
			set, args = append(set, c.Name+" = ?"), append(args, fs.Value)
		}
		if len(set) == 0 {
			return "", nil
		}
		query, args = "UPDATE "+t.Name+" SET "+strings.Join(set, ", ")+" WHERE "+by.Name+" = ?", append(args, v)
	}
	var seen Observed
	seen.Statement(x.schema, sqliteDialect, t.Name, query, args)
	seen.OldRows(read, rows)
	seen.Ran(x.schema, sqliteDialect, query, int64(len(rows)))
	if remove {
		x.schema.DeleteFacts(f, &sqlgraph.DeleteSpec{Node: spec.Node}, nil, &seen)
	} else {
		x.schema.UpdateFacts(f, spec, &seen)
	}
	return query, args
}
