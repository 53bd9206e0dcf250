package cache

import (
	"database/sql/driver"
	"testing"

	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"entgo.io/ent/schema/field"
	"github.com/stretchr/testify/require"
)

func fieldOf(column string, v driver.Value) *sqlgraph.FieldSpec {
	return &sqlgraph.FieldSpec{Column: column, Value: v}
}

func edgeOf(rel sqlgraph.Rel, inverse bool, table string, columns []string, nodes ...driver.Value) *sqlgraph.EdgeSpec {
	return &sqlgraph.EdgeSpec{
		Rel: rel, Inverse: inverse, Table: table, Columns: columns,
		Target: &sqlgraph.EdgeTarget{IDSpec: &sqlgraph.FieldSpec{Column: "id", Type: field.TypeInt}, Nodes: nodes},
	}
}

func bidi(e *sqlgraph.EdgeSpec) *sqlgraph.EdgeSpec {
	e.Bidi = true
	return e
}

var (
	pets        = []string{"owner_id"}
	manager     = []string{"manager_id"}
	spouse      = []string{"spouse_id"}
	userGroups  = []string{"user_id", "group_id"}
	memberships = []string{"user_id", "group_id"}
)

func TestCreateFacts(t *testing.T) {
	user := func(id driver.Value, fields []*sqlgraph.FieldSpec, edges ...*sqlgraph.EdgeSpec) *sqlgraph.CreateSpec {
		spec := &sqlgraph.CreateSpec{Table: "users", Fields: fields, Edges: edges}
		if id != nil {
			spec.ID = fieldOf("id", id)
		}
		return spec
	}
	fields := func(f ...*sqlgraph.FieldSpec) []*sqlgraph.FieldSpec { return f }
	named := fields(fieldOf("region", "eu"))
	for name, c := range map[string]struct {
		spec   *sqlgraph.CreateSpec
		upsert bool
		fold   bool
		want   []string
	}{
		"before the id is known": {spec: user(nil, named), want: []string{"any(users)", "group(users,region=eu)", "members(users)"}},
		"after":                  {spec: user(7, named), want: []string{"any(users)", "group(users,region=eu)", "members(users)", "row(users,7)"}},
		"the database's default": {spec: user(7, nil), want: []string{"any(users)", "groups(users,region)", "members(users)", "row(users,7)"}},
		"NULL is in no group": {
			spec: user(7, fields(fieldOf("region", nil), fieldOf("email", wrapped{nil}), fieldOf("manager_id", (*int)(nil)))),
			want: []string{"any(users)", "groups(users,manager_id)", "members(users)", "row(users,7)"},
		},
		"folded text": {
			spec: user(7, fields(fieldOf("region", "eu"), fieldOf("nick", "bob"))),
			want: []string{"any(users)", "group(users,region=eu)", "groups(users,nick)", "members(users)", "row(users,7)"},
		},
		"folded by the dialect": {
			spec: user(7, named), fold: true,
			want: []string{"any(users)", "groups(users,region)", "members(users)", "row(users,7)"},
		},
		"id without a form": {
			spec: user(1.5, named), want: []string{"any(users)", "group(users,region=eu)", "members(users)", "table(users)"},
		},
		"own key": {
			spec: user(7, named, edgeOf(sqlgraph.M2O, true, "users", manager, 3)),
			want: []string{"any(users)", "group(users,manager_id=3)", "group(users,region=eu)", "members(users)", "row(users,7)"},
		},
		"children": {
			spec: user(7, named, edgeOf(sqlgraph.O2M, false, "pets", pets, 1, 2)),
			want: []string{"any(pets)", "any(users)", "column(pets,owner_id)", "group(pets,owner_id=7)", "group(users,region=eu)",
				"members(users)", "row(pets,1)", "row(pets,2)", "row(users,7)"},
		},
		"children of an id that isn't known": {
			spec: user(nil, named, edgeOf(sqlgraph.O2M, false, "pets", pets, 1)),
			want: []string{"any(pets)", "any(users)", "column(pets,owner_id)", "group(users,region=eu)", "groups(pets,owner_id)",
				"members(users)", "row(pets,1)"},
		},
		"the other of one": {
			spec: user(7, named, edgeOf(sqlgraph.O2O, false, "pets", pets, 1)),
			want: []string{"any(pets)", "any(users)", "column(pets,owner_id)", "group(pets,owner_id=7)", "group(users,region=eu)",
				"members(users)", "row(pets,1)", "row(users,7)"},
		},
		"one to one in both directions": {
			spec: user(7, named, bidi(edgeOf(sqlgraph.O2O, false, "users", spouse, 3))),
			want: []string{"any(users)", "column(users,spouse_id)", "group(users,region=eu)", "group(users,spouse_id=3)", "group(users,spouse_id=7)",
				"members(users)", "row(users,3)", "row(users,7)"},
		},
		"join rows": {
			spec: user(7, named, edgeOf(sqlgraph.M2M, false, "user_groups", userGroups, 1, 2)),
			want: []string{"any(user_groups)", "any(users)", "group(user_groups,group_id=1)", "group(user_groups,group_id=2)",
				"group(user_groups,user_id=7)", "group(users,region=eu)", "members(user_groups)", "members(users)", "row(users,7)"},
		},
		"join rows of an edge schema": {
			spec: user(7, named, edgeOf(sqlgraph.M2M, false, "memberships", memberships, 1)),
			want: []string{"any(memberships)", "any(users)", "group(memberships,group_id=1)", "group(memberships,user_id=7)",
				"group(users,region=eu)", "groups(memberships,role)", "members(memberships)", "members(users)", "row(users,7)"},
		},
		"upsert of a bulk": {spec: user(7, named), upsert: true, want: []string{"any(users)", "table(users)"}},
		"upsert": {
			spec: &sqlgraph.CreateSpec{Table: "users", ID: fieldOf("id", 7), OnConflict: []entsql.ConflictOption{entsql.ResolveWithNewValues()}},
			want: []string{"any(users)", "table(users)"},
		},
		"edge schema": {
			spec: &sqlgraph.CreateSpec{Table: "user_groups", Fields: fields(fieldOf("user_id", 1), fieldOf("group_id", 2))},
			want: []string{"any(user_groups)", "group(user_groups,group_id=2)", "group(user_groups,user_id=1)", "members(user_groups)"},
		},
		"unknown table":      {spec: &sqlgraph.CreateSpec{Table: "none"}, want: []string{"all"}},
		"unknown edge table": {spec: user(7, named, edgeOf(sqlgraph.M2M, false, "none", userGroups, 1)), want: []string{"all", "any(users)", "group(users,region=eu)", "members(users)", "row(users,7)"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.ElementsMatch(t, c.want, touches(c.fold, func(f *Facts) { unitSchema.CreateFacts(f, c.spec, c.upsert) }))
		})
	}
}

