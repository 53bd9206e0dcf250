package extension

import (
	"slices"
	"strings"

	"entgo.io/ent/dialect/sql/sqlgraph"
	"entgo.io/ent/entc/gen"

	"github.com/entcache/ent-cache/cache"
)

func (w *planWriter) creates(n *gen.Type) {
	all := w.create(w.createSpec(n, true), false)
	w.facts("create, with all fields", all)
	if least := w.create(w.createSpec(n, false), false); !slices.Equal(least, all) {
		w.facts("create, with what is required or has a default", least)
	}
	for _, e := range n.EdgesWithID() {
		if e.OwnFK() {
			continue
		}
		spec := w.createSpec(n, true)
		spec.Edges = append(spec.Edges, w.edge(e, true))
		w.facts("create, with edge "+e.Name+": besides", without(w.create(spec, false), all))
	}
	w.facts("upsert", w.create(w.createSpec(n, true), true))
}

// change is something that an update may do besides what every update does.
type change struct {
	name   string
	column string // if it sets that
	apply  func(*sqlgraph.UpdateSpec)
}

// changes returns what an update may do: set a field, clear it, and the same with
// edges.
func (w *planWriter) changes(n *gen.Type) (list []change) {
	for _, f := range n.MutationFields() {
		// What has a default for updates is set by all of them.
		if !f.Immutable && !f.UpdateDefault {
			set := w.field(n, f, planNew)
			list = append(list, change{"set", set.Column, func(s *sqlgraph.UpdateSpec) { s.Fields.Set = append(s.Fields.Set, set) }})
		}
	}
	for _, f := range n.MutationFields() {
		if c := w.schema.Table(n.Table()).Column(f.StorageKey()); f.Optional && c != nil && c.Grouped {
			clear := w.field(n, f, "")
			list = append(list, change{"clear " + c.Name, "", func(s *sqlgraph.UpdateSpec) {
				s.Fields.Set = slices.DeleteFunc(s.Fields.Set, func(fs *sqlgraph.FieldSpec) bool { return fs.Column == clear.Column })
				s.Fields.Clear = append(s.Fields.Clear, clear)
			}})
		}
	}
	for _, e := range n.EdgesWithID() {
		if e.Immutable {
			continue
		}
		add := "add to edge "
		if e.Unique {
			add = "set edge "
		}
		list = append(list, change{add + e.Name, "", func(s *sqlgraph.UpdateSpec) { s.Edges.Add = append(s.Edges.Add, w.edge(e, true)) }})
		if !e.Unique {
			list = append(list, change{"remove from edge " + e.Name, "", func(s *sqlgraph.UpdateSpec) { s.Edges.Clear = append(s.Edges.Clear, w.edge(e, true)) }})
		}
		if e.Optional || !e.Unique {
			list = append(list, change{"clear edge " + e.Name, "", func(s *sqlgraph.UpdateSpec) { s.Edges.Clear = append(s.Edges.Clear, w.edge(e, false)) }})
		}
	}
	return list
}

// updates writes what updates touch: of one row, by predicate, and by a predicate
// that names a group.
func (w *planWriter) updates(n *gen.Type) {
	list := w.changes(n)
	w.alike(list, "update one", func() *sqlgraph.UpdateSpec { return w.updateSpec(n, true) }, "")
	many := func() *sqlgraph.UpdateSpec { return w.updateSpec(n, false) }
	w.alike(list, "update many", many, "")
	list = slices.DeleteFunc(list, func(c change) bool { return c.column == "" })
	for _, group := range w.known(n) {
		w.alike(list, "update many where "+group+" = OLD", many, group)
	}
}

// known returns the columns by whose value the policy tells rows apart.
func (w *planWriter) known(n *gen.Type) (names []string) {
	p, err := policyOf(n)
	if err != nil || p == nil {
		return nil
	}
	for _, name := range p.Groups {
		for _, f := range n.Fields {
			if f.Name == name {
				name = f.StorageKey()
			}
		}
		if c := w.schema.Table(n.Table()).Column(name); c != nil && c.Exact && !slices.Contains(names, c.Name) {
			names = append(names, c.Name)
		}
	}
	return names
}

// alike writes what changes touch, once for those of columns that differ only by
// the name of the column. What every update touches comes first, if that is more
// than any(t).
func (w *planWriter) alike(list []change, what string, base func() *sqlgraph.UpdateSpec, group string) {
	common := w.update(base(), group)
	if len(common) > 1 {
		w.facts(what+", whatever is set", common)
	} else {
		common = nil
	}
	type same struct {
		names       []string
		first, tags []cache.Tag
	}
	var out []same
	for _, c := range list {
		spec := base()
		c.apply(spec)
		tags := w.update(spec, group)
		if c.column == "" {
			out = append(out, same{names: []string{c.name}, first: tags})
			continue
		}
		general := slices.Clone(tags)
		for i := range general {
			if general[i].Column == c.column && general[i].Table == spec.Node.Table {
				general[i].Column = planColumn
			}
		}
		if i := slices.IndexFunc(out, func(o same) bool { return slices.Equal(o.tags, general) }); i >= 0 {
			out[i].names = append(out[i].names, c.column)
		} else {
			out = append(out, same{names: []string{"set " + c.column}, first: tags, tags: general})
		}
	}
	for _, s := range out {
		tags := s.first
		if len(s.names) > 1 {
			tags = s.tags
		}
		name := what + ", " + strings.Join(s.names, ", ")
		if common == nil {
			w.facts(name, tags)
			continue
		}
		w.facts(name+": besides", without(tags, common))
		if not := without(common, tags); len(not) > 0 {
			w.facts(name+": but not", not)
		}
	}
}

// without returns the tags that aren't among others.
func without(tags, others []cache.Tag) (out []cache.Tag) {
	for _, t := range tags {
		if !slices.Contains(others, t) {
			out = append(out, t)
		}
	}
	return out
}

func (w *planWriter) deletes(n *gen.Type) {
	spec := w.deleteSpec(n)
	if n.HasOneFieldID() {
		w.facts("delete one", w.remove(spec, w.key(n, planID).Value, ""))
	}
	w.facts("delete many", w.remove(spec, nil, ""))
	for _, group := range w.known(n) {
		w.facts("delete many where "+group+" = OLD", w.remove(spec, nil, group))
	}
}
