package cache

import (
	"database/sql/driver"
	"fmt"
	"strings"
	"testing"

	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/sqlgraph"
	"entgo.io/ent/dialect/sql/sqljson"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/entcache/ent-cache/codec"
)

var testDialects = []string{sqliteDialect, postgresDialect, mysqlDialect}

// spelled returns the facts of a result, without repetitions, in order.
func spelled(st *Statement, args []any, rows *codec.Rows) string {
	f := Facts{Spell: true, Fold: st.dialect == mysqlDialect}
	st.Facts(&f, args, rows)
	var list []string
	seen := map[string]bool{}
	for _, tag := range f.Tags {
		if s := tag.String(); !seen[s] {
			seen[s] = true
			list = append(list, s)
		}
	}
	return strings.Join(list, " ")
}

func result(columns string, values ...any) *codec.Rows {
	return codec.NewRows(strings.Split(columns, ","), values...)
}

func pathOf(rel sqlgraph.Rel, inverse bool, from, to, table string, columns ...string) *sqlgraph.Step {
	return sqlgraph.NewStep(sqlgraph.From(from, "id"), sqlgraph.To(to, "id"), sqlgraph.Edge(rel, inverse, table, columns...))
}

func pathFrom(v any, rel sqlgraph.Rel, inverse bool, from, to, table string, columns ...string) *sqlgraph.Step {
	s := pathOf(rel, inverse, from, to, table, columns...)
	s.From.V = v
	return s
}

