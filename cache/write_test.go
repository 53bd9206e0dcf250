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
		"before the id is known": {spec: user(nil, named), want: []string{"any(users)", "created(users)", "entered(users,region=eu)", "unkeyed(users)"}},
		"after":                  {spec: user(7, named), want: []string{"any(users)", "created(users)", "entered(users,region=eu)", "rewritten(users,7)", "row(users,7)"}},
		"the database's default": {spec: user(7, nil), want: []string{"any(users)", "created(users)", "entered(users,region)", "rewritten(users,7)", "row(users,7)"}},
		"NULL is in no group": {
			spec: user(7, fields(fieldOf("region", nil), fieldOf("email", wrapped{nil}), fieldOf("manager_id", (*int)(nil)))),
			want: []string{"any(users)", "created(users)", "entered(users,manager_id)", "rewritten(users,7)", "row(users,7)"},
		},
		"folded text": {
			spec: user(7, fields(fieldOf("region", "eu"), fieldOf("nick", "bob"))),
			want: []string{"any(users)", "created(users)", "entered(users,region=eu)", "rewritten(users,7)", "row(users,7)"},
		},
		"folded by the dialect": {
			spec: user(7, named), fold: true,
			want: []string{"any(users)", "created(users)", "rewritten(users,7)", "row(users,7)", "unkeyed(users)"},
		},
		"id without a form": {
			spec: user(1.5, named), want: []string{"any(users)", "created(users)", "entered(users,region=eu)", "table(users)", "unkeyed(users)"},
		},
		"own key": {
			spec: user(7, named, edgeOf(sqlgraph.M2O, true, "users", manager, 3)),
			want: []string{"any(users)", "created(users)", "entered(users,manager_id=3)", "entered(users,region=eu)", "rewritten(users,7)", "row(users,7)"},
		},
		"children": {
			spec: user(7, named, edgeOf(sqlgraph.O2M, false, "pets", pets, 1, 2)),
			want: []string{"any(pets)", "any(users)", "column(pets,owner_id)", "created(users)", "entered(pets,owner_id=7)", "entered(users,region=eu)", "field(pets,owner_id,1)", "field(pets,owner_id,2)", "rewritten(users,7)", "row(pets,1)", "row(pets,2)", "row(users,7)"},
		},
		"children of an id that isn't known": {
			spec: user(nil, named, edgeOf(sqlgraph.O2M, false, "pets", pets, 1)),
			want: []string{"any(pets)", "any(users)", "column(pets,owner_id)", "created(users)", "entered(pets,owner_id)", "entered(users,region=eu)", "field(pets,owner_id,1)", "row(pets,1)", "unkeyed(users)"},
		},
		"the other of one": {
			spec: user(7, named, edgeOf(sqlgraph.O2O, false, "pets", pets, 1)),
			want: []string{"any(pets)", "any(users)", "column(pets,owner_id)", "created(users)", "entered(pets,owner_id=7)", "entered(users,region=eu)", "field(pets,owner_id,1)", "rewritten(users,7)", "row(pets,1)", "row(users,7)"},
		},
		"one to one in both directions": {
			spec: user(7, named, bidi(edgeOf(sqlgraph.O2O, false, "users", spouse, 3))),
			want: []string{"any(users)", "column(users,spouse_id)", "created(users)", "entered(users,region=eu)", "entered(users,spouse_id=3)", "entered(users,spouse_id=7)", "field(users,spouse_id,3)", "rewritten(users,7)", "row(users,3)", "row(users,7)", "within(users,spouse_id,email)", "within(users,spouse_id,manager_id)", "within(users,spouse_id,region)"},
		},
		"join rows": {
			spec: user(7, named, edgeOf(sqlgraph.M2M, false, "user_groups", userGroups, 1, 2)),
			want: []string{"any(user_groups)", "any(users)", "created(user_groups)", "created(users)", "entered(user_groups,group_id=1)", "entered(user_groups,group_id=2)", "entered(user_groups,user_id=7)", "entered(users,region=eu)", "rewritten(users,7)", "row(users,7)"},
		},
		"join rows of an edge schema": {
			spec: user(7, named, edgeOf(sqlgraph.M2M, false, "memberships", memberships, 1)),
			want: []string{"any(memberships)", "any(users)", "created(memberships)", "created(users)", "entered(memberships,group_id=1)", "entered(memberships,role)", "entered(memberships,user_id=7)", "entered(users,region=eu)", "rewritten(users,7)", "row(users,7)", "unkeyed(memberships)"},
		},
		"upsert of a bulk": {spec: user(7, named), upsert: true, want: []string{"any(users)", "table(users)"}},
		"upsert": {
			spec: &sqlgraph.CreateSpec{Table: "users", ID: fieldOf("id", 7), OnConflict: []entsql.ConflictOption{entsql.ResolveWithNewValues()}},
			want: []string{"any(users)", "table(users)"},
		},
		"edge schema": {
			spec: &sqlgraph.CreateSpec{Table: "user_groups", Fields: fields(fieldOf("user_id", 1), fieldOf("group_id", 2))},
			want: []string{"any(user_groups)", "created(user_groups)", "entered(user_groups,group_id=2)", "entered(user_groups,user_id=1)"},
		},
		"unknown table":      {spec: &sqlgraph.CreateSpec{Table: "none"}, want: []string{"all"}},
		"unknown edge table": {spec: user(7, named, edgeOf(sqlgraph.M2M, false, "none", userGroups, 1)), want: []string{"all", "any(users)", "created(users)", "entered(users,region=eu)", "rewritten(users,7)", "row(users,7)"}},
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
		"one row":      {set(one(7), fieldOf("age", 1)), []string{"any(users)", "column(users,age)", "field(users,age,7)", "row(users,7)", "within(users,age,email)", "within(users,age,manager_id)", "within(users,age,region)", "within(users,age,spouse_id)"}},
		"by predicate": {set(one(nil), fieldOf("age", 1)), []string{"any(users)", "bulk(users)", "column(users,age)", "rows(users)", "within(users,age,email)", "within(users,age,manager_id)", "within(users,age,region)", "within(users,age,spouse_id)"}},
		"odd id":       {set(one("x"), fieldOf("age", 1)), []string{"any(users)", "column(users,age)", "table(users)", "within(users,age,email)", "within(users,age,manager_id)", "within(users,age,region)", "within(users,age,spouse_id)"}},
		"added and cleared fields": {
			&sqlgraph.UpdateSpec{Node: one(7).Node, Fields: sqlgraph.FieldMut{Add: []*sqlgraph.FieldSpec{fieldOf("age", 1)}, Clear: []*sqlgraph.FieldSpec{fieldOf("name", nil)}}},
			[]string{"any(users)", "column(users,age)", "column(users,name)", "field(users,age,7)", "field(users,name,7)", "row(users,7)", "within(users,age,email)", "within(users,age,manager_id)", "within(users,age,region)", "within(users,age,spouse_id)", "within(users,name,email)", "within(users,name,manager_id)", "within(users,name,region)", "within(users,name,spouse_id)"},
		},
		"a group":        {set(one(7), fieldOf("email", "b")), []string{"any(users)", "column(users,email)", "entered(users,email=b)", "field(users,email,7)", "left(users,email)", "row(users,7)", "within(users,email,manager_id)", "within(users,email,region)", "within(users,email,spouse_id)"}},
		"unknown column": {set(one(7), fieldOf("none", 1)), []string{"any(users)", "table(users)"}},
		"modifier": {
			&sqlgraph.UpdateSpec{Node: one(7).Node, Modifiers: []func(*entsql.UpdateBuilder){func(*entsql.UpdateBuilder) {}}},
			[]string{"any(users)", "table(users)"},
		},
		"own key": {
			add(one(7), edgeOf(sqlgraph.M2O, true, "users", manager, 3)),
			[]string{"any(users)", "column(users,manager_id)", "entered(users,manager_id=3)", "field(users,manager_id,7)", "left(users,manager_id)", "row(users,7)", "within(users,manager_id,email)", "within(users,manager_id,region)", "within(users,manager_id,spouse_id)"},
		},
		"own key cleared": {
			remove(one(7), edgeOf(sqlgraph.M2O, true, "users", manager)),
			[]string{"any(users)", "column(users,manager_id)", "field(users,manager_id,7)", "left(users,manager_id)", "row(users,7)", "within(users,manager_id,email)", "within(users,manager_id,region)", "within(users,manager_id,spouse_id)"},
		},
		"children added": {
			add(one(7), edgeOf(sqlgraph.O2M, false, "pets", pets, 1)),
			[]string{"any(pets)", "any(users)", "column(pets,owner_id)", "entered(pets,owner_id=7)", "field(pets,owner_id,1)", "row(pets,1)"},
		},
		"children removed": {
			remove(one(7), edgeOf(sqlgraph.O2M, false, "pets", pets, 1, 2)),
			[]string{"any(pets)", "any(users)", "column(pets,owner_id)", "field(pets,owner_id,1)", "field(pets,owner_id,2)", "left(pets,owner_id=7)", "row(pets,1)", "row(pets,2)"},
		},
		"all children cleared": {
			remove(one(7), edgeOf(sqlgraph.O2M, false, "pets", pets)),
			[]string{"any(pets)", "any(users)", "bulk(pets,owner_id)", "bulk(pets,owner_id=7)", "column(pets,owner_id)", "left(pets,owner_id=7)", "rows(pets)"},
		},
		"child without a form": {
			add(one(7), edgeOf(sqlgraph.O2M, false, "pets", pets, "x")),
			[]string{"any(pets)", "any(users)", "column(pets,owner_id)", "entered(pets,owner_id=7)", "table(pets)"},
		},
		"join rows added from the other end": {
			add(&sqlgraph.UpdateSpec{Node: &sqlgraph.NodeSpec{Table: "groups", ID: fieldOf("id", 5)}}, edgeOf(sqlgraph.M2M, true, "user_groups", userGroups, 7)),
			[]string{"any(groups)", "any(user_groups)", "created(user_groups)", "entered(user_groups,group_id=5)", "entered(user_groups,user_id=7)"},
		},
		"join rows removed": {
			remove(one(7), edgeOf(sqlgraph.M2M, false, "user_groups", userGroups, 5)),
			[]string{"any(user_groups)", "any(users)", "deleted(user_groups)", "left(user_groups,group_id=5)", "left(user_groups,user_id=7)"},
		},
		"all join rows cleared": {
			remove(one(7), edgeOf(sqlgraph.M2M, false, "user_groups", userGroups)),
			[]string{"any(user_groups)", "any(users)", "deleted(user_groups)", "left(user_groups,group_id)", "left(user_groups,user_id=7)"},
		},
		"join rows by predicate": {
			add(one(nil), edgeOf(sqlgraph.M2M, false, "user_groups", userGroups, 5)),
			[]string{"any(user_groups)", "any(users)", "created(user_groups)", "entered(user_groups,group_id=5)", "entered(user_groups,user_id)"},
		},
		"join rows with an id, removed": {
			remove(one(7), edgeOf(sqlgraph.M2M, false, "memberships", memberships, 5)),
			[]string{"any(memberships)", "any(users)", "bulk(memberships,user_id)", "bulk(memberships,user_id=7)", "deleted(memberships)", "left(memberships,group_id=5)", "left(memberships,role)", "left(memberships,user_id=7)", "rows(memberships)"},
		},
		"symmetric join rows": {
			add(one(7), bidi(edgeOf(sqlgraph.M2M, false, "user_groups", userGroups, 5))),
			[]string{"any(user_groups)", "any(users)", "created(user_groups)", "entered(user_groups,group_id=5)", "entered(user_groups,group_id=7)", "entered(user_groups,user_id=5)", "entered(user_groups,user_id=7)"},
		},
		"spouse": {
			remove(add(one(7), bidi(edgeOf(sqlgraph.O2O, false, "users", spouse, 3))), bidi(edgeOf(sqlgraph.O2O, false, "users", spouse))),
			[]string{"any(users)", "bulk(users,spouse_id)", "bulk(users,spouse_id=7)", "column(users,spouse_id)", "entered(users,spouse_id=3)", "entered(users,spouse_id=7)", "field(users,spouse_id,3)", "field(users,spouse_id,7)", "left(users,spouse_id)", "left(users,spouse_id=7)", "row(users,3)", "row(users,7)", "rows(users)", "within(users,spouse_id,email)", "within(users,spouse_id,manager_id)", "within(users,spouse_id,region)"},
		},
		"composite id": {
			&sqlgraph.UpdateSpec{
				Node:   &sqlgraph.NodeSpec{Table: "user_groups", CompositeID: []*sqlgraph.FieldSpec{fieldOf("user_id", 1), fieldOf("group_id", 2)}},
				Fields: sqlgraph.FieldMut{Set: []*sqlgraph.FieldSpec{fieldOf("group_id", 3)}},
			},
			[]string{"any(user_groups)", "column(user_groups,group_id)", "entered(user_groups,group_id=3)", "left(user_groups,group_id)", "within(user_groups,group_id,user_id)"},
		},
		"composite id by predicate": {
			&sqlgraph.UpdateSpec{
				Node:   &sqlgraph.NodeSpec{Table: "user_groups", CompositeID: []*sqlgraph.FieldSpec{fieldOf("user_id", nil), fieldOf("group_id", nil)}},
				Fields: sqlgraph.FieldMut{Set: []*sqlgraph.FieldSpec{fieldOf("group_id", 3)}},
			},
			[]string{"any(user_groups)", "bulk(user_groups)", "column(user_groups,group_id)", "entered(user_groups,group_id=3)", "left(user_groups,group_id)", "rows(user_groups)", "within(user_groups,group_id,user_id)"},
		},
		"unknown table": {&sqlgraph.UpdateSpec{Node: &sqlgraph.NodeSpec{Table: "none"}}, []string{"all"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.ElementsMatch(t, c.want, touches(false, func(f *Facts) { unitSchema.UpdateFacts(f, c.spec, nil) }))
		})
	}
}

