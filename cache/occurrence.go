package cache

import (
	"slices"
	"strings"

	"github.com/entcache/ent-cache/codec"
	"github.com/entcache/ent-cache/internal/mutant"
)

// occurrence is a place where a statement reads a table.
type occurrence struct {
	table *Table
	// columns are those that the statement names of it, other than to select them
	// from the rows that it returns.
	columns []*Column
	// row or by say that only some rows matter; both are nil if all do.
	row    *pin
	by     *Grouping
	values [][]value // of the grouping's columns
	// root is set if the result's rows are rows of the occurrence.
	root bool
	// referred is set if rows that are created don't matter.
	referred bool
}

// root says where the rows of the result carry the id of the table they are rows
// of.
type root struct {
	table    *Table
	position int
	name     string // of the result's column
	width    int    // how many columns the result has
	join     bool   // the column before the id is of a join table
	// alone is set if a row that isn't in the result has no part in it: the result
	// would be the same without the row.
	alone bool
	// fields are the columns that the statement names of the rows, if they are few
	// and known.
	fields   []*Column
	few      bool
	grouped  []position
	fallback Facts
}

// position says where the rows carry a column, if it isn't negative.
type position struct {
	column *Column
	at     int
	name   string
}

// groups finds where the rows carry the table's grouped columns.
func (r *root) groups(plain map[int16]found, outer int32) {
	for _, c := range r.table.grouped {
		p := position{column: c, at: -1}
		for i := range int16(r.width) {
			if at, ok := plain[i]; ok && at.scope == outer && at.item == 0 && at.column == c {
				p.at, p.name = int(i), c.Name
				break
			}
		}
		r.grouped = append(r.grouped, p)
	}
}

// Facts adds what a result depends on: of the statement, of the arguments as Ent
// passes them and of the rows. Without rows, nil, it adds what any rows depend
// on. It adds nothing useful if the statement isn't Cacheable.
func (st *Statement) Facts(f *Facts, args []any, rows *codec.Rows) {
	f.append(&st.fixed)
	first := len(f.List)
	carried := false
	if st.root != nil {
		if carried = st.root.facts(f, rows); !carried {
			f.append(&st.root.fallback)
		}
	}
	f.carried = carried
	last := len(f.List)
	for i := range st.occurrences {
		o := &st.occurrences[i]
		mark := len(f.List)
		// What happens to rows of the result the facts of those rows say. Of other
		// rows it matters only whether they come to be in it.
		only := o.root && carried && st.root.alone
		if only && f.exist && st.anyRow && rows.N > 0 {
			// There are rows as long as this one matches, whatever comes to be besides.
			continue
		}
		switch {
		case o.row != nil && o.rows(f, args):
			if o.root && carried && (contains(f.List[first:last], f.List[mark:]) || mutant.On(mutant.NotFoundByRow)) {
				f.truncate(mark)
				break
			}
			f.Rows(o.table)
			if !o.referred {
				f.unkeyed(o.table)
			}
		case o.row == nil && o.by != nil && o.groups(f, args, only):
		default:
			f.truncate(mark)
			o.exist(f, only)
			for _, c := range o.columns {
				f.Column(c)
			}
		}
	}
}

// exist adds which rows there are.
func (o *occurrence) exist(f *Facts, only bool) {
	if !o.referred {
		f.Created(o.table)
	}
	if !only || o.referred {
		f.Deleted(o.table)
	}
}

// argument returns a value of the statement, and false if it has no argument for
// it.
func (v *value) argument(args []any) (any, bool) {
	if v.arg < 0 {
		return v.literal, true
	}
	if int(v.arg) >= len(args) {
		return nil, false
	}
	return args[v.arg], true
}

// rows adds a fact for every key, and reports false where one has no canonical
// form.
func (o *occurrence) rows(f *Facts, args []any) bool {
	for i := range o.row.values {
		x, ok := o.row.values[i].argument(args)
		if !ok || !f.Row(o.table, x) {
			return false
		}
	}
	return true
}

