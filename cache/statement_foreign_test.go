package cache

import (
	"strings"
	"testing"

	"entgo.io/ent/dialect/sql/sqlgraph"
	"github.com/stretchr/testify/require"

	entsql "entgo.io/ent/dialect/sql"
)

// In which tables rows that are created matter, where the database enforces foreign
// keys.
func TestCreatedRowsThatNothingRefersTo(t *testing.T) {
	for _, tt := range []struct {
		name, query string
		// created are the tables of which a created row matters: those with a fact
		// that it touches, whatever its values.
		created string
	}{
		{"parents of all", "SELECT users.name FROM users JOIN pets ON users.id = pets.owner_id", "pets"},
		{"in the other order", "SELECT users.name FROM users JOIN pets ON pets.owner_id = users.id", "pets"},
		{"in the WHERE", "SELECT users.name FROM users, pets WHERE users.id = pets.owner_id AND users.age > 1", "pets"},
		{"under an outer join, in the WHERE", "SELECT users.name FROM pets LEFT JOIN users ON users.age = pets.age WHERE users.id = pets.owner_id", "pets"},
		{"in the ON of an outer join", "SELECT users.name FROM pets LEFT JOIN users ON users.id = pets.owner_id", "pets users"},
		{"in the ON beside an outer join", "SELECT users.name FROM pets JOIN users ON users.id = pets.owner_id LEFT JOIN groups ON groups.id = pets.age", "groups pets users"},
		{"of a derived table", "SELECT users.name FROM users JOIN (SELECT pets.owner_id FROM pets) AS t ON users.id = t.owner_id", "pets"},
		{"of a derived table of two", "SELECT users.name FROM users JOIN (SELECT owner_id AS id FROM pets UNION SELECT id FROM groups) AS t ON users.id = t.id", "groups pets users"},
		{"of what is made of a column", "SELECT users.name FROM users JOIN (SELECT pets.owner_id+1 AS owner_id FROM pets) AS t ON users.id = t.owner_id", "pets users"},
		{"of a common table expression", "WITH t AS (SELECT pets.owner_id FROM pets) SELECT users.name FROM users JOIN t ON users.id = t.owner_id", "pets users"},
		{"of a SELECT around it", "SELECT pets.age FROM pets WHERE NOT EXISTS (SELECT users.id FROM users WHERE users.id = pets.owner_id)", "pets"},
		{"around it", "SELECT users.name FROM users WHERE NOT EXISTS (SELECT pets.id FROM pets WHERE users.id = pets.owner_id)", "pets users"},
		{"along a chain", "SELECT groups.name FROM groups JOIN group_users ON groups.id = group_users.group_id JOIN users ON users.id = group_users.user_id", "group_users"},
		{"another column", "SELECT users.name FROM users JOIN pets ON users.id = pets.age", "pets users"},
		{"another table", "SELECT groups.name FROM groups JOIN pets ON groups.id = pets.owner_id", "groups pets"},
		{"another key", "SELECT users.name FROM users JOIN pets ON users.age = pets.owner_id", "pets users"},
		{"another operator", "SELECT users.name FROM users JOIN pets ON users.id >= pets.owner_id", "pets users"},
		{"in a disjunction", "SELECT users.name FROM users JOIN pets ON users.id = pets.owner_id OR users.age = 1", "pets users"},
		{"negated", "SELECT users.name FROM users JOIN pets ON NOT (users.id = pets.owner_id)", "pets users"},
		{"the same table", "SELECT users.name FROM users JOIN users AS boss ON boss.id = users.boss_id", "users"},
		{"only one of two occurrences", "SELECT users.name FROM users JOIN pets ON users.id = pets.owner_id JOIN users AS other ON other.age = pets.age", "pets users"},
		{"of a view", "SELECT users.name FROM adults JOIN users ON users.id = adults.id", "users"},
		{"pinned by its key", "SELECT users.name FROM users JOIN pets ON users.id = pets.owner_id WHERE pets.owner_id = 1", "pets"},
		{"pinned by a group", "SELECT users.name FROM users JOIN pets ON users.id = pets.owner_id WHERE users.active", "pets users"},
	} {
		for _, d := range testDialects {
			st := Analyze(enforcedSchema(), d, tt.query)
			require.Equal(t, Cacheable, st.Reason(), "%s: %s", tt.name, st.Detail())
			require.Equal(t, tt.created, strings.Join(createdTables(st), " "), "%s, %s: %s", tt.name, d, spelled(st, nil, nil))
			// Deleted rows matter as ever.
			loose := Analyze(statementSchema(), d, tt.query)
			for _, tag := range strings.Fields(spelled(loose, nil, nil)) {
				if !strings.HasPrefix(tag, "created(") && !strings.HasPrefix(tag, "unkeyed(") {
					require.Contains(t, strings.Fields(spelled(st, nil, nil)), tag, tt.name)
				}
			}
			require.Subset(t, createdTables(loose), createdTables(st), tt.name)
		}
	}
}

