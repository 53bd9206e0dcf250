package cache

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/codec"
)

// What people write themselves, and what is meant to catch the analysis out.
func TestFactsOfStatements(t *testing.T) {
	id := uuid.MustParse("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
	one := result("id", int64(1))
	for _, tt := range []struct {
		name, dialect, query string
		args                 []any
		rows                 *codec.Rows
		want                 string
	}{
		{"alias", "sqlite3", "SELECT u.id FROM users AS u WHERE u.id = ?", []any{1}, one, "table(users) row(users,1) rows(users)"},
		{"alias without AS", "sqlite3", "SELECT u.id FROM users u WHERE u.id = ?", []any{1}, one, "table(users) row(users,1) rows(users)"},
		{"literal", "postgres", "SELECT id FROM users WHERE id = 1", nil, one, "table(users) row(users,1) rows(users)"},
		{"parentheses", "postgres", "SELECT id FROM users WHERE ((id IN ($1)) AND (age > $2))", []any{1, 2}, one, "table(users) row(users,1) rows(users)"},
		{"arguments out of order", "postgres", "SELECT id FROM users WHERE age > $2 AND id = $1", []any{1, 2}, one, "table(users) row(users,1) rows(users)"},
		{"a missing argument", "postgres", "SELECT id FROM users WHERE id = $3", []any{1}, one, "table(users) row(users,1) rows(users) created(users)"},
		{"a schema-qualified name", "postgres", `SELECT "s"."users"."id" FROM "s"."users" WHERE "s"."users"."id" = $1`, []any{1}, one, "table(users) row(users,1) rows(users)"},
		{"NULL", "postgres", "SELECT id FROM pets WHERE owner_id = $1", []any{nil}, one, "table(pets) rewritten(pets,1) field(pets,owner_id,1) rows(pets) created(pets) column(pets,owner_id)"},
		{"a value of another kind", "mysql", "SELECT id FROM pets WHERE owner_id = ?", []any{"5 apples"}, one, "table(pets) rewritten(pets,1) field(pets,owner_id,1) rows(pets) created(pets) column(pets,owner_id)"},
		{"a text group", "postgres", "SELECT id FROM pets WHERE kind = $1", []any{"cat"}, one, "table(pets) rewritten(pets,1) field(pets,kind,1) rows(pets) entered(pets,kind) entered(pets,kind=cat)"},
		{"a text group where letter case may fold", "mysql", "SELECT id FROM pets WHERE kind = ?", []any{"cat"}, one, "table(pets) rewritten(pets,1) field(pets,kind,1) rows(pets) created(pets) column(pets,kind)"},
		{"a folded column", "postgres", "SELECT id FROM pets WHERE nick = $1", []any{"x"}, one, "table(pets) rewritten(pets,1) field(pets,nick,1) rows(pets) created(pets) column(pets,nick)"},
		{"a text for a text in double quotes", "mysql", `SELECT id FROM pets WHERE name = "age"`, nil, one, "table(pets) rewritten(pets,1) field(pets,age,1) field(pets,name,1) rows(pets) created(pets) column(pets,age) column(pets,name)"},
		{"a UUID, any form", "postgres", "SELECT id FROM cards WHERE id = $1", []any{id}, result("id", id[:]), "table(cards) row(cards,6ba7b8109dad11d180b400c04fd430c8) rows(cards)"},
		{"the smaller of two groups", "sqlite3", "SELECT id FROM pets WHERE owner_id IN (?, ?) AND kind = ?", []any{1, 2, "cat"}, one, "table(pets) rewritten(pets,1) field(pets,kind,1) field(pets,owner_id,1) rows(pets) entered(pets,owner_id,kind) entered(pets,owner_id=1,kind=cat) entered(pets,owner_id=2,kind=cat)"},
		{"a row before a group", "sqlite3", "SELECT id FROM pets WHERE owner_id = ? AND id IN (?, ?)", []any{3, 1, 2}, one, "table(pets) row(pets,1) rows(pets) row(pets,2) unkeyed(pets)"},
		{"both ways round", "sqlite3", "SELECT id FROM users WHERE ? = id", []any{1}, one, "table(users) row(users,1) rows(users) created(users)"},
		{"or", "sqlite3", "SELECT id FROM users WHERE id = ? OR age = 1", []any{1}, one, "table(users) row(users,1) rows(users) created(users) column(users,age)"},
		{"or behind and", "sqlite3", "SELECT id FROM users WHERE id = ? AND age > 0 OR age = 1", []any{1}, one, "table(users) row(users,1) rows(users) created(users) column(users,age)"},
		{"between", "sqlite3", "SELECT id FROM users WHERE age BETWEEN ? AND id AND boss_id = 1", []any{1}, one, "table(users) row(users,1) rows(users) created(users) column(users,age) column(users,boss_id)"},
		{"or of MySQL", "mysql", "SELECT id FROM users WHERE id = ? AND age > 0 || age = 1", []any{1}, one, "table(users) row(users,1) rows(users) created(users) column(users,age)"},
		{"xor", "mysql", "SELECT id FROM users WHERE id = ? AND age = 1 XOR age = 2", []any{1}, one, "table(users) row(users,1) rows(users) created(users) column(users,age)"},
		{"not", "sqlite3", "SELECT id FROM users WHERE NOT id = ? AND age = 1", []any{1}, one, "table(users) row(users,1) rows(users) created(users) column(users,age)"},
		{"in a condition of its own", "sqlite3", "SELECT id FROM users WHERE (id = ? AND age = 1) IS NOT TRUE", []any{1}, one, "table(users) row(users,1) rows(users) created(users) column(users,age)"},
		{"the condition of a join", "sqlite3", "SELECT users.id FROM users LEFT JOIN pets ON pets.owner_id = ?", []any{1}, one, "table(users) table(pets) row(users,1) rows(users) created(users) created(pets) deleted(pets) column(pets,owner_id)"},
		{"a filter on an outer join", "sqlite3", "SELECT users.id FROM users LEFT JOIN pets ON pets.age = users.age WHERE pets.owner_id = ?", []any{1}, one,
			"table(users) table(pets) row(users,1) rows(users) created(users) column(users,age) entered(pets,owner_id) left(pets,owner_id) within(pets,age,owner_id) entered(pets,owner_id=1) left(pets,owner_id=1) within(pets,age,owner_id=1)"},
		{"a name two tables have", "sqlite3", "SELECT users.id FROM users JOIN pets ON TRUE WHERE name = ?", []any{"a"}, one, "table(users) table(pets) column(pets,name) column(users,name) row(users,1) rows(users) created(users) created(pets) deleted(pets)"},
		{"an outer table in a sub-select", "sqlite3", "SELECT id FROM users WHERE NOT EXISTS (SELECT 1 FROM pets WHERE users.id = ?)", []any{1}, one, "table(users) table(pets) row(users,1) rows(users) created(users) created(pets) deleted(pets)"},
		{"aliases that differ in case", "postgres", `SELECT "T"."id" FROM "users" AS "T" WHERE EXISTS (SELECT 1 FROM "pets" AS "t" WHERE "T"."id" = $1)`, []any{1}, one, "table(users) table(pets) row(users,1) rows(users) created(users) created(pets) deleted(pets)"},
		{"a table twice", "sqlite3", "SELECT a.id FROM pets a JOIN pets b ON a.age = b.age WHERE a.owner_id = ? AND b.id = ?", []any{1, 2}, one,
			"table(pets) rewritten(pets,1) field(pets,age,1) field(pets,owner_id,1) rows(pets) entered(pets,owner_id) within(pets,age,owner_id) entered(pets,owner_id=1) within(pets,age,owner_id=1) row(pets,2) unkeyed(pets)"},
		{"a composite key", "sqlite3", "SELECT group_id, user_id FROM group_users WHERE group_id = ? AND user_id = ?", []any{1, 2}, result("group_id,user_id", int64(1), int64(2)),
			"table(group_users) entered(group_users,group_id) left(group_users,group_id) within(group_users,user_id,group_id) entered(group_users,group_id=1) left(group_users,group_id=1) within(group_users,user_id,group_id=1)"},
		{"an aggregate beside the id", "sqlite3", "SELECT id, name, COUNT(*) FROM users", nil, result("id,name,n", int64(1), "a", int64(1)), "table(users) created(users) deleted(users) column(users,name)"},
		{"an aggregate of the outer SELECT", "postgres", "SELECT id, name, (SELECT SUM(users.age)) FROM users", nil, result("id,name,s", int64(1), "a", int64(1)), "table(users) created(users) deleted(users) column(users,age) column(users,name)"},
		{"HAVING alone", "sqlite3", "SELECT id, name FROM users HAVING COUNT(*) > 1", nil, result("id,name", int64(1), "a"), "table(users) created(users) deleted(users) column(users,name)"},
		{"a window", "postgres", "SELECT id, SUM(age) OVER w FROM users WINDOW w AS (PARTITION BY name ORDER BY id)", nil, result("id,s", int64(1), int64(1)), "table(users) created(users) deleted(users) column(users,age) column(users,name)"},
		{"order by position", "sqlite3", "SELECT id, name FROM users ORDER BY 2 LIMIT 1", nil, result("id,name", int64(1), "a"), "table(users) row(users,1) rows(users) created(users) column(users,name)"},
		{"order by alias", "sqlite3", "SELECT id, name AS n FROM users ORDER BY n LIMIT 1", nil, result("id,n", int64(1), "a"), "table(users) row(users,1) rows(users) created(users) column(users,name)"},
		{"other columns than the projection's", "sqlite3", "SELECT id, name FROM users", nil, result("name,id", "a", int64(1)), "table(users) created(users) deleted(users) column(users,name)"},
		{"no rows known", "sqlite3", "SELECT id, name FROM users WHERE id = ?", []any{1}, nil, "table(users) created(users) deleted(users) column(users,name) row(users,1) rows(users) unkeyed(users)"},
		{"distinct on", "postgres", "SELECT DISTINCT ON (age) id, name FROM users", nil, result("id,name", int64(1), "a"), "table(users) row(users,1) rows(users) created(users) column(users,age)"},
		{"an array before the id", "postgres", "SELECT ARRAY[age, 2], id FROM users", nil, result("a,id", "x", int64(1)), "table(users) row(users,1) rows(users) created(users) column(users,age)"},
		{"casts", "postgres", `SELECT id FROM users WHERE CAST(age AS numeric(10, 2)) > $1::double precision AND name = $2::character varying(3)`, []any{1, "a"}, one, "table(users) row(users,1) rows(users) created(users) column(users,age) column(users,name)"},
		{"is distinct from", "postgres", "SELECT id FROM users WHERE age IS DISTINCT FROM $1 ORDER BY name NULLS FIRST", []any{1}, one, "table(users) row(users,1) rows(users) created(users) column(users,age) column(users,name)"},
		{"a JSON operator that looks like a placeholder", "postgres", "SELECT id FROM users WHERE data ? 'a' AND id = $1", []any{1}, one, "table(users) row(users,1) rows(users)"},
		{"a column that is a keyword too", "sqlite3", "SELECT json_each.value, key FROM users, json_each(users.data)", nil, nil, "table(users) created(users) deleted(users) column(users,data)"},
		{"a computed column", "sqlite3", "SELECT id FROM users WHERE tag = ?", []any{"a"}, one, "table(users) any(users) row(users,1) rows(users) created(users) column(users,tag)"},
		{"a computed column of known rows", "sqlite3", "SELECT id, tag FROM users", nil, result("id,tag", int64(1), "a"), "table(users) row(users,1) rows(users) created(users)"},
		{"a view", "sqlite3", "SELECT id, name FROM adults WHERE id = ?", []any{1}, result("id,name", int64(1), "a"), "table(adults) any(adults) table(users) any(users)"},
		{"a declared function", "sqlite3", "SELECT id FROM users WHERE id = ? AND score(age) > 1", []any{1}, one, "table(users) table(cards) any(cards) row(users,1) rows(users)"},
		{"an unknown name", "sqlite3", "SELECT id FROM users JOIN pets ON pets.id = users.id WHERE users.who = 1", nil, one, "table(users) any(users) table(pets) any(pets)"},
		{"a whole row", "postgres", "SELECT to_json(cards) FROM cards", nil, nil, "table(cards) column(cards,number) column(cards,owner_id) created(cards) deleted(cards)"},
		{"a table's name elsewhere", "postgres", "SELECT id FROM users WHERE name = pets", nil, one, "table(users) table(pets) any(pets) row(users,1) rows(users) created(users) column(users,name)"},
		{"columns with other names", "postgres", "SELECT a.x FROM users AS a(x, y) WHERE a.y = 1", nil, nil, ""},
		{"a natural join", "sqlite3", "SELECT users.id FROM users NATURAL JOIN pets", nil, one, "table(users) any(users) table(pets) any(pets)"},
		{"joined by a common column", "sqlite3", "SELECT users.id FROM users JOIN pets USING (age)", nil, one, "table(users) table(pets) column(pets,age) column(users,age) row(users,1) rows(users) created(users) created(pets) deleted(pets)"},
		{"a table expression with a table's name", "sqlite3", "WITH users AS (SELECT id FROM pets WHERE id = ?) SELECT id FROM users", []any{1}, one, "table(pets) table(users) any(users) row(pets,1) rows(pets) unkeyed(pets)"},
		{"recursion", "sqlite3", "WITH RECURSIVE r AS (SELECT id FROM users WHERE id = ? UNION SELECT u.id FROM users u JOIN r ON u.boss_id = r.id) SELECT id FROM r", []any{1}, one, "table(users) row(users,1) rows(users) unkeyed(users) created(users) deleted(users) column(users,boss_id)"},
		{"a lateral join", "postgres", "SELECT users.id FROM users, LATERAL (SELECT age FROM pets WHERE owner_id = users.id LIMIT 1) p", nil, one, "table(users) table(pets) row(users,1) rows(users) created(users) created(pets) deleted(pets) column(pets,age) column(pets,owner_id)"},
		{"joins in parentheses", "sqlite3", "SELECT users.id FROM users LEFT JOIN (pets JOIN cards ON cards.owner_id = pets.id) ON pets.owner_id = users.id", nil, one,
			"table(users) table(pets) table(cards) row(users,1) rows(users) created(users) created(pets) deleted(pets) column(pets,owner_id) created(cards) deleted(cards) column(cards,owner_id)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st := Analyze(statementSchema(), tt.dialect, tt.query)
			if tt.want == "" {
				require.NotEqual(t, Cacheable, st.Reason())
				return
			}
			require.Equal(t, Cacheable, st.Reason(), st.Detail())
			require.ElementsMatch(t, strings.Fields(tt.want), strings.Fields(spelled(st, tt.args, tt.rows)))
		})
	}
}

