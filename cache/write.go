package cache

import (
	"database/sql/driver"
	"slices"

	"entgo.io/ent/dialect/sql/sqlgraph"

	"github.com/entcache/ent-cache/internal/mutant"
)

// What a write touches is read off the specification Ent executes, after hooks
// and defaults have had their say, and not off the mutation: the edges of a
// specification name tables and columns, and a mutation may be replaced on its
// way by another one.

// CreateFacts adds what an insert touches. Before it ran, an id the database
// assigns isn't known; what depends on it then depends on unkeyed(T) too.
// An insert with a conflict clause may update any row.
func (s *Schema) CreateFacts(f *Facts, spec *sqlgraph.CreateSpec, upsert bool) {
	t := s.Table(spec.Table)
	if t == nil {
		f.All = true
		return
	}
	f.Any(t)
	var id driver.Value
	if spec.ID != nil {
		id = spec.ID.Value
	}
	if (upsert || len(spec.OnConflict) > 0) && !mutant.On(mutant.UpsertIsCreate) {
		f.Table(t)
	} else {
		f.insert(t, spec, id)
	}
	if mutant.On(mutant.CreateSkipsEdges) {
		return
	}
	for _, e := range spec.Edges {
		s.addEdge(f, e, id)
	}
}

// insert adds what one new row touches in its own table.
func (f *Facts) insert(t *Table, spec *sqlgraph.CreateSpec, id driver.Value) {
	ch := f.change(change{table: t, kind: rowCreated})
	keyed := id != nil && f.written(t, id, nil)
	if id != nil && !keyed && len(t.ID) == 1 {
		f.Table(t)
	}
	ch.named()
	if f.Fold && keyed && t.ID[0].Kind == KindInt {
		// On MySQL Ent reckons the keys of a bulk from the first.
		keyed = false
	}
	var after image
	// What isn't named is NULL, but for defaults of the database's own.
	for _, c := range t.Columns {
		after.put(c, cell{known: !c.Default && !c.Computed, null: true, assumed: true})
	}
	set := func(column string, v driver.Value) {
		if c := t.Column(column); c != nil && !mutant.On(mutant.CreateSkipsGroups) {
			after.set(c, v, f.Fold)
		}
	}
	for _, fs := range spec.Fields {
		set(fs.Column, fs.Value)
	}
	for _, e := range spec.Edges {
		if ownKey(e) && len(e.Target.Nodes) > 0 {
			set(e.Columns[0], e.Target.Nodes[0])
		}
	}
	if len(t.ID) == 1 {
		after.put(t.ID[0], cell{})
		if id != nil {
			set(t.ID[0].Name, id)
		}
	}
	if mutant.On(mutant.CreateSkipsMembers) {
		return
	}
	ch.after = after
	f.inserted(t, after, keyed)
	ch.end()
}

// UpdateFacts adds what an update touches: one row if the specification names
// its key, else those that its statement's conditions say. seen may be nil.
func (s *Schema) UpdateFacts(f *Facts, spec *sqlgraph.UpdateSpec, seen *Observed) {
	t := s.Table(spec.Node.Table)
	if t == nil {
		f.All = true
		return
	}
	f.Any(t)
	var id driver.Value
	if spec.Node.ID != nil {
		id = spec.Node.ID.Value
	}
	if changesRow(spec) && !seen.none(verbUpdate, t) {
		befores, keys, exact := seen.each(t, f.Fold)
		roughly := func(f *Facts) { s.changes(f, t, spec, seen.before(t, f.Fold), id, seen) }
		if id == nil && exact && len(spec.Modifiers) == 0 {
			f.either(func(f *Facts) {
				for i := range befores {
					s.changes(f, t, spec, befores[i], keys[i], nil)
				}
			}, roughly)
		} else {
			roughly(f)
		}
	}
	for _, e := range spec.Edges.Clear {
		if v := edgeVerb(e, verbDelete); v == verbNone || !seen.none(v, s.Table(e.Table)) {
			s.clearEdge(f, e, id)
		}
	}
	for _, e := range spec.Edges.Add {
		if v := edgeVerb(e, verbInsert); v == verbNone || !seen.none(v, s.Table(e.Table)) {
			s.addEdge(f, e, id)
		}
	}
}

