package cache

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/schema"
)

var tenantSchema = MustSchema(SchemaSpec{
	Tables: []TableSpec{
		{Name: "notes", ID: []string{"id"}, Tenant: "tenant_id", Columns: []ColumnSpec{
			{Name: "id", Kind: KindInt}, {Name: "tenant_id", Kind: KindInt, Grouped: true}, {Name: "folder_id", Kind: KindInt, Grouped: true},
			{Name: "text", Kind: KindString}, {Name: "stars", Kind: KindInt},
		}},
		{Name: "folders", ID: []string{"id"}, Columns: []ColumnSpec{{Name: "id", Kind: KindInt}}},
		{Name: "recent", View: true, DependsOn: []string{"notes"}, Columns: []ColumnSpec{{Name: "id", Kind: KindInt}}},
	},
	Types: []TypeSpec{
		{Name: "Note", Table: "notes", Policy: &schema.Policy{Tenant: "tenant_id"}}, {Name: "Folder", Table: "folders", Policy: &schema.Policy{Functions: map[string][]string{"size": {"notes"}}}},
	},
})

// A statement that reads rows of tenants says of which, wherever it reads them.
func TestStatementsNeedTenants(t *testing.T) {
	for query, want := range map[string]Reason{
		"SELECT id FROM notes WHERE tenant_id = ?":                                                                    Cacheable,
		"SELECT id FROM notes WHERE tenant_id IN (?, ?) AND stars > 1":                                                Cacheable,
		"SELECT id FROM notes WHERE stars > 1 AND (tenant_id = ? AND id = ?)":                                         Cacheable,
		"SELECT COUNT(*) FROM folders":                                                                                Cacheable,
		"SELECT f.id FROM folders f JOIN notes n ON n.folder_id = f.id AND n.tenant_id = ?":                           Cacheable,
		"SELECT id FROM folders WHERE EXISTS (SELECT 1 FROM notes WHERE tenant_id = ? AND folder_id = folders.id)":    Cacheable,
		"SELECT a.id FROM notes a JOIN notes b ON a.tenant_id = b.tenant_id AND a.id = b.stars WHERE b.tenant_id = ?": Cacheable,

		"SELECT id FROM notes":                                                                   NoTenant,
		"SELECT id FROM notes WHERE id = ?":                                                      NoTenant,
		"SELECT id FROM notes WHERE tenant_id > ?":                                               NoTenant,
		"SELECT id FROM notes WHERE tenant_id = ? OR id = 1":                                     NoTenant,
		"SELECT id FROM notes WHERE NOT tenant_id = ?":                                           NoTenant,
		"SELECT f.id FROM folders f LEFT JOIN notes n ON n.folder_id = f.id AND n.tenant_id = ?": NoTenant,
		"SELECT id FROM folders WHERE EXISTS (SELECT 1 FROM notes WHERE folder_id = folders.id)": NoTenant,
		"SELECT id FROM notes WHERE tenant_id = ? UNION SELECT id FROM notes":                    NoTenant,
		"SELECT a.id FROM notes a JOIN notes b ON a.id = b.stars WHERE b.tenant_id = ?":          NoTenant,
		"SELECT id FROM recent":                                                                  NoTenant,
		"SELECT id FROM folders WHERE size(id) > 1":                                              NoTenant,
	} {
		st := Analyze(tenantSchema, sqliteDialect, query)
		require.Equal(t, want, st.Reason(), "%s: %s", query, st.Detail())
	}
}

// What one tenant writes, one row or many, touches nothing that another's results
// depend on.
func TestTenantsDontMeet(t *testing.T) {
	notes := tenantSchema.Table("notes")
	of := func(tenant int) []Fact {
		var f Facts
		Analyze(tenantSchema, sqliteDialect, "SELECT COUNT(*) FROM notes WHERE tenant_id = ? AND stars > 1").Facts(&f, []any{tenant}, nil)
		Analyze(tenantSchema, sqliteDialect, "SELECT id, tenant_id, folder_id, text, stars FROM notes WHERE tenant_id = ? AND folder_id = ?").
			Facts(&f, []any{tenant, 3}, result("id,tenant_id,folder_id,text,stars", int64(10*tenant), int64(tenant), int64(3), "a", int64(1)))
		return f.List
	}
	written := func(tenant int) map[string][]Fact {
		var one, many, gone Facts
		var row image
		row.set(notes.Column("tenant_id"), tenant, false)
		row.set(notes.Column("folder_id"), 3, false)
		one.Any(notes)
		one.written(notes, 10*tenant, nil)
		one.inserted(notes, row, true)
		one.updated(notes, []*Column{notes.Column("stars")}, row, row)
		one.deleted(notes, row)
		var seen Observed
		seen.Statement(tenantSchema, sqliteDialect, "notes", "UPDATE `notes` SET `stars` = ? WHERE `notes`.`tenant_id` = ?", []any{1, tenant})
		var known image
		known.set(notes.Column("tenant_id"), tenant, false)
		many.Any(notes)
		seen.rows(&many, notes, []*Column{notes.Column("stars")})
		many.updated(notes, []*Column{notes.Column("stars")}, known, known)
		seen.Statement(tenantSchema, sqliteDialect, "notes", "DELETE FROM `notes` WHERE `notes`.`tenant_id` = ? AND `stars` > 1", []any{tenant})
		gone.Any(notes)
		seen.rows(&gone, notes, nil)
		gone.deleted(notes, known)
		return map[string][]Fact{"one row": one.List, "update": many.List, "delete": gone.List}
	}
	for name, facts := range written(1) {
		require.NotEmpty(t, common(of(1), facts), name)
	}
	for name, facts := range written(2) {
		require.Empty(t, common(of(1), facts), name)
	}
}

func common(a, b []Fact) (both []Fact) {
	for _, f := range a {
		if contains(b, []Fact{f}) {
			both = append(both, f)
		}
	}
	return both
}
