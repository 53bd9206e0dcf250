package extension

import (
	"cmp"
	"fmt"
	"slices"

	dbschema "entgo.io/ent/dialect/sql/schema"
	"entgo.io/ent/entc/gen"

	"github.com/entcache/ent-cache/cache"
)

// describe returns what generated code declares of the graph.
func (e *Extension) describe(g *gen.Graph) (cache.SchemaSpec, error) { return describe(g, e.enforced) }

// describe returns what there is to declare of the graph: its tables, views and
// join tables, and its types. The order is that of the names, so that the same
// graph gives the same code. enforced says that foreign keys are.
func describe(g *gen.Graph, enforced bool) (cache.SchemaSpec, error) {
	b := builder{tables: make(map[string]*cache.TableSpec)}
	for _, n := range g.Nodes {
		if err := b.addNode(n); err != nil {
			return cache.SchemaSpec{}, err
		}
	}
	for _, n := range g.Nodes {
		for _, e := range n.Edges {
			b.addEdge(n, e)
		}
	}
	tables, err := migrated(g)
	if err != nil {
		return cache.SchemaSpec{}, err
	}
	b.addCascades(tables)
	if enforced {
		b.addReferences(tables)
	}
	spec := b.spec()
	spec.Fingerprint = fingerprint(spec, g)
	return spec, nil
}

// builder collects the tables of a graph.
type builder struct {
	tables map[string]*cache.TableSpec
	types  []cache.TypeSpec
}

func (b *builder) addNode(n *gen.Type) error {
	p, err := policyOf(n)
	if err != nil {
		return err
	}
	b.types = append(b.types, cache.TypeSpec{Name: n.Name, Table: n.Table(), Policy: p})
	t := b.table(n.Table())
	t.View = n.IsView()
	if n.HasOneFieldID() {
		id := columnOf(n.ID)
		t.ID = []string{id.Name}
		b.addColumn(t, id)
	}
	for _, f := range n.Fields {
		b.addColumn(t, columnOf(f))
	}
	if n.HasCompositeID() {
		for _, f := range n.EdgeSchema.ID {
			t.ID = append(t.ID, f.StorageKey())
		}
	}
	if p == nil {
		return nil
	}
	if t.View {
		t.DependsOn = p.DependsOn
	}
	for i, name := range p.Groups {
		if c := groupColumn(n, t, name); c != nil {
			c.Grouped = true
			p.Groups[i] = c.Name
		}
	}
	if c := groupColumn(n, t, p.Tenant); c != nil {
		c.Grouped = true
		t.Tenant, p.Tenant = c.Name, c.Name
	}
	return nil
}

// addEdge declares the foreign keys of an edge that n holds.
func (b *builder) addEdge(n *gen.Type, e *gen.Edge) {
	switch {
	case e.M2M() && (e.Through != nil || e.Ref != nil && e.Ref.Through != nil):
		// The edge schema is a type with edges of its own.
	case e.M2M():
		owner, other := n, e.Type
		if e.IsInverse() {
			owner, other = e.Type, n
		}
		t := b.table(e.Rel.Table)
		b.addForeignKey(t, e.Rel.Columns[0], owner)
		b.addForeignKey(t, e.Rel.Columns[1], other)
		if len(t.ID) == 0 {
			t.ID = []string{e.Rel.Columns[0], e.Rel.Columns[1]}
		}
	case e.OwnFK():
		b.addForeignKey(b.table(n.Table()), e.Rel.Column(), e.Type)
	default:
		b.addForeignKey(b.table(e.Type.Table()), e.Rel.Column(), n)
	}
}

// addForeignKey declares a column that holds ids of the type.
func (b *builder) addForeignKey(t *cache.TableSpec, name string, to *gen.Type) {
	c := cache.ColumnSpec{Name: name, Grouped: true}
	if to.HasOneFieldID() {
		id := columnOf(to.ID)
		c.Kind, c.Folded = id.Kind, id.Folded
	}
	b.addColumn(t, c)
}