// What Ent's own builders write, in every dialect.
func TestFactsOfEntStatements(t *testing.T) {
	users := func(d string) *entsql.Selector {
		u := entsql.Dialect(d).Table("users")
		return entsql.Dialect(d).Select(u.C("id"), u.C("name")).From(u)
	}
	pets := func(d string) *entsql.Selector {
		p := entsql.Dialect(d).Table("pets")
		return entsql.Dialect(d).Select(p.C("id"), p.C("name"), p.C("owner_id")).From(p)
	}
	for _, tt := range []struct {
		name  string
		query func(d string) *entsql.Selector
		rows  *codec.Rows
		want  string
	}{
		{"get, found", func(d string) *entsql.Selector {
			s := users(d).Limit(2)
			return s.Where(entsql.EQ(s.C("id"), 1))
		}, result("id,name", int64(1), "a"), "table(users) row(users,1) rows(users)"},
		{"get, not found", func(d string) *entsql.Selector {
			s := users(d).Limit(2)
			return s.Where(entsql.EQ(s.C("id"), 1))
		}, result("id,name"), "table(users) row(users,1) rows(users) unkeyed(users)"},
		{"many-to-one eager load, one missing", func(d string) *entsql.Selector {
			s := users(d)
			return s.Where(entsql.In(s.C("id"), 1, 2))
		}, result("id,name", int64(2), "b"), "table(users) row(users,2) rows(users) row(users,1) unkeyed(users)"},
		{"pinned with a filter", func(d string) *entsql.Selector {
			s := users(d)
			return s.Where(entsql.And(entsql.EQ(s.C("id"), 1), entsql.Or(entsql.EQ(s.C("name"), "a"), entsql.IsNull(s.C("age")))))
		}, result("id,name", int64(1), "a"), "table(users) row(users,1) rows(users)"},
		{"one-to-many eager load", func(d string) *entsql.Selector {
			s := pets(d)
			return s.Where(entsql.InValues(s.C("owner_id"), 1, 2))
		}, result("id,name,owner_id", int64(7), "p", int64(1)), "table(pets) rewritten(pets,7) field(pets,name,7) field(pets,owner_id,7) bulk(pets) bulk(pets,owner_id=1) bulk(pets,kind) entered(pets,owner_id) entered(pets,owner_id=1) entered(pets,owner_id=2)"},
		{"many-to-many eager load", func(d string) *entsql.Selector {
			s := users(d)
			j := entsql.Dialect(d).Table("group_users")
			s.Join(j).On(s.C("id"), j.C("user_id"))
			s.Where(entsql.InValues(j.C("group_id"), 1, 2))
			columns := s.SelectedColumns()
			s.Select(j.C("group_id"))
			return s.AppendSelect(columns...).SetDistinct(false)
		}, result("group_id,id,name", int64(1), int64(5), "a", int64(2), int64(5), "a"),
			"table(users) table(group_users) row(users,5) rows(users) created(users) entered(group_users,group_id) left(group_users,group_id) within(group_users,user_id,group_id) entered(group_users,group_id=1) left(group_users,group_id=1) within(group_users,user_id,group_id=1) entered(group_users,group_id=2) left(group_users,group_id=2) within(group_users,user_id,group_id=2)"},
		{"children of one parent", func(d string) *entsql.Selector {
			s := sqlgraph.Neighbors(d, pathFrom(1, sqlgraph.O2M, false, "users", "pets", "pets", "owner_id"))
			return s.Select(s.Columns("id", "name", "owner_id")...).Distinct()
		}, result("id,name,owner_id", int64(7), "p", int64(1)), "table(pets) rewritten(pets,7) field(pets,name,7) field(pets,owner_id,7) bulk(pets) bulk(pets,owner_id=1) bulk(pets,kind) entered(pets,owner_id) entered(pets,owner_id=1)"},
		{"parent of one child", func(d string) *entsql.Selector {
			s := sqlgraph.Neighbors(d, pathFrom(7, sqlgraph.M2O, true, "pets", "users", "pets", "owner_id"))
			return s.Select(s.Columns("id", "name")...)
		}, result("id,name", int64(1), "a"), "table(users) table(pets) row(users,1) rows(users) created(users) row(pets,7) rows(pets) unkeyed(pets)"},
		{"neighbours over a join table", func(d string) *entsql.Selector {
			s := sqlgraph.Neighbors(d, pathFrom(1, sqlgraph.M2M, true, "users", "groups", "group_users", "group_id", "user_id"))
			return s.Select(s.Columns("id", "name")...).Distinct()
		}, result("id,name", int64(3), "g"), "table(groups) table(group_users) row(groups,3) rows(groups) created(groups) entered(group_users,user_id) left(group_users,user_id) within(group_users,group_id,user_id) entered(group_users,user_id=1) left(group_users,user_id=1) within(group_users,group_id,user_id=1)"},
		{"neighbours of a set", func(d string) *entsql.Selector {
			set := users(d)
			set.Where(entsql.GT(set.C("age"), 3))
			s := sqlgraph.SetNeighbors(d, pathFrom(set, sqlgraph.O2M, false, "users", "pets", "pets", "owner_id"))
			return s.Select(s.Columns("id", "name")...)
		}, result("id,name", int64(7), "p"), "table(pets) table(users) rewritten(pets,7) field(pets,name,7) field(pets,owner_id,7) rows(pets) created(pets) column(pets,owner_id) created(users) deleted(users) column(users,age)"},
		{"has children", func(d string) *entsql.Selector {
			s := users(d)
			sqlgraph.HasNeighbors(s, pathOf(sqlgraph.O2M, false, "users", "pets", "pets", "owner_id"))
			return s
		}, result("id,name", int64(1), "a"), "table(users) table(pets) row(users,1) rows(users) created(users) created(pets) deleted(pets) column(pets,owner_id)"},
		{"has children of a kind", func(d string) *entsql.Selector {
			s := users(d)
			sqlgraph.HasNeighborsWith(s, pathOf(sqlgraph.O2M, false, "users", "pets", "pets", "owner_id"), func(q *entsql.Selector) {
				q.Where(entsql.GT(q.C("age"), 3))
			})
			return s
		}, result("id,name", int64(1), "a"), "table(users) table(pets) row(users,1) rows(users) created(users) created(pets) deleted(pets) column(pets,age) column(pets,owner_id)"},
		{"has a child that is pinned", func(d string) *entsql.Selector {
			s := users(d)
			sqlgraph.HasNeighborsWith(s, pathOf(sqlgraph.O2M, false, "users", "pets", "pets", "owner_id"), func(q *entsql.Selector) {
				q.Where(entsql.EQ(q.C("id"), 9))
			})
			return s
		}, result("id,name", int64(1), "a"), "table(users) table(pets) row(users,1) rows(users) created(users) row(pets,9) rows(pets) unkeyed(pets)"},
		{"in a group with a name", func(d string) *entsql.Selector {
			s := users(d)
			sqlgraph.HasNeighborsWith(s, pathOf(sqlgraph.M2M, true, "users", "groups", "group_users", "group_id", "user_id"), func(q *entsql.Selector) {
				q.Where(entsql.HasPrefix(q.C("name"), "a_"))
			})
			return s
		}, result("id,name", int64(1), "a"), "table(users) table(group_users) table(groups) row(users,1) rows(users) created(users) created(group_users) deleted(group_users) column(group_users,group_id) column(group_users,user_id) created(groups) deleted(groups) column(groups,name)"},
		{"self edge", func(d string) *entsql.Selector {
			s := users(d)
			sqlgraph.HasNeighborsWith(s, pathOf(sqlgraph.M2O, true, "users", "users", "users", "boss_id"), func(q *entsql.Selector) {
				q.Where(entsql.EQ(q.C("age"), 9))
			})
			return s
		}, result("id,name", int64(1), "a"), "table(users) row(users,1) rows(users) created(users) column(users,boss_id) deleted(users) column(users,age)"},
		{"order by a count of neighbours", func(d string) *entsql.Selector {
			s := users(d)
			sqlgraph.OrderByNeighborsCount(s, pathOf(sqlgraph.O2M, false, "users", "pets", "pets", "owner_id"), entsql.OrderDesc(), entsql.OrderSelected())
			return s.Limit(3)
		}, result("id,name,count_pets", int64(1), "a", int64(2)), "table(users) table(pets) row(users,1) rows(users) created(users) created(pets) deleted(pets) column(pets,owner_id)"},
		{"order by a neighbour's field", func(d string) *entsql.Selector {
			s := pets(d)
			sqlgraph.OrderByNeighborTerms(s, pathOf(sqlgraph.M2O, true, "pets", "users", "pets", "owner_id"), entsql.OrderByField("name"))
			return s
		}, result("id,name,owner_id", int64(7), "p", int64(1)), "table(pets) table(users) rewritten(pets,7) field(pets,name,7) field(pets,owner_id,7) bulk(pets) bulk(pets,owner_id=1) bulk(pets,kind) created(pets) column(pets,owner_id) created(users) deleted(users) column(users,name)"},
		{"limited per parent", func(d string) *entsql.Selector {
			s := pets(d)
			s.Where(entsql.InValues(s.C("owner_id"), 1, 2))
			sqlgraph.LimitNeighbors("owner_id", 2)(s)
			return s
		}, result("id,name,owner_id", int64(7), "p", int64(1)),
			"table(pets) column(pets,name) column(pets,owner_id) entered(pets,owner_id) left(pets,owner_id) within(pets,name,owner_id) entered(pets,owner_id=1) left(pets,owner_id=1) within(pets,name,owner_id=1) entered(pets,owner_id=2) left(pets,owner_id=2) within(pets,name,owner_id=2)"},
		{"count", func(d string) *entsql.Selector {
			s := users(d)
			s.Where(entsql.GT(s.C("age"), 3))
			return s.Count(entsql.Distinct(s.C("id")))
		}, result("n", int64(3)), "table(users) created(users) deleted(users) column(users,age)"},
		{"count of a group", func(d string) *entsql.Selector {
			s := users(d)
			return s.Where(entsql.EQ(s.C("boss_id"), 2)).Count()
		}, result("n", int64(3)), "table(users) entered(users,boss_id) left(users,boss_id) entered(users,boss_id=2) left(users,boss_id=2)"},
		{"group by", func(d string) *entsql.Selector {
			s := users(d)
			return s.Select(s.C("name"), entsql.As(entsql.Sum(s.C("age")), "sum")).GroupBy(s.C("name"))
		}, result("name,sum", "a", int64(3)), "table(users) created(users) deleted(users) column(users,age) column(users,name)"},
		{"boolean group", func(d string) *entsql.Selector {
			s := users(d)
			return s.Where(entsql.And(entsql.EQ(s.C("active"), true), entsql.GT(s.C("age"), 1)))
		}, result("id,name", int64(1), "a"), "table(users) row(users,1) rows(users) entered(users,active) within(users,age,active) entered(users,active=1) within(users,age,active=1)"},
		{"order and limit", func(d string) *entsql.Selector {
			s := users(d)
			entsql.OrderByField("age", entsql.OrderDesc(), entsql.OrderNullsLast()).ToFunc()(s)
			return s.Limit(1).Offset(2)
		}, result("id,name", int64(1), "a"), "table(users) row(users,1) rows(users) created(users) deleted(users) column(users,age)"},
		{"nothing in a list", func(d string) *entsql.Selector {
			s := users(d)
			return s.Where(entsql.In(s.C("id")))
		}, result("id,name"), "table(users) created(users)"},
		{"json", func(d string) *entsql.Selector {
			s := users(d)
			return s.Where(entsql.And(sqljson.ValueEQ("data", 1, sqljson.Path("a", "b")), sqljson.ValueContains("data", 2, sqljson.Path("c")),
				sqljson.LenGT("data", 2), sqljson.HasKey("data", sqljson.Path("x y")), sqljson.ValueIsNull("data", sqljson.Path("d"))))
		}, result("id,name", int64(1), "a"), "table(users) column(users,data) row(users,1) rows(users) created(users)"},
		{"folded comparisons", func(d string) *entsql.Selector {
			s := users(d)
			return s.Where(entsql.Or(entsql.EqualFold(s.C("name"), "a%"), entsql.ContainsFold(s.C("name"), "b_")))
		}, result("id,name", int64(1), "a"), "table(users) row(users,1) rows(users) created(users) column(users,name)"},
		{"another schema", func(d string) *entsql.Selector {
			u := entsql.Dialect(d).Table("users").Schema("shop")
			return entsql.Dialect(d).Select(u.C("id"), u.C("name")).From(u).Where(entsql.EQ(u.C("id"), 1))
		}, result("id,name", int64(1), "a"), "table(users) row(users,1) rows(users)"},
		{"an id that is NULL", func(d string) *entsql.Selector {
			p := entsql.Dialect(d).Table("pets")
			s := users(d)
			return s.RightJoin(p).On(s.C("id"), p.C("owner_id"))
		}, result("id,name", nil, nil), "table(users) table(pets) created(users) deleted(users) column(users,name) created(pets) deleted(pets) column(pets,owner_id)"},
		{"union", func(d string) *entsql.Selector {
			s, o := users(d), users(d)
			return s.Where(entsql.EQ(s.C("id"), 1)).Union(o.Where(entsql.EQ(o.C("age"), 2)))
		}, result("id,name", int64(1), "a"), "table(users) row(users,1) rows(users) unkeyed(users) created(users) deleted(users) column(users,age) column(users,name)"},
		{"without an id", func(d string) *entsql.Selector {
			s := users(d)
			return s.Select(s.C("name")).Distinct()
		}, result("name", "a"), "table(users) created(users) deleted(users) column(users,name)"},
		{"all columns", func(d string) *entsql.Selector { return pets(d).Select() }, result("id,name,age,owner_id,kind,nick"),
			"table(pets) created(pets) deleted(pets) column(pets,age) column(pets,kind) column(pets,name) column(pets,nick) column(pets,owner_id)"},
	} {
		for _, d := range testDialects {
			t.Run(tt.name+"/"+d, func(t *testing.T) {
				query, args := tt.query(d).Query()
				st := Analyze(statementSchema(), d, query)
				require.Equal(t, Cacheable, st.Reason(), "%s: %s", query, st.Detail())
				require.ElementsMatch(t, strings.Fields(tt.want), strings.Fields(spelled(st, args, tt.rows)), query)
			})
		}
	}
}

