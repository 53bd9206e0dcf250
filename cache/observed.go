package cache

import "entgo.io/ent/dialect/sql/sqlgraph"

// Observed is what the statements of a write have shown of the rows that it
// writes, as far as its specification doesn't say. Its zero value knows nothing.
// It is for one goroutine.
//
// It never says more than the database did: the conditions of an UPDATE or DELETE
// hold for every row that it wrote, as it was when it was overwritten, and a row
// that is read back in the transaction that updated it can't have been changed by
// anybody else in between. What an entity said that the program had read before is
// neither.
type Observed struct {
	verb verb
	pins []pin
	args []any
	// old and row are the row before, read with a lock, and after.
	old, row map[*Column]any
	// locked are the rows before a statement by predicate, if all that it was going
	// to write were read.
	locked  [][]any
	columns []*Column // of locked; nil if those weren't read
	// interrupted says that what was read, or is yet, isn't believed.
	interrupted bool
	// ran says what the statements did, blind that one wasn't understood.
	ran   []tally
	blind bool
}

// Statement notes the statement that writes the rows of a specification for a
// table: the only one that does, or the first.
func (o *Observed) Statement(s *Schema, dialect, table, query string, args any) {
	o.verb, o.pins, o.args = verbNone, nil, nil
	w := s.written.of(s, dialect, query)
	if list, ok := args.([]any); ok && w.table != nil && w.table == s.Table(table) {
		o.verb, o.pins, o.args = w.verb, w.pins, list
	}
}

// Columns returns the columns to read back from a row of the table, among those a
// query returns: the key and those that can be compared. It returns nil if the key
// isn't among them. Others are nil in the list.
func (o *Observed) Columns(s *Schema, table string, columns []string) []*Column {
	t := s.Table(table)
	if t == nil || len(t.ID) != 1 {
		return nil
	}
	list, key := make([]*Column, len(columns)), false
	for i, name := range columns {
		c := t.Column(name)
		if c == nil || !c.Exact && c != t.ID[0] {
			continue
		}
		list[i], key = c, key || c == t.ID[0]
	}
	if !key {
		return nil
	}
	return list
}

// Row notes the row that was read back, as the driver returned it.
func (o *Observed) Row(columns []*Column, values []any) {
	if !o.interrupted {
		o.row = rowOf(columns, values)
	}
}

// Old notes the row as it was before the statement. It must have been locked when
// it was read.
func (o *Observed) Old(columns []*Column, values []any) {
	if !o.interrupted {
		o.old = rowOf(columns, values)
	}
}

// Interrupted notes that other statements may have run in the transaction since its
// first one of this write: locks don't keep those off, so what is read of rows, before
// or after, may be of what they did.
func (o *Observed) Interrupted() {
	o.interrupted = true
	o.old, o.row, o.columns, o.locked = nil, nil, nil, nil
}

func rowOf(columns []*Column, values []any) map[*Column]any {
	row := make(map[*Column]any, len(columns))
	for i, c := range columns {
		if c != nil {
			row[c] = values[i]
		}
	}
	return row
}

// OldColumns returns the columns of which it would help to know what a row had
// before an update of it, or before a delete if spec is nil, and which the
// conditions of its statement don't say: its key first. It returns nil if there are
// none.
func (o *Observed) OldColumns(s *Schema, table string, spec *sqlgraph.UpdateSpec, fold bool) []*Column {
	t := s.Table(table)
	if t == nil || len(t.ID) != 1 {
		return nil
	}
	before := o.before(t, fold)
	need := false
	for _, c := range t.grouped {
		need = need || c.comparable(fold) && !before.of(c).known && (spec == nil || sets(spec, c))
	}
	if !need {
		return nil
	}
	return t.oldColumns()
}

// oldColumns are the columns of a row that are read before it is written: those that
// can be compared, but for texts and bytes that nothing is grouped by, which may be
// long.
func (t *Table) oldColumns() []*Column {
	columns := []*Column{t.ID[0]}
	for _, c := range t.Columns {
		if long := c.Kind == KindString || c.Kind == KindBytes; c != t.ID[0] && c.Exact && (c.Grouped || !long) {
			columns = append(columns, c)
		}
	}
	return columns
}

