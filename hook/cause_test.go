package hook

import (
	"testing"

	"entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"entgo.io/ent/schema/field"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/cache"
)

// The cause of a write is what its specifications say, all of them.
func TestCauseOfWrite(t *testing.T) {
	typ := &cache.Type{Name: "Pet"}
	column := func(name string, v any) *sqlgraph.FieldSpec {
		return &sqlgraph.FieldSpec{Column: name, Type: field.TypeInt, Value: v}
	}
	create := func(id any) *sqlgraph.CreateSpec {
		return &sqlgraph.CreateSpec{Table: "pets", ID: column("id", id), Fields: []*sqlgraph.FieldSpec{column("name", "secret")}}
	}
	rows := []*sqlgraph.CreateSpec{create(1), create(2)}
	conflict := []sql.ConflictOption{sql.DoNothing()}
	update := &sqlgraph.UpdateSpec{Node: &sqlgraph.NodeSpec{Table: "pets", ID: column("id", 3)}}
	update.Fields.Set = []*sqlgraph.FieldSpec{column("age", 7)}
	for want, specs := range map[string][]*spec{
		"create of Pet 1 (set name)":         {{create: rows[0]}},
		"bulk create of Pet 1, 2 (set name)": {{batch: &sqlgraph.BatchCreateSpec{Nodes: rows}}},
		"upsert of Pet 1, 2 (set name)":      {{batch: &sqlgraph.BatchCreateSpec{Nodes: rows, OnConflict: conflict}}},
		"upsert of Pet 1 (set name)":         {{create: rows[0]}, {conflict: &sqlgraph.BatchCreateSpec{Nodes: rows, OnConflict: conflict}}},
		"create of Pet 2 (set name)":         {{create: rows[1]}, {conflict: &sqlgraph.BatchCreateSpec{Nodes: rows}}},
		"update of Pet 3 (set age)":          {{update: update}},
		"delete of Pet 4":                    {{remove: &sqlgraph.DeleteSpec{}, id: 4}},
		"delete by predicate of Pet":         {{remove: &sqlgraph.DeleteSpec{}}},
	} {
		w := &Write{typ: typ, specs: specs}
		require.Equal(t, want, w.cause().String())
	}
}