func TestStatementReasons(t *testing.T) {
	const all = "sqlite3 postgres mysql"
	for _, tt := range []struct {
		dialects, query string
		want            Reason
		detail          string
	}{
		{all, "SELECT id FROM users", Cacheable, ""},
		{all, "SELECT id FROM users;  ", Cacheable, ""},
		{all, "select id from users where score(id) > 1 and slug(name) = 'a'", Cacheable, ""},
		{"sqlite3 mysql", "SELECT id FROM users WHERE name = 'now or never'", Cacheable, ""},
		{all, "UPDATE users SET age = 1", NotSelect, ""},
		{all, "", NotSelect, ""},
		{all, "(SELECT id FROM users)", NotSelect, ""},
		{all, "VALUES (1)", NotSelect, ""},
		{all, "SELECT 1; DELETE FROM users", NotSelect, "several statements"},
		{all, "WITH x AS (DELETE FROM users RETURNING id) SELECT id FROM x", NotSelect, "DELETE"},
		{all, "SELECT id INTO copy FROM users", NotSelect, "INTO"},
		{all, "-- hint\nSELECT id FROM users", NotUnderstood, "a comment"},
		{all, "SELECT /*+ hint */ id FROM users", NotUnderstood, "a comment"},
		{"mysql", "SELECT id FROM users # x", NotUnderstood, "a comment"},
		{"postgres mysql", "SELECT id FROM users FOR UPDATE", Locking, ""},
		{"postgres", "SELECT id FROM users FOR NO KEY UPDATE OF users SKIP LOCKED", Locking, ""},
		{"postgres", "SELECT id FROM users FOR KEY SHARE", Locking, ""},
		{"mysql", "SELECT id FROM users LOCK IN SHARE MODE", Locking, ""},
		{all, "SELECT id FROM users WHERE id IN (SELECT id FROM pets FOR SHARE)", Locking, ""},
		{all, "SELECT id FROM users WHERE created_at < now()", Volatile, `function "now"`},
		{all, "SELECT id FROM users WHERE created_at < CURRENT_TIMESTAMP", Volatile, "CURRENT_TIMESTAMP"},
		{all, "SELECT id FROM users ORDER BY RANDOM()", Volatile, `function "random"`},
		{"postgres", `SELECT id FROM users WHERE "pg_catalog"."now"() > created_at`, Volatile, `function "now"`},
		{"postgres", "SELECT id FROM users WHERE created_at > 'Yesterday 10:00'", Volatile, "'Yesterday 10:00'"},
		{"sqlite3", "SELECT id FROM users WHERE created_at > date('now', '-1 day')", Volatile, `function "date"`},
		{"postgres", "SELECT id FROM users TABLESAMPLE SYSTEM (10)", Volatile, "TABLESAMPLE"},
		{"mysql", "SELECT id FROM users WHERE id = @x", Volatile, "a user variable"},
		{"mysql", "SELECT last_insert_id()", Volatile, `function "last_insert_id"`},
		{all, "SELECT secret(id) FROM users", UnknownFunction, `function "secret"`},
		{all, "SELECT id FROM users WHERE id IN (SELECT x FROM unknown(1))", UnknownFunction, `function "unknown"`},
		{all, "SELECT id FROM orders", UnknownTable, `table "orders"`},
		{all, "SELECT id FROM users WHERE EXISTS (SELECT 1 FROM users u JOIN orders o ON o.id = u.id)", UnknownTable, `table "orders"`},
		{"postgres", `SELECT id FROM "Users"`, UnknownTable, `table "Users"`},
		{"postgres", `SELECT id FROM "information_schema"."users"`, UnknownTable, `table "users"`},
		{"sqlite3", "SELECT id FROM sqlite_master", UnknownTable, `table "sqlite_master"`},
		{all, "WITH c AS (SELECT id FROM d), d AS (SELECT 1) SELECT id FROM c", UnknownTable, `table "d"`},
		{all, "SELECT id FROM hidden", OpenView, `view "hidden"`},
		{all, "SELECT id FROM users WHERE name = 'a", NotUnderstood, "an open quote"},
		{all, "SELECT id FROM users WHERE (id = 1", NotUnderstood, "an open parenthesis"},
		{all, "SELECT id) FROM users", NotUnderstood, "a parenthesis that isn't open"},
		{all, "SELECT id FROM users WHERE id = 1 AND x > offset OR name = 'b'", NotUnderstood, "near offset"},
		{"postgres", "SELECT id FROM users WHERE name = $$a$$", NotUnderstood, "a dollar sign"},
		{"postgres", `SELECT id FROM users WHERE name = E'\''`, NotUnderstood, "a quote behind a backslash"},
		{"mysql", `SELECT id FROM users WHERE name = 'a\' OR 1=1'`, NotUnderstood, "a quote behind a backslash"},
		{"postgres", "SELECT u.full FROM users u", NotUnderstood, `column "full"`},
		{"postgres", "SELECT (u).name FROM users u", NotUnderstood, "near ."},
		{"mysql", "SELECT id FROM \"users\"", NotUnderstood, "near users"},
		{"sqlite3", "SELECT id FROM 'users'", NotUnderstood, "near users"},
	} {
		for _, d := range strings.Fields(tt.dialects) {
			t.Run(d+"/"+tt.query, func(t *testing.T) {
				st := Analyze(statementSchema(), d, tt.query)
				require.Equal(t, tt.want, st.Reason(), st.Detail())
				require.Equal(t, tt.detail, st.Detail())
				require.Equal(t, tt.want, st.CheckArgs([]any{1}))
			})
		}
	}
	require.Equal(t, NotUnderstood, Analyze(statementSchema(), "gremlin", "SELECT 1").Reason())
	require.Equal(t, NotUnderstood, Analyze(statementSchema(), sqliteDialect, "SELECT "+strings.Repeat("(", 300)+"1"+strings.Repeat(")", 300)).Reason())
	require.Equal(t, NotUnderstood, Analyze(statementSchema(), sqliteDialect, "SELECT 1 WHERE "+strings.Repeat(" ", maxStatement)).Reason())
}