func TestUpdateFacts(t *testing.T) {
	one := func(id driver.Value) *sqlgraph.UpdateSpec {
		return &sqlgraph.UpdateSpec{Node: &sqlgraph.NodeSpec{Table: "users", ID: &sqlgraph.FieldSpec{Column: "id", Value: id}}}
	}
	set := func(s *sqlgraph.UpdateSpec, f ...*sqlgraph.FieldSpec) *sqlgraph.UpdateSpec {
		s.Fields.Set = append(s.Fields.Set, f...)
		return s
	}
	add := func(s *sqlgraph.UpdateSpec, e ...*sqlgraph.EdgeSpec) *sqlgraph.UpdateSpec {
		s.Edges.Add = append(s.Edges.Add, e...)
		return s
	}
	remove := func(s *sqlgraph.UpdateSpec, e ...*sqlgraph.EdgeSpec) *sqlgraph.UpdateSpec {
		s.Edges.Clear = append(s.Edges.Clear, e...)
		return s
	}
	for name, c := range map[string]struct {
		spec *sqlgraph.UpdateSpec
		want []string
	}{
		"one row":      {set(one(7), fieldOf("age", 1)), []string{"any(users)", "column(users,age)", "row(users,7)"}},
		"by predicate": {set(one(nil), fieldOf("age", 1)), []string{"any(users)", "column(users,age)", "table(users)"}},
		"odd id":       {set(one("x"), fieldOf("age", 1)), []string{"any(users)", "column(users,age)", "table(users)"}},
		"added and cleared fields": {
			&sqlgraph.UpdateSpec{Node: one(7).Node, Fields: sqlgraph.FieldMut{Add: []*sqlgraph.FieldSpec{fieldOf("age", 1)}, Clear: []*sqlgraph.FieldSpec{fieldOf("name", nil)}}},
			[]string{"any(users)", "column(users,age)", "column(users,name)", "row(users,7)"},
		},
		"a group":        {set(one(7), fieldOf("email", "b")), []string{"any(users)", "column(users,email)", "groups(users,email)", "row(users,7)"}},
		"unknown column": {set(one(7), fieldOf("none", 1)), []string{"any(users)", "row(users,7)", "table(users)"}},
		"modifier": {
			&sqlgraph.UpdateSpec{Node: one(7).Node, Modifiers: []func(*entsql.UpdateBuilder){func(*entsql.UpdateBuilder) {}}},
			[]string{"any(users)", "row(users,7)", "table(users)"},
		},
		"own key": {
			add(one(7), edgeOf(sqlgraph.M2O, true, "users", manager, 3)),
			[]string{"any(users)", "column(users,manager_id)", "groups(users,manager_id)", "row(users,7)"},
		},
		"own key cleared": {
			remove(one(7), edgeOf(sqlgraph.M2O, true, "users", manager)),
			[]string{"any(users)", "column(users,manager_id)", "groups(users,manager_id)", "row(users,7)"},
		},
		"children added": {
			add(one(7), edgeOf(sqlgraph.O2M, false, "pets", pets, 1)),
			[]string{"any(pets)", "any(users)", "column(pets,owner_id)", "group(pets,owner_id=7)", "row(pets,1)"},
		},
		"children removed": {
			remove(one(7), edgeOf(sqlgraph.O2M, false, "pets", pets, 1, 2)),
			[]string{"any(pets)", "any(users)", "column(pets,owner_id)", "group(pets,owner_id=7)", "row(pets,1)", "row(pets,2)"},
		},
		"all children cleared": {
			remove(one(7), edgeOf(sqlgraph.O2M, false, "pets", pets)),
			[]string{"any(pets)", "any(users)", "table(pets)"},
		},
		"child without a form": {
			add(one(7), edgeOf(sqlgraph.O2M, false, "pets", pets, "x")),
			[]string{"any(pets)", "any(users)", "column(pets,owner_id)", "group(pets,owner_id=7)", "table(pets)"},
		},
		"join rows added from the other end": {
			add(&sqlgraph.UpdateSpec{Node: &sqlgraph.NodeSpec{Table: "groups", ID: fieldOf("id", 5)}}, edgeOf(sqlgraph.M2M, true, "user_groups", userGroups, 7)),
			[]string{"any(groups)", "any(user_groups)", "group(user_groups,group_id=5)", "group(user_groups,user_id=7)", "members(user_groups)"},
		},
		"join rows removed": {
			remove(one(7), edgeOf(sqlgraph.M2M, false, "user_groups", userGroups, 5)),
			[]string{"any(user_groups)", "any(users)", "group(user_groups,group_id=5)", "group(user_groups,user_id=7)", "members(user_groups)"},
		},
		"all join rows cleared": {
			remove(one(7), edgeOf(sqlgraph.M2M, false, "user_groups", userGroups)),
			[]string{"any(user_groups)", "any(users)", "group(user_groups,user_id=7)", "groups(user_groups,group_id)", "members(user_groups)"},
		},
		"join rows by predicate": {
			add(one(nil), edgeOf(sqlgraph.M2M, false, "user_groups", userGroups, 5)),
			[]string{"any(user_groups)", "any(users)", "group(user_groups,group_id=5)", "groups(user_groups,user_id)", "members(user_groups)"},
		},
		"join rows with an id, removed": {
			remove(one(7), edgeOf(sqlgraph.M2M, false, "memberships", memberships, 5)),
			[]string{"any(memberships)", "any(users)", "table(memberships)"},
		},
		"symmetric join rows": {
			add(one(7), bidi(edgeOf(sqlgraph.M2M, false, "user_groups", userGroups, 5))),
			[]string{"any(user_groups)", "any(users)", "group(user_groups,group_id=5)", "group(user_groups,group_id=7)",
				"group(user_groups,user_id=5)", "group(user_groups,user_id=7)", "members(user_groups)"},
		},
		"spouse": {
			remove(add(one(7), bidi(edgeOf(sqlgraph.O2O, false, "users", spouse, 3))), bidi(edgeOf(sqlgraph.O2O, false, "users", spouse))),
			[]string{"any(users)", "column(users,spouse_id)", "group(users,spouse_id=7)", "groups(users,spouse_id)", "row(users,3)", "row(users,7)", "table(users)"},
		},
		"composite id": {
			&sqlgraph.UpdateSpec{
				Node:   &sqlgraph.NodeSpec{Table: "user_groups", CompositeID: []*sqlgraph.FieldSpec{fieldOf("user_id", 1), fieldOf("group_id", 2)}},
				Fields: sqlgraph.FieldMut{Set: []*sqlgraph.FieldSpec{fieldOf("group_id", 3)}},
			},
			[]string{"any(user_groups)", "column(user_groups,group_id)", "groups(user_groups,group_id)"},
		},
		"composite id by predicate": {
			&sqlgraph.UpdateSpec{
				Node:   &sqlgraph.NodeSpec{Table: "user_groups", CompositeID: []*sqlgraph.FieldSpec{fieldOf("user_id", nil), fieldOf("group_id", nil)}},
				Fields: sqlgraph.FieldMut{Set: []*sqlgraph.FieldSpec{fieldOf("group_id", 3)}},
			},
			[]string{"any(user_groups)", "column(user_groups,group_id)", "groups(user_groups,group_id)", "table(user_groups)"},
		},
		"unknown table": {&sqlgraph.UpdateSpec{Node: &sqlgraph.NodeSpec{Table: "none"}}, []string{"all"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.ElementsMatch(t, c.want, touches(false, func(f *Facts) { unitSchema.UpdateFacts(f, c.spec) }))
		})
	}
}