// groups adds what happens in the groups that the occurrence is pinned to, and
// reports false where a value has no canonical form.
func (o *occurrence) groups(f *Facts, args []any, only bool) bool {
	o.group(f, group{by: o.by}, only)
	for i := range o.values[0] {
		a, ok := o.value(f, args, 0, i)
		if !ok {
			return false
		}
		if len(o.by.Columns) == 1 {
			o.group(f, o.by.of(a), only)
			continue
		}
		for k := range o.values[1] {
			b, ok := o.value(f, args, 1, k)
			if !ok {
				return false
			}
			o.group(f, o.by.of(a, b), only)
		}
	}
	return true
}

// value returns value k of a column of the grouping.
func (o *occurrence) value(f *Facts, args []any, column, k int) (canonical, bool) {
	x, ok := o.values[column][k].argument(args)
	if !ok {
		return canonical{}, false
	}
	return o.by.Columns[column].canonical(x, f.Fold)
}

func (o *occurrence) group(f *Facts, g group, only bool) {
	f.entered(g)
	if !only {
		f.left(g)
	}
	if mutant.On(mutant.GroupCovers) {
		return
	}
	for _, c := range o.columns {
		if !o.by.has(c) {
			f.within(g, c)
		}
	}
}

// maxFieldFacts bounds the facts by which a result tells columns of its rows apart.
const maxFieldFacts = 128

// columns finds which columns the statement names of the rows: those that it selects
// and those of which it depends anyway.
func (r *root) columns(plain map[int16]found, outer int32, depends []found) {
	add := func(at found) {
		if at.scope == outer && at.item == 0 && !immutable(at.column) && !slices.Contains(r.fields, at.column) {
			r.fields = append(r.fields, at.column)
		}
	}
	r.few = !r.table.Computed
	for _, at := range plain {
		add(at)
	}
	for _, at := range depends {
		if at.exact {
			add(at)
		} else if at.column.Table == r.table {
			r.few = false
		}
	}
	r.few = r.few && len(r.fields) <= maxFields && len(r.fields)+len(r.table.ID) < len(r.table.Columns)
	// Facts are the same whatever order the map has.
	slices.SortFunc(r.fields, func(x, y *Column) int { return strings.Compare(x.Name, y.Name) })
}

// maxValues bounds the groups by one column that a result says its rows are in.
const maxValues = 32

// facts adds row(t,id) for every row, and what writes of many rows touch, and
// reports false where a row carries no id that can be compared.
func (r *root) facts(f *Facts, rows *codec.Rows) bool {
	if rows == nil || len(rows.Columns) != r.width || !strings.EqualFold(rows.Columns[r.position], r.name) {
		return false
	}
	mark := len(f.List)
	few := r.few && rows.N*(len(r.fields)+1) <= maxFieldFacts
	for i := range rows.N {
		key, ok := r.table.ID[0].canonicalOf(rows, i*r.width+r.position, f.Fold)
		if !ok {
			f.truncate(mark)
			return false
		}
		if !few {
			f.row(r.table, key)
			continue
		}
		f.field(r.table, nil, key)
		for _, c := range r.fields {
			f.field(r.table, c, key)
		}
	}
	if rows.N == 0 {
		return true
	}
	// If no group of the rows is known, any write of many rows may have been of them.
	mark = len(f.List)
	f.bulkAny(r.table)
	known := false
	for _, p := range r.grouped {
		if p.facts(f, rows, r.width) {
			known = true
		} else {
			f.bulk(p.column, nil)
		}
	}
	if !known {
		f.truncate(mark)
		f.Rows(r.table)
	}
	return true
}

// facts adds bulk(t,c=v) for the values that the rows have in the column, and
// reports false where they are many or one has no canonical form.
func (p *position) facts(f *Facts, rows *codec.Rows, width int) bool {
	if p.at < 0 || !strings.EqualFold(rows.Columns[p.at], p.name) || !p.column.comparable(f.Fold) {
		return false
	}
	var (
		seen [maxValues]uint64
		n    int
		mark = len(f.List)
	)
	for i := range rows.N {
		if at := i*width + p.at; rows.Kind(at) != codec.Null {
			v, ok := p.column.canonicalOf(rows, at, f.Fold)
			if !ok {
				f.truncate(mark)
				return false
			}
			h := v.hash()
			if slices.Contains(seen[:n], h) {
				continue
			}
			if n == maxValues {
				f.truncate(mark)
				return false
			}
			seen[n] = h
			n++
			f.bulk(p.column, &v)
		}
	}
	return true
}
