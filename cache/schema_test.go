package cache

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/schema"
)

func TestCascadesAreClosed(t *testing.T) {
	for table, want := range map[string][]string{
		// In a cycle a table cascades into itself, through others or at once.
		"users":       {"pets", "toys", "user_groups", "users"},
		"pets":        {"pets", "toys", "user_groups", "users"},
		"toys":        {"pets", "toys", "user_groups", "users"},
		"groups":      {},
		"user_groups": {},
	} {
		require.Equal(t, want, names(unitSchema.Table(table).Cascade), table)
	}
}

func TestViewsAreClosed(t *testing.T) {
	for view, want := range map[string]struct {
		depends []string
		closed  bool
	}{
		// Two views that name each other don't go round for ever.
		"readers":     {[]string{"Docs", "library", "users"}, true},
		"library":     {[]string{"Docs", "readers", "users"}, true},
		"secret":      {[]string{}, false},
		"over_secret": {[]string{"groups", "secret"}, false},
		"users":       {[]string{}, true},
	} {
		v := unitSchema.Table(view)
		require.Equal(t, want.depends, names(v.Depends), view)
		require.Equal(t, want.closed, v.Closed, view)
	}
}

func TestNamesAreFoundInAnyCase(t *testing.T) {
	docs := unitSchema.Table("docs")
	require.NotNil(t, docs)
	require.Same(t, docs, unitSchema.Table("Docs"))
	require.Same(t, docs, unitSchema.Table("DOCS"))
	require.Same(t, docs.Column("title"), docs.Column("TITLE"))
	require.Nil(t, docs.Column("none"))
	require.Nil(t, unitSchema.Table("none"))
	require.Equal(t, []string{"Doc", "User"}, unitSchema.Types())
	require.Nil(t, unitSchema.Type("user"), "Ent's names are Go's")
}

// A function that several types declare reads what each of them says.
func TestFunctionsOfSeveralTypes(t *testing.T) {
	tables, ok := unitSchema.Function("RANK")
	require.True(t, ok)
	require.Equal(t, []string{"Docs", "groups", "pets"}, names(tables))
	tables, ok = unitSchema.Function("pure")
	require.True(t, ok)
	require.Empty(t, tables)
	_, ok = unitSchema.Function("other")
	require.False(t, ok)
}

// Tables of one name in different database schemas become one that knows less.
func TestTablesOfOneName(t *testing.T) {
	s := MustSchema(SchemaSpec{Tables: []TableSpec{
		{Name: "users", ID: []string{"id"}, Columns: []ColumnSpec{{Name: "id", Kind: KindInt}, {Name: "a", Kind: KindInt, Grouped: true, References: "Users"}}},
		{Name: "Users", ID: []string{"id"}, Columns: []ColumnSpec{
			{Name: "ID", Kind: KindString, Sensitive: true}, {Name: "a", Kind: KindInt, Grouped: true, References: "other"}, {Name: "b", Kind: KindInt},
		}},
	}})
	u := s.Table("users")
	require.Empty(t, u.ID, "rows of different tables may have one id")
	require.False(t, u.Column("id").Exact)
	require.True(t, u.Column("id").Sensitive)
	require.False(t, u.Column("a").Exact)
	require.Nil(t, u.Column("a").references)
	require.NotNil(t, u.Column("b"))
	var f Facts
	require.False(t, f.Row(u, 1))
	require.False(t, f.bulkOf(u.Column("a"), 1))
	require.Empty(t, u.groupings)
}

func TestSchemasThatNameWhatTheyDontDeclare(t *testing.T) {
	users := TableSpec{Name: "users", ID: []string{"id"}, Columns: []ColumnSpec{{Name: "id"}}}
	for name, spec := range map[string]SchemaSpec{
		"none":  {Types: []TypeSpec{{Name: "User", Table: "none"}}},
		"pets":  {Tables: []TableSpec{{Name: "users", Cascades: []string{"pets"}}}},
		"key":   {Tables: []TableSpec{{Name: "users", ID: []string{"key"}}}},
		"nil":   {Tables: []TableSpec{{Name: "users", Columns: []ColumnSpec{{Name: "boss_id", References: "nil"}}}}},
		"base":  {Tables: []TableSpec{{Name: "v", View: true, DependsOn: []string{"base"}}}},
		"Other": {Tables: []TableSpec{users}, Types: []TypeSpec{{Name: "User", Table: "users", Policy: &schema.Policy{Functions: map[string][]string{"f": {"Other"}}}}}},
	} {
		_, err := newSchema(spec)
		require.ErrorContains(t, err, "entcache: ", name)
		require.ErrorContains(t, err, name)
		require.Panics(t, func() { MustSchema(spec) }, name)
	}
}

func TestWhatGoComparesAsTheDatabaseDoes(t *testing.T) {
	for kind, want := range map[Kind]bool{
		KindOther: false, KindInt: true, KindBool: true, KindString: true, KindBytes: true,
		KindUUID: true, KindFloat: false, KindTime: false, KindJSON: false,
	} {
		require.Equal(t, want, comparable(ColumnSpec{Kind: kind}), "kind %d", kind)
	}
	require.False(t, comparable(ColumnSpec{Kind: KindString, Folded: true}))
}
