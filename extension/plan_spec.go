package extension

import (
	"strconv"

	"entgo.io/ent/dialect/sql/sqlgraph"
	"entgo.io/ent/entc/gen"
)

func planNumber(n int64) string { return strconv.FormatInt(n, 10) }

// The specifications below are those that Ent's templates have generated builders
// make: dialect/sql/create.tmpl, update.tmpl and delete.tmpl.

var planRels = map[gen.Rel]sqlgraph.Rel{gen.O2O: sqlgraph.O2O, gen.O2M: sqlgraph.O2M, gen.M2O: sqlgraph.M2O, gen.M2M: sqlgraph.M2M}

// key returns the column of a type's id, nil if that isn't one column.
func (p *planner) key(n *gen.Type, name string) *sqlgraph.FieldSpec {
	if !n.HasOneFieldID() {
		return nil
	}
	fs := sqlgraph.NewFieldSpec(n.ID.StorageKey(), n.ID.Type.Type)
	if name != "" {
		fs.Value = p.value(n.Table(), fs.Column, name)
	}
	return fs
}

func (p *planner) field(n *gen.Type, f *gen.Field, name string) *sqlgraph.FieldSpec {
	fs := sqlgraph.NewFieldSpec(f.StorageKey(), f.Type.Type)
	if name != "" {
		fs.Value = p.value(n.Table(), fs.Column, name)
	}
	return fs
}

// edge returns the specification of an edge of a type, to one target or to none.
func (p *planner) edge(e *gen.Edge, target bool) *sqlgraph.EdgeSpec {
	spec := &sqlgraph.EdgeSpec{
		Rel: planRels[e.Rel.Type], Inverse: e.IsInverse(), Table: e.Rel.Table, Columns: e.Rel.Columns, Bidi: e.Bidi,
		Target: &sqlgraph.EdgeTarget{IDSpec: p.key(e.Type, "")},
	}
	if !e.M2M() {
		spec.Columns = []string{e.Rel.Column()}
	}
	if target {
		spec.Target.Nodes = append(spec.Target.Nodes, p.key(e.Type, planOther).Value)
	}
	return spec
}

// createSpec sets all fields, or only those that can't be left out, and the edges
// whose keys are the row's own.
func (p *planner) createSpec(n *gen.Type, all bool) *sqlgraph.CreateSpec {
	spec := sqlgraph.NewCreateSpec(n.Table(), p.key(n, planID))
	for _, f := range n.MutationFields() {
		if all || f.Default || !f.Optional {
			spec.Fields = append(spec.Fields, p.field(n, f, planNew))
		}
	}
	for _, e := range n.EdgesWithID() {
		if e.OwnFK() && (all || !e.Optional) {
			spec.Edges = append(spec.Edges, p.edge(e, true))
		}
	}
	return spec
}

// updateSpec sets what every update sets: the fields that have a default for it.
func (p *planner) updateSpec(n *gen.Type, one bool) *sqlgraph.UpdateSpec {
	var spec *sqlgraph.UpdateSpec
	if n.HasOneFieldID() {
		id := p.key(n, "")
		if one {
			id = p.key(n, planID)
		}
		spec = sqlgraph.NewUpdateSpec(n.Table(), nil, id)
	} else {
		var ids []*sqlgraph.FieldSpec
		for _, f := range n.EdgeSchema.ID {
			name := ""
			if one {
				name = planID
			}
			ids = append(ids, p.field(n, f, name))
		}
		spec = sqlgraph.NewUpdateSpec(n.Table(), nil, ids...)
	}
	for _, f := range n.MutationFields() {
		if f.UpdateDefault {
			spec.Fields.Set = append(spec.Fields.Set, p.field(n, f, planNew))
		}
	}
	return spec
}

func (p *planner) deleteSpec(n *gen.Type) *sqlgraph.DeleteSpec {
	return sqlgraph.NewDeleteSpec(n.Table(), p.key(n, ""))
}
