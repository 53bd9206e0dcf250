package extension

import (
	"slices"
	"strings"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql/sqlgraph"

	"github.com/entcache/ent-cache/cache"
)

// What stands for values in a plan.
const (
	planID    = "ID"    // the key of the row that is written
	planNew   = "NEW"   // what is set
	planOld   = "OLD"   // what a column has before, or if it isn't set all the time
	planOther = "OTHER" // the key of the row at the other end of an edge
	// planColumn stands for the column that is set, where several are alike.
	planColumn = "COLUMN"
)

// planValues are values of the kinds that aren't texts, which stand for the names.
// Their canonical forms occur nowhere else in a fact.
var planValues = []struct {
	name   string
	number int64
	uuid   string
}{
	{planID, 8_999_999_999_000_000_001, "e0e0e0e0-0000-4000-8000-000000000001"},
	{planNew, 8_999_999_999_000_000_002, "e0e0e0e0-0000-4000-8000-000000000002"},
	{planOld, 8_999_999_999_000_000_003, "e0e0e0e0-0000-4000-8000-000000000003"},
	{planOther, 8_999_999_999_000_000_004, "e0e0e0e0-0000-4000-8000-000000000004"},
}

// planner finds out what writes to the tables of a schema touch: it asks what asks
// at run time, with specifications as generated code makes them.
type planner struct {
	schema *cache.Schema
	// old are the tables of types whose policy has OldValues.
	old map[string]bool
}

// value returns the value that stands for a name in a column of a table.
func (p *planner) value(table, column, name string) any {
	kind := cache.KindOther
	if t := p.schema.Table(table); t != nil && t.Column(column) != nil {
		kind = t.Column(column).Kind
	}
	if kind == cache.KindBool {
		return name == planNew
	}
	for _, v := range planValues {
		switch {
		case v.name != name:
		case kind == cache.KindInt:
			return v.number
		case kind == cache.KindUUID:
			return v.uuid
		}
	}
	return name
}

// create returns what an insert touches.
func (p *planner) create(spec *sqlgraph.CreateSpec, upsert bool) []cache.Tag {
	return p.collect(func(f *cache.Facts) { p.schema.CreateFacts(f, spec, upsert) })
}

// update returns what an update touches. Of one row the key is known, and by that
// what its columns have afterwards, which is read back. Of rows in a group that is
// what the condition says.
func (p *planner) update(spec *sqlgraph.UpdateSpec, group string) []cache.Tag {
	var seen cache.Observed
	table := spec.Node.Table
	switch {
	case group != "":
		seen.Statement(p.schema, dialect.SQLite, table, "UPDATE `"+table+"` SET `"+group+"` = ? WHERE `"+table+"`.`"+group+"` = ?",
			[]any{nil, p.value(table, group, planOld)})
	case spec.Node.ID != nil && spec.Node.ID.Value != nil:
		p.readOld(&seen, table, spec)
		p.readBack(&seen, spec)
	}
	return p.collect(func(f *cache.Facts) { p.schema.UpdateFacts(f, spec, &seen) })
}

// readOld is what OldValues does before an update of one row, or a delete if spec is
// nil.
func (p *planner) readOld(seen *cache.Observed, table string, spec *sqlgraph.UpdateSpec) {
	columns := seen.OldColumns(p.schema, table, spec, false)
	if !p.old[table] || columns == nil {
		return
	}
	values := make([]any, len(columns))
	for i, c := range columns {
		values[i] = p.value(table, c.Name, planOld)
	}
	seen.Old(columns, values)
}

func (p *planner) readBack(seen *cache.Observed, spec *sqlgraph.UpdateSpec) {
	t := p.schema.Table(spec.Node.Table)
	if t == nil {
		return
	}
	names := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		names[i] = c.Name
	}
	columns := seen.Columns(p.schema, t.Name, names)
	values := make([]any, len(columns))
	for i, name := range names {
		if i < len(columns) {
			values[i] = p.value(t.Name, name, planOld)
		}
	}
	put := func(name string, v any) {
		if i := slices.Index(names, name); i >= 0 && i < len(values) {
			values[i] = v
		}
	}
	put(spec.Node.ID.Column, spec.Node.ID.Value)
	for _, fs := range slices.Concat(spec.Fields.Set, spec.Fields.Add) {
		put(fs.Column, p.value(t.Name, fs.Column, planNew))
	}
	for _, fs := range spec.Fields.Clear {
		put(fs.Column, nil)
	}
	own := func(e *sqlgraph.EdgeSpec) bool {
		return e.Rel == sqlgraph.M2O || e.Rel == sqlgraph.O2O && (e.Inverse || e.Bidi)
	}
	for _, e := range spec.Edges.Clear {
		if own(e) {
			put(e.Columns[0], nil)
		}
	}
	for _, e := range spec.Edges.Add {
		if own(e) {
			put(e.Columns[0], e.Target.Nodes[0])
		}
	}
	if columns != nil {
		seen.Row(columns, values)
	}
}

// remove returns what a delete touches: of the row of id, or of those in a group,
// or of any.
func (p *planner) remove(spec *sqlgraph.DeleteSpec, id any, group string) []cache.Tag {
	var seen cache.Observed
	table := spec.Node.Table
	if id != nil {
		p.readOld(&seen, table, nil)
	}
	if group != "" {
		seen.Statement(p.schema, dialect.SQLite, table, "DELETE FROM `"+table+"` WHERE `"+table+"`.`"+group+"` = ?",
			[]any{p.value(table, group, planOld)})
	}
	return p.collect(func(f *cache.Facts) { p.schema.DeleteFacts(f, spec, id, &seen) })
}

// collect returns the facts that add adds, once each, with names for values.
func (p *planner) collect(add func(*cache.Facts)) []cache.Tag {
	f := cache.Facts{Spell: true}
	add(&f)
	var tags []cache.Tag
	for _, tag := range f.Tags {
		tag.Value, tag.Group = nameValues(tag.Value), p.nameGroup(tag)
		if !slices.Contains(tags, tag) {
			tags = append(tags, tag)
		}
	}
	if f.All {
		tags = append(tags, cache.Tag{Kind: cache.FactAny, Table: "every table"})
	}
	return tags
}

// nameValues puts names in the place of the values that stand for them.
func nameValues(text string) string {
	for _, v := range planValues {
		text = strings.ReplaceAll(text, strings.ReplaceAll(v.uuid, "-", ""), v.name)
		text = strings.ReplaceAll(text, planNumber(v.number), v.name)
	}
	return text
}

// nameGroup is nameValues for a group, where booleans have no other form than 0
// and 1.
func (p *planner) nameGroup(tag cache.Tag) string {
	t := p.schema.Table(tag.Table)
	if tag.Group == "" || t == nil {
		return tag.Group
	}
	parts := strings.Split(nameValues(tag.Group), ",")
	for i, part := range parts {
		column, value, known := strings.Cut(part, "=")
		if c := t.Column(column); known && c != nil && c.Kind == cache.KindBool {
			name := planOld
			if value == "1" {
				name = planNew
			}
			parts[i] = column + "=" + name
		}
	}
	return strings.Join(parts, ",")
}