// sets reports whether an update sets a column.
func sets(spec *sqlgraph.UpdateSpec, c *Column) bool {
	for _, fields := range [][]*sqlgraph.FieldSpec{spec.Fields.Set, spec.Fields.Add, spec.Fields.Clear} {
		for _, fs := range fields {
			if c.Table.Column(fs.Column) == c {
				return true
			}
		}
	}
	for _, edges := range [][]*sqlgraph.EdgeSpec{spec.Edges.Clear, spec.Edges.Add} {
		for _, e := range edges {
			if ownKey(e) && c.Table.Column(e.Columns[0]) == c {
				return true
			}
		}
	}
	return false
}

// before returns what is known of the rows before the statement.
func (o *Observed) before(t *Table, fold bool) (m image) {
	if o == nil {
		return m
	}
	for i := range o.pins {
		if p := &o.pins[i]; p.column.Table == t && len(p.values) == 1 {
			if v, ok := p.values[0].argument(o.args); ok && !isNull(v) {
				m.set(p.column, v, fold)
			}
		}
	}
	for _, c := range t.Columns {
		if v, ok := o.old[c]; ok {
			m.set(c, v, fold)
		}
	}
	return m
}

// readBack adds what the row with the key had in its columns afterwards, if it was
// read.
func (o *Observed) readBack(m *image, t *Table, id any, fold bool) {
	if o == nil || o.row == nil || len(t.ID) != 1 {
		return
	}
	have, ok := t.ID[0].canonical(o.row[t.ID[0]], fold)
	want, same := t.ID[0].canonical(id, fold)
	if !ok || !same || have.hash() != want.hash() {
		return
	}
	for _, c := range t.Columns {
		if v, ok := o.row[c]; ok {
			m.set(c, v, fold)
		}
	}
}

// maxKnown bounds the values of a condition that a write touches one by one.
const maxKnown = 32

// rows adds the rows of a statement of which the specification names none: by key
// if its conditions do, else by the group that they were in. set are the columns
// that it sets, nil if it deletes them.
func (o *Observed) rows(f *Facts, t *Table, set []*Column) {
	if o != nil {
		for i := range o.pins {
			if p := &o.pins[i]; p.column.Table == t && p.row() && o.values(p, func(_ *Column, v *canonical) { f.writtenKey(t, *v, set) }, f.Fold) {
				return
			}
		}
		for i := range o.pins {
			if p := &o.pins[i]; p.column.Table == t && !p.row() && o.values(p, func(c *Column, v *canonical) { f.bulk(c, v) }, f.Fold) {
				f.bulk(p.column, nil)
				f.Rows(t)
				return
			}
		}
	}
	f.manyRows(t)
}

// keys returns the keys of the rows, if the statement's conditions say which they
// are.
func (o *Observed) keys(t *Table) (ids []any) {
	if o == nil {
		return nil
	}
	for i := range o.pins {
		p := &o.pins[i]
		if p.column.Table != t || !p.row() || len(p.values) > maxKnown {
			continue
		}
		for k := range p.values {
			id, ok := p.values[k].argument(o.args)
			if !ok {
				return nil
			}
			ids = append(ids, id)
		}
		return ids
	}
	return nil
}

// values calls add for each value of a condition, and reports false, and doesn't
// call it, if they are many or one has no canonical form.
func (o *Observed) values(p *pin, add func(*Column, *canonical), fold bool) bool {
	if len(p.values) > maxKnown {
		return false
	}
	known := make([]canonical, 0, len(p.values))
	for i := range p.values {
		x, ok := p.values[i].argument(o.args)
		if !ok {
			return false
		}
		v, ok := p.column.canonical(x, fold)
		if !ok {
			return false
		}
		known = append(known, v)
	}
	for i := range known {
		add(p.column, &known[i])
	}
	return true
}
