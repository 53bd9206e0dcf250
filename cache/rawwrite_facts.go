package cache

import (
	"context"
	"database/sql"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql/sqlgraph"

	"github.com/entcache/ent-cache/internal/mutant"
)

// RawFacts adds what an execution of a statement touches, with the schemas whose
// clients have read through the cache. What they don't know touches everything.
func (c *Cache) RawFacts(ctx context.Context, f *Facts, w *RawWrite, args []any) {
	f.Fold = w.dialect == mysqlDialect
	c.mu.Lock()
	schemas := make([]*Schema, 0, len(c.schemas))
	for s := range c.schemas {
		schemas = append(schemas, s)
	}
	c.mu.Unlock()
	everything := func(why, remedy string) {
		if why != "" {
			c.warnOnce(ctx, "a raw statement may write anything, so it drops every result", why, remedy)
		}
		f.All = true
		// A hold and a write in doubt are of facts that are known.
		for _, s := range schemas {
			for _, t := range s.tables {
				f.Any(t)
				f.Table(t)
			}
		}
	}
	switch {
	case w.unread != "" && w.expected:
		everything("", "")
	case w.unread != "":
		everything(w.unread, "run it on the driver that entcache.Driver wraps, and call InvalidateType or InvalidateIDs")
	case w.control != RawNone:
		everything("", "")
	}
	for _, name := range w.calls {
		if !declared(schemas, name) && !f.All {
			everything("function "+name, "if it writes nothing, declare it in Mixin.Functions")
		}
	}
	for i := range w.effects {
		if f.All {
			return
		}
		e, known := &w.effects[i], false
		if i > 0 && mutant.On(mutant.RawSecondStatement) {
			return
		}
		for _, s := range schemas {
			if t := s.Table(e.table); t != nil && !t.View {
				known = true
				w.touch(f, s, t, e, args)
			}
		}
		switch {
		case known:
		case len(schemas) == 0:
			// Nothing was read yet through this cache, in this process.
			everything("", "")
		default:
			everything("table \""+e.table+"\"", "add it to the Ent schema, or write to it on the driver that entcache.Driver wraps")
		}
	}
}

// RawCause describes a statement, for explanations and the log.
func (c *Cache) RawCause(w *RawWrite) Cause {
	by := Cause{Op: WriteRaw}
	if len(w.effects) != 1 {
		return by
	}
	for _, name := range w.effects[0].columns {
		by.column(name)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for s := range c.schemas {
		t := s.Table(w.effects[0].table)
		for _, name := range s.Types() {
			if t != nil && s.Type(name).Table == t {
				by.Type = name
			}
		}
	}
	return by
}

func declared(schemas []*Schema, function string) bool {
	for _, s := range schemas {
		if _, ok := s.Function(function); ok {
			return true
		}
	}
	return false
}

// touch adds what an effect touches in a table. What a mutation that does the same
// touches is added as that adds it.
func (w *RawWrite) touch(f *Facts, s *Schema, t *Table, e *rawEffect, args []any) {
	if mutant.On(mutant.RawCascadeIgnored) {
		f.Any(t)
		f.Table(t)
		return
	}
	switch e.kind {
	case rawInsert:
		// Which values the rows have isn't known, but rows that are there stay
		// as they are.
		f.Any(t)
		f.inserted(t, image{}, false)
		return
	case rawUpdate:
		if ids, ok := w.ids(t, e, args); ok && !changesKey(t, e.columns) {
			for _, id := range ids {
				w.updateRow(f, s, t, e, id)
			}
			return
		}
		if !changesKey(t, e.columns) {
			// As with a mutation, no row of another table changes.
			f.Any(t)
			f.Table(t)
			return
		}
	case rawRemove:
		if ids, ok := w.ids(t, e, args); ok {
			for _, id := range ids {
				s.DeleteFacts(f, &sqlgraph.DeleteSpec{Node: &sqlgraph.NodeSpec{Table: t.Name}}, id, nil)
			}
			return
		}
	}
	f.WholeTable(t)
}

func (w *RawWrite) updateRow(f *Facts, s *Schema, t *Table, e *rawEffect, id any) {
	spec := &sqlgraph.UpdateSpec{Node: &sqlgraph.NodeSpec{
		Table: t.Name, ID: &sqlgraph.FieldSpec{Column: t.ID[0].Name, Value: id},
	}}
	for i, c := range e.columns {
		if i > 0 && mutant.On(mutant.RawRowTooFine) {
			break
		}
		// Which value the column gets isn't known, as with an addition.
		spec.Fields.Add = append(spec.Fields.Add, &sqlgraph.FieldSpec{Column: c})
	}
	s.UpdateFacts(f, spec, nil)
}

// changesKey reports whether a column of the primary key is updated, which rows of
// other tables may follow.
func changesKey(t *Table, columns []string) bool {
	for _, name := range columns {
		c := t.Column(name)
		for _, id := range t.ID {
			if c == id {
				return true
			}
		}
	}
	return false
}

// ids returns the ids of the only rows that an effect is on. It is false where
// they aren't known, or where the database may compare them otherwise than Go.
func (w *RawWrite) ids(t *Table, e *rawEffect, args []any) ([]any, bool) {
	if len(t.ID) != 1 || len(args) != w.args {
		return nil, false
	}
	for _, a := range args {
		if _, named := a.(sql.NamedArg); named {
			return nil, false
		}
	}
next:
	for _, p := range e.pins {
		if t.Column(p.column) != t.ID[0] {
			continue
		}
		ids := make([]any, 0, len(p.values))
		for _, v := range p.values {
			id := v.literal
			if v.arg >= 0 {
				id = args[v.arg]
			}
			// A value of another kind than the column's, a number for a text, is
			// compared in other ways.
			if _, ok := t.ID[0].canonical(id, w.dialect == mysqlDialect); !ok {
				continue next
			}
			ids = append(ids, id)
		}
		return ids, true
	}
	return nil, false
}

// DistrustTables is Distrust for what a raw statement touches.
func (c *Cache) DistrustTables(ctx context.Context, f *Facts) {
	c.mu.Lock()
	var types []*Type
	for s := range c.schemas {
		if names := s.Types(); len(names) > 0 {
			types = append(types, s.Type(names[0]))
		}
	}
	c.mu.Unlock()
	for _, t := range types {
		c.Distrust(ctx, t, f)
	}
}

// Steered says that the program began a transaction by a statement.
func (c *Cache) Steered(ctx context.Context) {
	c.warnOnce(ctx, "the program began a transaction by a statement, so nothing is served until one ends it", "BEGIN",
		"use client.Tx, client.BeginTx or the driver's Tx")
}

// attach makes a cache known to the drivers that read raw statements.
func attach(c *Cache, drv dialect.Driver) {
	for range maxWrappers {
		if d, ok := drv.(interface{ EntcacheAttach(*Cache) }); ok {
			d.EntcacheAttach(c)
		}
		switch d := drv.(type) {
		case *dialect.DebugDriver:
			drv = d.Driver
		case interface{ Unwrap() dialect.Driver }:
			drv = d.Unwrap()
		default:
			return
		}
	}
}
