package cache

import "github.com/entcache/ent-cache/schema"

// statementSchema is a small schema with one of each thing that matters to the
// analysis of statements.
func statementSchema() *Schema { return MustSchema(statementSpec()) }

// enforcedSchema is statementSchema with foreign keys that the database enforces.
func enforcedSchema() *Schema {
	spec := statementSpec()
	for table, columns := range map[int]map[string]string{
		0: {"boss_id": "users"}, 1: {"owner_id": "users"}, 3: {"group_id": "groups", "user_id": "users"}, 4: {"owner_id": "users"},
	} {
		for i := range spec.Tables[table].Columns {
			c := &spec.Tables[table].Columns[i]
			c.References = columns[c.Name]
		}
	}
	return MustSchema(spec)
}

func statementSpec() SchemaSpec {
	return SchemaSpec{
		Fingerprint: "statement",
		Tables: []TableSpec{
			{Name: "users", ID: []string{"id"}, Columns: []ColumnSpec{
				{Name: "id", Kind: KindInt}, {Name: "name", Kind: KindString}, {Name: "age", Kind: KindInt},
				{Name: "active", Kind: KindBool, Grouped: true}, {Name: "password", Kind: KindString, Sensitive: true},
				{Name: "tag", Kind: KindString, Computed: true}, {Name: "boss_id", Kind: KindInt, Grouped: true},
				{Name: "created_at", Kind: KindTime}, {Name: "data", Kind: KindJSON},
			}},
			{Name: "pets", ID: []string{"id"}, Columns: []ColumnSpec{
				{Name: "id", Kind: KindInt}, {Name: "name", Kind: KindString}, {Name: "age", Kind: KindInt},
				{Name: "owner_id", Kind: KindInt, Grouped: true}, {Name: "kind", Kind: KindString, Grouped: true},
				{Name: "nick", Kind: KindString, Grouped: true, Folded: true},
			}},
			{Name: "groups", ID: []string{"id"}, Columns: []ColumnSpec{{Name: "id", Kind: KindInt}, {Name: "name", Kind: KindString}}},
			{Name: "group_users", ID: []string{"group_id", "user_id"}, Columns: []ColumnSpec{
				{Name: "group_id", Kind: KindInt, Grouped: true}, {Name: "user_id", Kind: KindInt, Grouped: true},
			}},
			{Name: "cards", ID: []string{"id"}, Columns: []ColumnSpec{
				{Name: "id", Kind: KindUUID}, {Name: "number", Kind: KindString}, {Name: "owner_id", Kind: KindInt, Grouped: true},
			}},
			{Name: "adults", View: true, DependsOn: []string{"User"}, Columns: []ColumnSpec{{Name: "id", Kind: KindInt}, {Name: "name", Kind: KindString}}},
			{Name: "hidden", View: true, Columns: []ColumnSpec{{Name: "id", Kind: KindInt}}},
		},
		Types: []TypeSpec{
			{Name: "User", Table: "users", Policy: &schema.Policy{Functions: map[string][]string{"score": {"cards"}, "slug": nil}}},
			{Name: "Pet", Table: "pets", Policy: &schema.Policy{Groups: []string{"kind"}}}, {Name: "Group", Table: "groups"}, {Name: "Card", Table: "cards"},
		},
	}
}
