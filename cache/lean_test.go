package cache

import (
	"database/sql"
	"errors"
	"testing"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

func leanSchema() *Schema {
	var columns []ColumnSpec
	for _, name := range []string{"id", "order", "Mixed", "user_id", "a.b", "count(*)", "with space", "back`tick", `quo"ted`, "star*", "é"} {
		columns = append(columns, ColumnSpec{Name: name})
	}
	return MustSchema(SchemaSpec{
		Tables: []TableSpec{{Name: "Users", Columns: columns, ID: []string{"id"}}},
		Types:  []TypeSpec{{Name: "User", Table: "Users"}},
	})
}

func TestLeanWritesTheSameStatement(t *testing.T) {
	typ := leanSchema().Type("User")
	for _, name := range []string{dialect.SQLite, dialect.MySQL, dialect.Postgres} {
		for _, c := range append(typ.Table.Columns, &Column{ColumnSpec: ColumnSpec{Name: "unknown"}}) {
			statement := func(lean bool) string {
				spec := &sqlgraph.QuerySpec{
					Node:       &sqlgraph.NodeSpec{Table: "Users", Columns: []string{"id", c.Name}},
					ScanValues: func([]string) ([]any, error) { return nil, nil },
				}
				if lean {
					Lean(typ, &Driver{dialect: name}, spec)
				}
				s := entsql.Dialect(name).Select().From(entsql.Dialect(name).Table("Users"))
				s.Select(s.Columns(spec.Node.Columns...)...)
				text, _ := s.Query()
				return text
			}
			require.Equal(t, statement(false), statement(true), "%s %s", name, c.Name)
			require.Equal(t, statement(false), statement(true), "%s %s, again", name, c.Name)
		}
	}
}

func TestLeanLeavesOthersAlone(t *testing.T) {
	typ := leanSchema().Type("User")
	query := func(change func(*sqlgraph.QuerySpec)) *sqlgraph.QuerySpec {
		spec := &sqlgraph.QuerySpec{
			Node:       &sqlgraph.NodeSpec{Table: "Users", Columns: []string{"id"}},
			ScanValues: func([]string) ([]any, error) { return []any{new(sql.NullInt64)}, nil },
		}
		change(spec)
		return spec
	}
	for name, change := range map[string]func(*sqlgraph.QuerySpec){
		"a traversal":             func(q *sqlgraph.QuerySpec) { q.From = entsql.Select() },
		"another database schema": func(q *sqlgraph.QuerySpec) { q.Node.Schema = "other" },
		"another table":           func(q *sqlgraph.QuerySpec) { q.Node.Table = "pets" },
	} {
		spec := query(change)
		Lean(typ, &Driver{dialect: dialect.SQLite}, spec)
		require.Equal(t, []string{"id"}, spec.Node.Columns, name)
	}

	spec := query(func(*sqlgraph.QuerySpec) {})
	Lean(typ, entsql.OpenDB(dialect.SQLite, nil), spec)
	require.Equal(t, []string{"id"}, spec.Node.Columns, "an uncached driver")
	first, _ := spec.ScanValues(nil)
	second, _ := spec.ScanValues(nil)
	require.NotSame(t, first[0], second[0])

	spec = query(func(q *sqlgraph.QuerySpec) { q.ScanValues = nil })
	Lean(typ, &Driver{dialect: dialect.SQLite}, spec)
	require.Nil(t, spec.ScanValues, "a count scans nothing")
}

func TestReuseSharesOnlyWhatIsOverwritten(t *testing.T) {
	for _, tt := range []struct {
		name   string
		values func() []any
		shared bool
	}{
		{"null types", func() []any {
			return []any{new(sql.NullInt64), new(sql.NullString), new(sql.NullBool), new(sql.NullFloat64), new(sql.NullTime)}
		}, true},
		{"bytes", func() []any { return []any{new(sql.NullInt64), new([]byte)} }, false},
		{"a type of the program", func() []any { return []any{new(uuid.UUID)} }, false},
		{"a null scanner", func() []any { return []any{&entsql.NullScanner{S: new(uuid.UUID)}} }, false},
		{"an unknown column", func() []any { return []any{new(sql.NullInt64), new(entsql.UnknownType)} }, false},
	} {
		scan := reuse(func([]string) ([]any, error) { return tt.values(), nil })
		first, err := scan(nil)
		require.NoError(t, err)
		second, err := scan(nil)
		require.NoError(t, err)
		require.Equal(t, tt.shared, first[0] == second[0], tt.name)
	}

	failed := errors.New("failed")
	_, err := reuse(func([]string) ([]any, error) { return nil, failed })(nil)
	require.ErrorIs(t, err, failed)
}

// Columns that were written once are those of the same names only, and nobody who
// appends to them changes what others get.
func TestQuotedColumns(t *testing.T) {
	table := leanSchema().Type("User").Table
	lists := [][]string{{"id", "order"}, {"id"}, {"order", "id"}, {"id", "order", "Mixed"}, {}, {"id", "order"}}
	for _, name := range []string{dialect.SQLite, dialect.Postgres, dialect.MySQL, dialect.SQLite} {
		for _, columns := range lists {
			want := table.quote(name, columns)
			got := table.quoted(name, columns)
			require.Equal(t, want, got)
			_ = append(got, "x")
			require.Equal(t, want, table.quoted(name, columns))
		}
	}
	all := []string{"id", "order", "Mixed"}
	require.Same(t, &table.quoted(dialect.SQLite, all)[0], &table.quoted(dialect.SQLite, all)[0])
}