type textArg string

type valuerArg struct{ v driver.Value }

func (v valuerArg) Value() (driver.Value, error) { return v.v, nil }

func TestCheckArgs(t *testing.T) {
	for _, tt := range []struct {
		arg              any
		sqlite, postgres Reason
	}{
		{1, Cacheable, Cacheable},
		{"knowing", Cacheable, Cacheable},
		{" NOW ", Volatile, Volatile},
		{"tomorrow", Volatile, Volatile},
		{"today 10:00", Cacheable, Volatile},
		{[]byte("now"), Volatile, Volatile},
		{textArg("yesterday"), Volatile, Volatile},
		{valuerArg{"now"}, Volatile, Volatile},
		{valuerArg{int64(1)}, Cacheable, Cacheable},
		{uuid.New(), Cacheable, Cacheable},
		{(*uuid.UUID)(nil), Cacheable, Cacheable},
		{strings.Repeat("x", 200) + " now", Cacheable, Cacheable},
		{nil, Cacheable, Cacheable},
	} {
		for d, want := range map[string]Reason{sqliteDialect: tt.sqlite, postgresDialect: tt.postgres, mysqlDialect: Cacheable} {
			query := "SELECT id FROM users WHERE id = ?"
			if d == postgresDialect {
				query = "SELECT id FROM users WHERE id = $1"
			}
			require.Equal(t, want, Analyze(statementSchema(), d, query).CheckArgs([]any{2, tt.arg}), "%s %#v", d, tt.arg)
		}
	}
	st, args := Analyze(statementSchema(), postgresDialect, "SELECT id FROM users WHERE id = $1"), []any{1, "some text", int64(5), true, []byte("b")}
	require.Zero(t, testing.AllocsPerRun(100, func() { st.CheckArgs(args) }))
}