// edgeVerb returns what the statement of an edge outside the row's own table does to
// that other one, of which m2m is for a join table.
func edgeVerb(e *sqlgraph.EdgeSpec, m2m verb) verb {
	switch {
	case e.Rel == sqlgraph.M2M:
		return m2m
	case ownKey(e):
		return verbNone
	default:
		return verbUpdate
	}
}

// changes adds what it touches that an update writes to rows of its own table, of
// which before is known: to the one with a key, or to those that its statement's
// conditions say if id is nil. seen may be nil if it isn't.
func (s *Schema) changes(f *Facts, t *Table, spec *sqlgraph.UpdateSpec, before image, id driver.Value, seen *Observed) {
	set, before, after := s.images(f, t, spec, before, id, seen)
	modified := len(spec.Modifiers) > 0 && !mutant.On(mutant.ModifierIgnored)
	if !modified {
		// Texts of one UUID may differ.
		set = slices.DeleteFunc(set, func(c *Column) bool { return c.Kind != KindUUID && before.of(c).equals(after.of(c)) })
	}
	if len(set) == 0 && !modified {
		return
	}
	ch := f.change(change{table: t, kind: rowUpdated, set: set, before: before, after: after})
	switch {
	// What a modifier writes can't be seen.
	case modified:
		f.Table(t)
	case len(spec.Node.CompositeID) == 2 && spec.Node.CompositeID[0].Value != nil && spec.Node.CompositeID[1].Value != nil:
		// Results don't depend on single rows of a table whose key has two columns.
	case id == nil:
		if !mutant.On(mutant.BulkIsOneRow) {
			seen.rows(f, t, set)
		}
	case !mutant.On(mutant.UpdateSkipsRow) && !f.written(t, id, set):
		f.Table(t)
	}
	ch.named()
	if !mutant.On(mutant.UpdateSkipsColumns) {
		f.updated(t, set, before, after)
	}
	ch.end()
}

// images returns the columns of its own table that an update sets, and what is known
// of the rows before and after it. Columns that aren't declared touch the table. If it
// writes the one row with a key, what was read back of that says more.
func (s *Schema) images(f *Facts, t *Table, spec *sqlgraph.UpdateSpec, known image, id driver.Value, seen *Observed) (set []*Column, before, after image) {
	before, after = known, image{cells: slices.Clone(known.cells)}
	change := func(column string, know func(*Column)) {
		c := t.Column(column)
		switch {
		case c == nil:
			f.Table(t)
		case slices.Contains(set, c):
			after.put(c, cell{})
		default:
			set = append(set, c)
			know(c)
		}
	}
	to := func(v driver.Value) func(*Column) {
		return func(c *Column) { after.set(c, v, f.Fold) }
	}
	for _, fs := range spec.Fields.Set {
		change(fs.Column, to(fs.Value))
	}
	for _, fs := range spec.Fields.Add {
		change(fs.Column, func(c *Column) { after.put(c, cell{}) })
	}
	for _, fs := range spec.Fields.Clear {
		change(fs.Column, to(nil))
	}
	for _, e := range spec.Edges.Add {
		if ownKey(e) {
			change(e.Columns[0], func(c *Column) {
				if len(e.Target.Nodes) > 0 {
					to(e.Target.Nodes[0])(c)
				} else {
					after.put(c, cell{})
				}
			})
		}
	}
	for _, e := range spec.Edges.Clear {
		// An edge that is set as well isn't cleared.
		if c := t.Column(e.Columns[0]); ownKey(e) && !(c != nil && slices.Contains(set, c)) {
			change(e.Columns[0], to(nil))
		}
	}
	if id != nil {
		seen.readBack(&after, t, id, f.Fold)
	}
	f.increments(t, spec, &before, &after)
	for _, c := range t.Columns {
		if !before.of(c).known && !slices.Contains(set, c) {
			before.put(c, after.of(c))
		}
	}
	return set, before, after
}