// A long list of values takes another path to find out which were found.
func TestFactsOfManyValues(t *testing.T) {
	query, args, ids := "SELECT id FROM users WHERE id IN (?", []any{1}, []any{int64(1)}
	for i := 2; i <= 100; i++ {
		query += ", ?"
		args, ids = append(args, i), append(ids, int64(101-i+1))
	}
	st := Analyze(statementSchema(), sqliteDialect, query+")")
	require.NotContains(t, spelled(st, args, result("id", ids...)), "created")
	ids[50] = int64(1)
	require.Contains(t, spelled(st, args, result("id", ids...)), "unkeyed(users)")
}

// No text that fits the bounds takes long.
func TestAnalyzeIsBounded(t *testing.T) {
	fill := func(head, repeat, tail string) string {
		return head + strings.Repeat(repeat, (maxStatement-len(head)-len(tail))/len(repeat)) + tail
	}
	for _, query := range []string{
		fill("SELECT id", ", *", " FROM users"),
		fill("SELECT 1 FROM users WHERE x IN (1", ", x AS y", ")"),
		fill("SELECT 1 FROM users WHERE x IN (1", ", x", ")"),
		fill("SELECT * FROM users", ", users", " WHERE users.id = 1"),
		fill("SELECT 1 FROM users WHERE (SELECT * FROM users", ", users", ")"),
		fill("SELECT 1 FROM users WHERE id IN (1", ", 1", ")"),
		fill("SELECT 1 FROM users WHERE id = 1", " AND id = 1", ""),
		fill("SELECT 1", " UNION SELECT users.* FROM users, users", ""),
		fill("SELECT 1 FROM users WHERE "+strings.Repeat("(", maxNesting), "id = 1 AND ", "id = 1"+strings.Repeat(")", maxNesting)),
		fill("WITH a AS (SELECT 1)", ", a AS (SELECT a FROM a)", " SELECT a FROM a"),
	} {
		started := time.Now()
		st := Analyze(statementSchema(), sqliteDialect, query)
		require.Contains(t, []Reason{Cacheable, NotUnderstood}, st.Reason(), st.Detail())
		require.Less(t, time.Since(started), 3*time.Second, query[:60])
	}
}
