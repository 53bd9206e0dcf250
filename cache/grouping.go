package cache

import (
	"slices"
	"strings"

	"github.com/entcache/ent-cache/internal/mutant"
)

// Grouping tells the rows of a table apart by the values of one or two grouped
// columns. Which groupings a table has is part of the schema and doesn't depend on
// what is read: a grouping that a read introduced could be missed by a write that
// had collected its facts before.
type Grouping struct {
	Table   *Table
	Columns []*Column

	name                              string
	enteredSeed, leftSeed, withinSeed uint64
}

// maxPairs bounds the groupings by two columns of a table: each costs every write
// to it a fact or two.
const maxPairs = 8

// addGroupings lays down the groupings of every table: by each grouped column, and
// by each pair of which a policy names one as a group or as the tenant.
func (s *Schema) addGroupings() {
	for _, t := range s.tables {
		for _, c := range t.Columns {
			if c.Grouped && c.Exact && !c.Computed {
				t.grouped = append(t.grouped, c)
				t.groupings = append(t.groupings, newGrouping(c))
			}
		}
	}
	for _, t := range s.tables {
		t.addPairs(t.Tenant)
	}
	for _, name := range s.names {
		typ := s.types[name]
		if typ.Policy == nil {
			continue
		}
		for _, field := range typ.Policy.Groups {
			typ.Table.addPairs(typ.Table.Column(field))
		}
	}
}

func (t *Table) addPairs(c *Column) {
	if c == nil || !slices.Contains(t.grouped, c) {
		return
	}
	for _, d := range t.grouped {
		pair := []*Column{c, d}
		if d.index < c.index {
			pair = []*Column{d, c}
		}
		if c != d && len(t.groupings) < len(t.grouped)+maxPairs && t.grouping(pair...) == nil {
			t.groupings = append(t.groupings, newGrouping(pair...))
		}
	}
}

func newGrouping(columns ...*Column) *Grouping {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.Name
	}
	t := columns[0].Table
	g := &Grouping{Table: t, Columns: columns, name: strings.Join(names, ",")}
	table, key := strings.ToLower(t.Name), strings.ToLower(g.name)
	g.enteredSeed, g.leftSeed, g.withinSeed = factSeed(FactEntered, table, key), factSeed(FactLeft, table, key), factSeed(FactWithin, table, key)
	return g
}

// grouping returns the grouping by the columns, in the order of the table, or nil.
func (t *Table) grouping(columns ...*Column) *Grouping {
	for _, g := range t.groupings {
		if slices.Equal(g.Columns, columns) {
			return g
		}
	}
	return nil
}

// usable reports whether the database compares the grouping's values as Go does.
func (g *Grouping) usable(fold bool) bool {
	for _, c := range g.Columns {
		if !c.comparable(fold) {
			return false
		}
	}
	return true
}

func (g *Grouping) has(c *Column) bool { return slices.Contains(g.Columns, c) }

// group is one group of a grouping, or, if it isn't known which, any.
type group struct {
	by     *Grouping
	known  bool
	hash   uint64
	values [2]canonical // for people
}

// of returns the group with these values, in the order of the grouping's columns.
func (g *Grouping) of(values ...canonical) group {
	gr := group{by: g, known: true}
	copy(gr.values[:], values)
	for _, v := range values {
		gr.hash = mix(gr.hash) + v.hash()
	}
	return gr
}

// String spells the group out. Values of sensitive columns aren't told.
func (g group) String() string {
	if !g.known {
		return g.by.name
	}
	parts := make([]string, len(g.by.Columns))
	for i := range parts {
		parts[i] = g.by.Columns[i].is(g.values[i])
	}
	return strings.Join(parts, ",")
}

// is returns "column=value" for people.
func (c *Column) is(v canonical) string {
	if c.Sensitive {
		return c.Name + "=…"
	}
	return c.Name + "=" + v.String()
}

// entered adds entered(t,group).
func (f *Facts) entered(g group) {
	if mutant.On(mutant.SkipEntered) && g.known || mutant.On(mutant.SkipEnteredAny) && !g.known {
		return
	}
	f.group(FactEntered, g.by.enteredSeed, g, nil)
}

// left adds left(t,group).
func (f *Facts) left(g group) {
	if mutant.On(mutant.SkipLeft) && g.known || mutant.On(mutant.SkipLeftAny) && !g.known {
		return
	}
	f.group(FactLeft, g.by.leftSeed, g, nil)
}

// within adds within(t,c,group).
func (f *Facts) within(g group, c *Column) {
	if mutant.On(mutant.SkipWithin) && g.known || mutant.On(mutant.SkipWithinAny) && !g.known {
		return
	}
	f.group(FactWithin, mix(g.by.withinSeed^uint64(c.column)), g, c)
}

func (f *Facts) group(kind FactKind, seed uint64, g group, c *Column) {
	fact := Fact(mix(seed))
	if g.known {
		fact = Fact(mix(seed ^ mix(g.hash)))
	}
	tag := Tag{Kind: kind}
	if f.Spell {
		tag.Group = g.String()
		if c != nil {
			tag.Column = c.Name
		}
	}
	f.add(fact, g.by.Table, tag)
}