// increments adds what rows had before in the columns to which an update added
// something, if it is known what they have afterwards, and the other way round. Ent
// counts NULL as zero, so zero may have been either. MySQL may be set up to cut off
// numbers that don't fit.
func (f *Facts) increments(t *Table, spec *sqlgraph.UpdateSpec, before, after *image) {
	if f.Fold {
		return
	}
	number := func(x cell) (int64, bool) { return int64(x.value.num), x.known && (x.null || x.value.tag == 'i') }
	for _, fs := range spec.Fields.Add {
		c := t.Column(fs.Column)
		if c == nil || c.Kind != KindInt {
			continue
		}
		by, ok := number(c.cell(fs.Value, false))
		was, knownBefore := number(before.of(c))
		is, knownAfter := number(after.of(c))
		switch {
		case !ok, knownBefore == knownAfter:
		case knownBefore:
			if sum := was + by; (sum > was) == (by > 0) {
				after.put(c, cell{known: true, value: canonical{tag: 'i', num: uint64(sum)}})
			}
		default:
			if was = is - by; was != 0 && (was < is) == (by > 0) && !after.of(c).null {
				before.put(c, cell{known: true, value: canonical{tag: 'i', num: uint64(was)}})
			}
		}
	}
}

// changesRow reports whether an update writes to its own table, and not only to
// those of its edges.
func changesRow(spec *sqlgraph.UpdateSpec) bool {
	return len(spec.Fields.Set)+len(spec.Fields.Add)+len(spec.Fields.Clear)+len(spec.Modifiers) > 0 ||
		slices.ContainsFunc(spec.Edges.Clear, ownKey) || slices.ContainsFunc(spec.Edges.Add, ownKey)
}

// DeleteFacts adds what a delete touches: the row of id, or those that its
// statement's conditions say if id is nil, and the tables the database changes in
// turn. seen may be nil.
func (s *Schema) DeleteFacts(f *Facts, spec *sqlgraph.DeleteSpec, id any, seen *Observed) {
	t := s.Table(spec.Node.Table)
	if t == nil {
		f.All = true
		return
	}
	f.Any(t)
	if seen.none(verbDelete, t) {
		return
	}
	if befores, keys, exact := seen.each(t, f.Fold); exact && id == nil {
		f.either(func(f *Facts) {
			for i := range befores {
				ch := f.change(change{table: t, kind: rowDeleted, before: befores[i]})
				f.written(t, keys[i], nil)
				ch.named()
				f.deleted(t, befores[i])
				ch.end()
			}
			f.cascadeFrom(t, keys)
		}, func(f *Facts) {
			seen.rows(f, t, nil)
			f.deleted(t, seen.before(t, f.Fold))
			f.cascadeFrom(t, seen.keys(t))
		})
		return
	}
	ch := f.change(change{table: t, kind: rowDeleted, before: seen.before(t, f.Fold)})
	switch {
	case id != nil && (mutant.On(mutant.DeleteSkipsRow) || f.written(t, id, nil)), mutant.On(mutant.BulkDeleteIsOneRow):
	case id != nil:
		f.Table(t)
	default:
		seen.rows(f, t, nil)
	}
	ch.named()
	if !mutant.On(mutant.DeleteSkipsMembers) {
		f.deleted(t, ch.before)
	}
	ch.end()
	ids := []any{id}
	if id == nil {
		ids = seen.keys(t)
	}
	f.cascadeFrom(t, ids)
}