func TestStatementTraits(t *testing.T) {
	for _, tt := range []struct {
		query, columns             string
		foreign, sensitive, counts bool
	}{
		{"SELECT `users`.`id`, `users`.`name` FROM `users`", "id,name", false, false, false},
		{"SELECT t1.group_id, users.id FROM users JOIN group_users AS t1 ON users.id = t1.user_id", "group_id,id", false, false, false},
		{"SELECT users.id, pets.kind FROM users JOIN pets ON users.id = pets.owner_id", "id,kind", true, false, false},
		{"SELECT users.id, (COUNT(*)) OVER () AS n FROM users", "id,n", true, false, false},
		{"SELECT COUNT(DISTINCT users.id) FROM users", "n", true, false, true},
		{"SELECT COUNT(*) AS n FROM users WHERE age > 1", "n", true, false, true},
		{"WITH c AS (SELECT 1) SELECT COUNT(*) FROM c", "n", true, false, true},
		{"SELECT COUNT(*) + 1 FROM users", "n", true, false, false},
		{"SELECT COUNT(*), MAX(age) FROM users", "n,m", true, false, false},
		{"SELECT id, password FROM users", "id,password", false, true, false},
		{"SELECT * FROM users", "id,name", false, true, false},
		{"SELECT t.p FROM (SELECT password AS p FROM users) AS t", "p", true, true, false},
		{"SELECT max(users) FROM users", "m", true, true, false},
		{"SELECT rowid, who FROM users", "rowid,who", true, true, false},
		{"SELECT id FROM users WHERE password = ?", "id", false, false, false},
		{"SELECT pets.* FROM pets JOIN users ON users.id = pets.owner_id", "id,name,age,owner_id,kind,nick", false, false, false},
	} {
		st := Analyze(statementSchema(), sqliteDialect, tt.query)
		require.Equal(t, Cacheable, st.Reason(), "%s: %s", tt.query, st.Detail())
		require.Equal(t, tt.foreign, st.ForeignColumns(strings.Split(tt.columns, ",")), tt.query)
		require.Equal(t, tt.sensitive, st.Sensitive(), tt.query)
		require.Equal(t, tt.counts, st.Counts(), tt.query)
	}
}