func TestDeleteFacts(t *testing.T) {
	follows := []string{
		"deleted(users)", "left(users,email)", "left(users,manager_id)", "left(users,region)", "left(users,spouse_id)",
		"any(pets)", "any(toys)", "any(user_groups)", "table(pets)", "table(toys)", "table(user_groups)", "table(users)",
	}
	for name, c := range map[string]struct {
		table string
		id    any
		want  []string
	}{
		"one row":                 {"users", 7, append([]string{"any(users)", "rewritten(users,7)", "row(users,7)"}, follows...)},
		"by predicate":            {"users", nil, append([]string{"any(users)", "bulk(users)", "rows(users)"}, follows...)},
		"nothing follows":         {"groups", 5, []string{"any(groups)", "deleted(groups)", "rewritten(groups,5)", "row(groups,5)"}},
		"nothing follows, odd id": {"groups", "x", []string{"any(groups)", "deleted(groups)", "table(groups)"}},
		"composite id":            {"user_groups", nil, []string{"any(user_groups)", "deleted(user_groups)", "left(user_groups,group_id)", "left(user_groups,user_id)", "bulk(user_groups)", "rows(user_groups)"}},
		"in any case":             {"GROUPS", 5, []string{"any(groups)", "deleted(groups)", "rewritten(groups,5)", "row(groups,5)"}},
		"unknown table":           {"none", 5, []string{"all"}},
	} {
		t.Run(name, func(t *testing.T) {
			spec := &sqlgraph.DeleteSpec{Node: &sqlgraph.NodeSpec{Table: c.table}}
			require.ElementsMatch(t, c.want, touches(false, func(f *Facts) { unitSchema.DeleteFacts(f, spec, c.id, nil) }))
		})
	}
}

func TestWholeTable(t *testing.T) {
	require.Equal(t, []string{"any(groups)", "table(groups)"}, touches(false, func(f *Facts) { f.WholeTable(unitSchema.Table("groups")) }))
	require.Len(t, touches(false, func(f *Facts) { f.WholeTable(unitSchema.Table("pets")) }), 8)
}