// cascadeFrom adds what the database changes in turn when the rows with these keys
// are deleted; none means that they aren't known. Rows of another table that refer
// to one are deleted or lose the reference; which of the two needn't be known.
func (f *Facts) cascadeFrom(t *Table, ids []any) {
	if len(ids) == 0 || len(t.CascadeKeys) == 0 {
		f.cascade(t)
		return
	}
	if mutant.On(mutant.CascadeIgnored) {
		return
	}
	var known []*Table
	for _, c := range t.CascadeKeys {
		f.Any(c.Table)
		for _, id := range ids {
			if !f.bulkOf(c, id) {
				f.Table(c.Table)
				continue
			}
			var before image
			before.set(c, id, f.Fold)
			f.deleted(c.Table, before)
			f.moved(c, true, id)
		}
		if !slices.Contains(known, c.Table) {
			known = append(known, c.Table)
			if !mutant.On(mutant.CascadeOneStep) {
				f.cascade(c.Table)
			}
		}
	}
	for _, c := range t.Cascade {
		if !slices.Contains(known, c) && !t.cascadesThrough(known, c) {
			f.Any(c)
			f.Table(c)
		}
	}
}

// cascadesThrough reports whether a table that t cascades into does so by way of
// one of known, which has added it.
func (t *Table) cascadesThrough(known []*Table, c *Table) bool {
	return !slices.Contains(t.direct, c) && slices.ContainsFunc(known, func(k *Table) bool { return slices.Contains(k.Cascade, c) })
}

func (f *Facts) cascade(t *Table) {
	if mutant.On(mutant.CascadeIgnored) {
		return
	}
	for i, c := range t.Cascade {
		if i > 0 && mutant.On(mutant.CascadeOneStep) {
			return
		}
		f.Any(c)
		f.Table(c)
	}
}

// WholeTable adds what a write of unknown shape to a table touches.
func (f *Facts) WholeTable(t *Table) {
	f.Any(t)
	f.Table(t)
	f.cascade(t)
}

// ownKey reports whether the edge's foreign key is a column of the row that is
// written itself.
func ownKey(e *sqlgraph.EdgeSpec) bool {
	return e.Rel == sqlgraph.M2O || e.Rel == sqlgraph.O2O && (e.Inverse || e.Bidi)
}

// addEdge adds what linking the node id to the edge's targets touches outside
// the node's own row. A nil id isn't known.
func (s *Schema) addEdge(f *Facts, e *sqlgraph.EdgeSpec, id driver.Value) {
	switch {
	case e.Rel == sqlgraph.M2M:
		s.joinRows(f, e, id, false)
	case e.Rel == sqlgraph.O2M || e.Rel == sqlgraph.O2O && !e.Inverse:
		// Ent sets the key only where it is NULL, so no group is left.
		_, c := s.edgeColumn(f, e)
		if c == nil {
			return
		}
		f.targets(c, e.Target.Nodes)
		f.moved(c, false, id)
	}
}

// moved adds what it touches that the foreign key c of rows is set to id where it
// was NULL, or cleared where it was id. A nil id isn't known.
func (f *Facts) moved(c *Column, clear bool, id driver.Value) {
	var before, after image
	with, without := &after, &before
	if clear {
		with, without = &before, &after
	}
	if c.Grouped {
		without.set(c, nil, f.Fold)
		if id != nil {
			with.set(c, id, f.Fold)
		}
	}
	f.updated(c.Table, []*Column{c}, before, after)
}

// clearEdge adds what unlinking the node id from the edge's targets, all if it
// names none, touches outside the node's own row.
func (s *Schema) clearEdge(f *Facts, e *sqlgraph.EdgeSpec, id driver.Value) {
	if mutant.On(mutant.ClearIgnored) {
		return
	}
	switch {
	case e.Rel == sqlgraph.M2M:
		s.joinRows(f, e, id, true)
	case e.Rel == sqlgraph.O2M || e.Rel == sqlgraph.O2O && !e.Inverse:
		t, c := s.edgeColumn(f, e)
		if c == nil {
			return
		}
		switch {
		case len(e.Target.Nodes) > 0:
			f.targets(c, e.Target.Nodes)
		case id != nil && f.bulkOf(c, id):
		default:
			f.manyRows(t)
		}
		f.moved(c, true, id)
	}
}