// addColumn declares a column. A column that is declared twice, as a field and
// as a foreign key, is comparable only if both are, in the same way.
func (b *builder) addColumn(t *cache.TableSpec, c cache.ColumnSpec) {
	for i := range t.Columns {
		have := &t.Columns[i]
		if have.Name != c.Name {
			continue
		}
		if have.Kind != c.Kind {
			have.Kind = cache.KindOther
		}
		have.Grouped = have.Grouped || c.Grouped
		have.Folded = have.Folded || c.Folded
		have.Default = have.Default || c.Default
		have.Computed = have.Computed || c.Computed
		have.Sensitive = have.Sensitive || c.Sensitive
		return
	}
	t.Columns = append(t.Columns, c)
}

// migrated returns the tables as Ent's migration creates them.
func migrated(g *gen.Graph) (tables []*dbschema.Table, err error) {
	defer func() {
		// Ent panics on edges of tables that the migration skips.
		if r := recover(); r != nil {
			err = fmt.Errorf("entcache: Ent can't lay out the tables of the schema: %v", r)
		}
	}()
	return g.Tables()
}

// addCascades declares what the database does to other tables by itself.
func (b *builder) addCascades(tables []*dbschema.Table) {
	for _, child := range tables {
		// By parent; none if one of them isn't known.
		keys := make(map[*cache.TableSpec][]cache.KeySpec)
		for _, fk := range child.ForeignKeys {
			switch fk.OnDelete {
			case dbschema.Cascade, dbschema.SetNull, dbschema.SetDefault:
			default:
				continue
			}
			t := b.table(fk.RefTable.Name)
			if !slices.Contains(t.Cascades, child.Name) {
				t.Cascades = append(t.Cascades, child.Name)
				keys[t] = []cache.KeySpec{}
			}
			if keys[t] == nil || fk.OnDelete == dbschema.SetDefault || len(fk.Columns) != 1 || len(t.ID) != 1 ||
				len(fk.RefColumns) != 1 || fk.RefColumns[0].Name != t.ID[0] || !declares(b.table(child.Name), fk.Columns[0].Name) {
				keys[t] = nil
				continue
			}
			keys[t] = append(keys[t], cache.KeySpec{Table: child.Name, Column: fk.Columns[0].Name})
		}
		for t, list := range keys {
			t.CascadeKeys = append(t.CascadeKeys, list...)
		}
	}
}

// addReferences declares to which table's key foreign keys refer.
func (b *builder) addReferences(tables []*dbschema.Table) {
	for _, child := range tables {
		for _, fk := range child.ForeignKeys {
			parent := b.table(fk.RefTable.Name)
			if len(fk.Columns) != 1 || len(fk.RefColumns) != 1 || len(parent.ID) != 1 || fk.RefColumns[0].Name != parent.ID[0] {
				continue
			}
			columns := b.table(child.Name).Columns
			for i := range columns {
				// A column may have two constraints; either is true.
				if c := &columns[i]; c.Name == fk.Columns[0].Name && (c.References == "" || parent.Name < c.References) {
					c.References = parent.Name
				}
			}
		}
	}
}

func declares(t *cache.TableSpec, column string) bool {
	return slices.ContainsFunc(t.Columns, func(c cache.ColumnSpec) bool { return c.Name == column })
}

func (b *builder) table(name string) *cache.TableSpec {
	t := b.tables[name]
	if t == nil {
		t = &cache.TableSpec{Name: name}
		b.tables[name] = t
	}
	return t
}

func (b *builder) spec() cache.SchemaSpec {
	var spec cache.SchemaSpec
	for _, t := range b.tables {
		slices.Sort(t.Cascades)
		slices.SortFunc(t.CascadeKeys, func(a, b cache.KeySpec) int {
			return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Column, b.Column))
		})
		spec.Tables = append(spec.Tables, *t)
	}
	slices.SortFunc(spec.Tables, func(a, b cache.TableSpec) int { return cmp.Compare(a.Name, b.Name) })
	spec.Types = slices.SortedFunc(slices.Values(b.types), func(a, b cache.TypeSpec) int { return cmp.Compare(a.Name, b.Name) })
	return spec
}

// groupColumn finds the column a policy groups by, under the name of its field
// or its own, or nil.
func groupColumn(n *gen.Type, t *cache.TableSpec, name string) *cache.ColumnSpec {
	column := name
	for _, f := range n.Fields {
		if f.Name == name {
			column = f.StorageKey()
		}
	}
	for i := range t.Columns {
		if t.Columns[i].Name == column {
			return &t.Columns[i]
		}
	}
	return nil
}
