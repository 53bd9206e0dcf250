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
// assigns isn't known; what depends on it is then covered by groups(T,c).
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
	if !mutant.On(mutant.CreateSkipsMembers) {
		f.Members(t)
	}
	if id != nil && !f.Row(t, id) && len(t.ID) == 1 {
		f.Table(t)
	}
	set := func(column string, v driver.Value) {
		if c := t.Column(column); c != nil && c.Grouped && !isNull(v) && !mutant.On(mutant.CreateSkipsGroups) && !f.Group(c, v) {
			f.Groups(c)
		}
	}
	named := make(map[string]bool, len(spec.Fields)+len(spec.Edges))
	for _, fs := range spec.Fields {
		named[fs.Column] = true
		set(fs.Column, fs.Value)
	}
	for _, e := range spec.Edges {
		if ownKey(e) && len(e.Target.Nodes) > 0 {
			named[e.Columns[0]] = true
			set(e.Columns[0], e.Target.Nodes[0])
		}
	}
	for _, c := range t.Columns {
		if c.Grouped && c.Default && !named[c.Name] {
			f.Groups(c)
		}
	}
}

// UpdateFacts adds what an update touches: one row if the specification names
// its key, else any row of the table.
func (s *Schema) UpdateFacts(f *Facts, spec *sqlgraph.UpdateSpec) {
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
	if changesRow(spec) {
		one := id != nil && (mutant.On(mutant.UpdateSkipsRow) || f.Row(t, id))
		if len(spec.Node.CompositeID) == 2 {
			one = spec.Node.CompositeID[0].Value != nil && spec.Node.CompositeID[1].Value != nil
		}
		// What a modifier writes can't be seen.
		if !one && !mutant.On(mutant.BulkIsOneRow) || len(spec.Modifiers) > 0 && !mutant.On(mutant.ModifierIgnored) {
			f.Table(t)
		}
	}
	change := func(column string) {
		c := t.Column(column)
		if c == nil {
			f.Table(t)
			return
		}
		if !mutant.On(mutant.UpdateSkipsColumns) {
			f.Column(c)
		}
		if c.Grouped && !mutant.On(mutant.UpdateSkipsGroups) {
			// The row leaves a group that isn't known.
			f.Groups(c)
		}
	}
	for _, fields := range [][]*sqlgraph.FieldSpec{spec.Fields.Set, spec.Fields.Add, spec.Fields.Clear} {
		for _, fs := range fields {
			change(fs.Column)
		}
	}
	for _, edges := range [][]*sqlgraph.EdgeSpec{spec.Edges.Clear, spec.Edges.Add} {
		for _, e := range edges {
			if ownKey(e) {
				change(e.Columns[0])
			}
		}
	}
	for _, e := range spec.Edges.Clear {
		s.clearEdge(f, e, id)
	}
	for _, e := range spec.Edges.Add {
		s.addEdge(f, e, id)
	}
}

// changesRow reports whether an update writes to its own table, and not only to
// those of its edges.
func changesRow(spec *sqlgraph.UpdateSpec) bool {
	return len(spec.Fields.Set)+len(spec.Fields.Add)+len(spec.Fields.Clear)+len(spec.Modifiers) > 0 ||
		slices.ContainsFunc(spec.Edges.Clear, ownKey) || slices.ContainsFunc(spec.Edges.Add, ownKey)
}

// DeleteFacts adds what a delete touches: the row of id, or any row of the
// table if id is nil, and the tables the database changes in turn.
func (s *Schema) DeleteFacts(f *Facts, spec *sqlgraph.DeleteSpec, id any) {
	t := s.Table(spec.Node.Table)
	if t == nil {
		f.All = true
		return
	}
	f.Any(t)
	if id != nil && (mutant.On(mutant.DeleteSkipsRow) || f.Row(t, id)) || mutant.On(mutant.BulkDeleteIsOneRow) {
		if !mutant.On(mutant.DeleteSkipsMembers) {
			f.Members(t)
		}
		for _, c := range t.Columns {
			if c.Grouped {
				f.Groups(c)
			}
		}
	} else {
		f.Table(t)
	}
	f.cascade(t)
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
		t, c := s.edgeColumn(f, e)
		if c == nil {
			return
		}
		f.targets(t, e.Target.Nodes)
		f.Column(c)
		if c.Grouped && (id == nil || !f.Group(c, id)) {
			f.Groups(c)
		}
	}
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
		if len(e.Target.Nodes) == 0 {
			f.Table(t)
			return
		}
		f.targets(t, e.Target.Nodes)
		f.Column(c)
		if c.Grouped && (id == nil || !f.Group(c, id)) {
			f.Groups(c)
		}
	}
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

// targets adds the rows of an edge's targets.
func (f *Facts) targets(t *Table, nodes []driver.Value) {
	if mutant.On(mutant.ChildRowSkipped) {
		return
	}
	for _, n := range nodes {
		if !f.Row(t, n) {
			f.Table(t)
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
	// A join table that is an edge schema with an id of its own has results
	// that depend on its rows, and the ids of the rows removed aren't known.
	if remove && len(t.ID) != 2 {
		f.Table(t)
		f.cascade(t)
		return
	}
	f.Members(t)
	if remove {
		f.cascade(t)
	}
	near, far := e.Columns[0], e.Columns[1]
	if e.Inverse {
		near, far = far, near
	}
	var nodes []driver.Value
	if e.Target != nil {
		nodes = e.Target.Nodes
	}
	if !mutant.On(mutant.NearEndSkipped) {
		f.joinEnd(t, near, id)
	}
	if !mutant.On(mutant.FarEndSkipped) {
		f.joinEnds(t, far, nodes)
	}
	if e.Bidi && !mutant.On(mutant.BidiSkipped) {
		f.joinEnd(t, far, id)
		f.joinEnds(t, near, nodes)
	}
	// Other grouped columns of the rows aren't known.
	for _, c := range t.Columns {
		if c.Grouped && c.Name != near && c.Name != far {
			f.Groups(c)
		}
	}
}

func (f *Facts) joinEnd(t *Table, column string, v driver.Value) {
	c := t.Column(column)
	switch {
	case c == nil:
		f.Table(t)
	case !c.Grouped:
		f.Column(c)
	case v == nil || !f.Group(c, v):
		f.Groups(c)
	}
}

func (f *Facts) joinEnds(t *Table, column string, values []driver.Value) {
	if len(values) == 0 {
		f.joinEnd(t, column, nil)
	}
	for _, v := range values {
		f.joinEnd(t, column, v)
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