// bulkOf adds the rows that have the value v in a grouped column, and reports
// false if v has no canonical form.
func (f *Facts) bulkOf(c *Column, v any) bool {
	if !c.Grouped {
		return false
	}
	cv, ok := c.canonical(v, f.Fold)
	if !ok {
		return false
	}
	f.Rows(c.Table)
	f.bulk(c, &cv)
	f.bulk(c, nil)
	return true
}

// edgeColumn finds the table and foreign key of an edge that lies in another
// table. A nil column means that everything is touched already.
func (s *Schema) edgeColumn(f *Facts, e *sqlgraph.EdgeSpec) (*Table, *Column) {
	t := s.Table(e.Table)
	if t == nil {
		f.All = true
		return nil, nil
	}
	f.Any(t)
	c := t.Column(e.Columns[0])
	if c == nil {
		f.Table(t)
	}
	return t, c
}

// targets adds the rows of an edge's targets, of which c is the foreign key.
func (f *Facts) targets(c *Column, nodes []driver.Value) {
	if mutant.On(mutant.ChildRowSkipped) {
		return
	}
	for _, n := range nodes {
		if !f.written(c.Table, n, []*Column{c}) {
			f.Table(c.Table)
			return
		}
	}
}

// joinRows adds what adding or removing rows of a join table touches. Results
// don't depend on single rows of a table whose key has two columns.
func (s *Schema) joinRows(f *Facts, e *sqlgraph.EdgeSpec, id driver.Value, remove bool) {
	t := s.Table(e.Table)
	if t == nil {
		f.All = true
		return
	}
	f.Any(t)
	near, far := t.Column(e.Columns[0]), t.Column(e.Columns[1])
	if e.Inverse {
		near, far = far, near
	}
	if near == nil || far == nil || !near.Grouped || !far.Grouped {
		f.Table(t)
		f.cascade(t)
		return
	}
	var nodes []driver.Value
	if e.Target != nil {
		nodes = e.Target.Nodes
	}
	// A join table that is an edge schema with an id of its own has results
	// that depend on its rows, and the ids of the rows removed aren't known.
	if remove && len(t.ID) != 2 && (id == nil || !f.bulkOf(near, id)) || remove && len(t.ID) != 2 && e.Bidi {
		f.manyRows(t)
	}
	if remove {
		f.cascade(t)
	}
	f.joinEnds(t, near, far, id, nodes, remove)
	if e.Bidi && !mutant.On(mutant.BidiSkipped) {
		f.joinEnds(t, far, near, id, nodes, remove)
	}
}

// joinEnds adds what touches the rows of a join table that link id, in the column
// near, to each of nodes, in the column far. Other columns of the rows aren't
// known, nor are the nodes if there are none.
func (f *Facts) joinEnds(t *Table, near, far *Column, id driver.Value, nodes []driver.Value, remove bool) {
	if len(nodes) == 0 {
		nodes = []driver.Value{nil}
	}
	for _, n := range nodes {
		var row image
		if mutant.On(mutant.NearEndSkipped) {
			row.set(near, nil, f.Fold)
		} else if id != nil {
			row.set(near, id, f.Fold)
		}
		if mutant.On(mutant.FarEndSkipped) {
			row.set(far, nil, f.Fold)
		} else if n != nil {
			row.set(far, n, f.Fold)
		}
		if remove {
			f.deleted(t, row)
		} else {
			f.inserted(t, row, false)
		}
	}
}

// isNull reports whether a driver gets NULL for v.
func isNull(v any) bool {
	if v == nil {
		return true
	}
	if valuer, ok := v.(driver.Valuer); ok {
		dv, err := callValuer(valuer)
		return err == nil && dv == nil
	}
	return false
}