// Facts of a result with rows cost little more than the list itself.
func TestFactsAllocations(t *testing.T) {
	st := Analyze(statementSchema(), sqliteDialect, "SELECT `pets`.`id`, `pets`.`name` FROM `pets` WHERE `pets`.`owner_id` IN (?, ?)")
	var values []any
	for i := range 100 {
		values = append(values, int64(i)<<40, "name")
	}
	rows := result("id,name", values...)
	args := []any{1, 2}
	f := Facts{List: make([]Fact, 0, 200)}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		f.List = f.List[:0]
		st.Facts(&f, args, rows)
	}))
	require.GreaterOrEqual(t, len(f.List), 100)
}

func BenchmarkAnalyze(b *testing.B) {
	s := statementSchema()
	for _, query := range []string{
		"SELECT `users`.`id`, `users`.`name`, `users`.`age`, `users`.`active`, `users`.`boss_id` FROM `users` WHERE `users`.`id` = ? LIMIT 2",
		"SELECT DISTINCT `users`.`id`, `users`.`name` FROM `users` WHERE EXISTS (SELECT `pets`.`owner_id` FROM `pets` WHERE `users`.`id` = `pets`.`owner_id` AND `pets`.`name` LIKE ?) AND `users`.`age` > ? ORDER BY `users`.`name` DESC LIMIT 10",
	} {
		b.Run(fmt.Sprint(len(query)), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Analyze(s, sqliteDialect, query)
			}
		})
	}
}