func TestDeleteFacts(t *testing.T) {
	groups := []string{"groups(users,email)", "groups(users,manager_id)", "groups(users,nick)", "groups(users,region)", "groups(users,spouse_id)"}
	cascade := []string{"any(pets)", "any(toys)", "any(user_groups)", "table(pets)", "table(toys)", "table(user_groups)", "table(users)"}
	for name, c := range map[string]struct {
		table string
		id    any
		want  []string
	}{
		"one row":                 {"users", 7, append(append([]string{"any(users)", "members(users)", "row(users,7)"}, groups...), cascade...)},
		"by predicate":            {"users", nil, append([]string{"any(users)"}, cascade...)},
		"nothing follows":         {"groups", 5, []string{"any(groups)", "members(groups)", "row(groups,5)"}},
		"nothing follows, odd id": {"groups", "x", []string{"any(groups)", "table(groups)"}},
		"composite id":            {"user_groups", nil, []string{"any(user_groups)", "table(user_groups)"}},
		"in any case":             {"GROUPS", 5, []string{"any(groups)", "members(groups)", "row(groups,5)"}},
		"unknown table":           {"none", 5, []string{"all"}},
	} {
		t.Run(name, func(t *testing.T) {
			spec := &sqlgraph.DeleteSpec{Node: &sqlgraph.NodeSpec{Table: c.table}}
			require.ElementsMatch(t, c.want, touches(false, func(f *Facts) { unitSchema.DeleteFacts(f, spec, c.id) }))
		})
	}
}

func TestWholeTable(t *testing.T) {
	require.Equal(t, []string{"any(groups)", "table(groups)"}, touches(false, func(f *Facts) { f.WholeTable(unitSchema.Table("groups")) }))
	require.Len(t, touches(false, func(f *Facts) { f.WholeTable(unitSchema.Table("pets")) }), 8)
}