// createdTables returns the tables of which some occurrence depends on created rows.
func createdTables(st *Statement) (names []string) {
	for _, tables := range []string{"group_users", "groups", "pets", "users"} {
		for _, tag := range strings.Fields(spelled(st, nil, nil)) {
			if strings.HasPrefix(tag, "created("+tables+")") || strings.HasPrefix(tag, "unkeyed("+tables+")") || strings.HasPrefix(tag, "entered("+tables+",") {
				names = append(names, tables)
				break
			}
		}
	}
	return names
}

// Two rows that refer to one another may come to be at once, where constraints are
// deferred: one of the tables has to say so.
func TestCreatedRowsThatReferToOneAnother(t *testing.T) {
	s := MustSchema(SchemaSpec{Tables: []TableSpec{
		{Name: "a", ID: []string{"id"}, Columns: []ColumnSpec{{Name: "id", Kind: KindInt}, {Name: "b_id", Kind: KindInt, Grouped: true, References: "b"}}},
		{Name: "b", ID: []string{"id"}, Columns: []ColumnSpec{{Name: "id", Kind: KindInt}, {Name: "c_id", Kind: KindInt, Grouped: true, References: "c"}}},
		{Name: "c", ID: []string{"id"}, Columns: []ColumnSpec{{Name: "id", Kind: KindInt}, {Name: "a_id", Kind: KindInt, Grouped: true, References: "a"}}},
	}})
	for _, conditions := range []string{
		"a.id = c.a_id AND b.id = a.b_id AND c.id = b.c_id",
		"c.id = b.c_id AND a.id = c.a_id AND b.id = a.b_id",
		"b.id = a.b_id AND c.id = b.c_id AND a.id = c.a_id",
	} {
		facts := spelled(Analyze(s, sqliteDialect, "SELECT COUNT(*) FROM a, b, c WHERE "+conditions), nil, nil)
		require.Equal(t, 1, strings.Count(facts, "created("), facts)
		require.Equal(t, 3, strings.Count(facts, "deleted("), facts)
	}
}

// The rows that a many-to-many edge leads to.
func TestCreatedRowsOfNeighbours(t *testing.T) {
	for _, d := range testDialects {
		s := sqlgraph.Neighbors(d, pathFrom(1, sqlgraph.M2M, true, "users", "groups", "group_users", "group_id", "user_id"))
		query, args := s.Select(s.Columns("id", "name")...).Distinct().Query()
		st := Analyze(enforcedSchema(), d, query)
		require.Equal(t, "table(groups) table(group_users) row(groups,3) rows(groups) deleted(groups) entered(group_users,user_id) left(group_users,user_id) "+
			"within(group_users,group_id,user_id) entered(group_users,user_id=1) left(group_users,user_id=1) within(group_users,group_id,user_id=1)",
			spelled(st, args, result("id,name", int64(3), "g")))

		users := entsql.Dialect(d).Table("users")
		has := entsql.Dialect(d).Select(users.C("id")).From(users)
		sqlgraph.HasNeighborsWith(has, pathOf(sqlgraph.M2M, false, "users", "groups", "group_users", "user_id", "group_id"), func(q *entsql.Selector) {
			q.Where(entsql.EQ(q.C("name"), "g"))
		})
		query, args = has.Query()
		require.NotContains(t, spelled(Analyze(enforcedSchema(), d, query), args, nil), "created(groups)")
	}
}
